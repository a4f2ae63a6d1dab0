"""What the graphs of a generator of text promise, on one small model in three runtimes."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from gantools.core.artifact import GraphFile
from gantools.core.spec import AxisRange
from gantools.core.tokens import BEGIN, END, FREE, UNKNOWN
from gantools.export.onnx import write_onnx
from gantools.models.model import Model
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session, Where
from gantools.samplers.feedforward import inputs_of
from gantools.verify.parity import NEAR_TIES
from tests.conformance.tiny_texts import sharpened, small_text_model

OPTIONS = {"vocabulary": 300, "steps": 12, "embedding": 8, "hidden": 24, "latent": 4, "candidates": 40}
SEEDS = 320
RUNTIMES = ("network", "onnxruntime", "openvino")


@pytest.fixture(scope="module")
def model() -> Model:
    made = sharpened(small_text_model("text_gru", OPTIONS), gain=1.5)
    bias = made.nets["G"].get_parameter("output.bias")
    bias[END] += 3.0  # about half of the texts end
    return made


@pytest.fixture(scope="module")
def file(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph, path = model.graphs["generator"], tmp_path_factory.mktemp("text") / "generator.onnx"
    write_onnx(graph, graph.spec, path)
    return path


def given(model: Model, graph: str, seeds: range, steps: int, **settings: float) -> Arrays:
    """What the seeds say, and settings."""
    inputs = inputs_of(model.graphs[graph].spec.inputs, model.sampler, seeds, {"steps": steps})
    return inputs | {name: np.full(len(seeds), value, np.float32) for name, value in settings.items()}


def run(model: Model, graph: str, inputs: Arrays) -> Arrays:
    """The outputs of the network."""
    spec = model.graphs[graph].spec
    with torch.inference_mode():
        found = model.graphs[graph].module(*(torch.from_numpy(inputs[tensor.name]) for tensor in spec.inputs))
    several = found if isinstance(found, tuple) else (found,)
    return {tensor.name: one.numpy() for tensor, one in zip(spec.outputs, several, strict=True)}


def tokens_of(model: Model, inputs: Arrays) -> npt.NDArray[np.int32]:
    return run(model, "generator", inputs)["tokens"]


@pytest.mark.parametrize("backend", RUNTIMES[1:])
@pytest.mark.parametrize("settings", [{}, {"temperature": 0.7, "top_k": 9.0, "top_p": 0.8}], ids=["plain", "cut"])
def test_hundreds_of_seeds_give_the_tokens_of_the_network(
    model: Model, file: Path, backend: str, settings: dict[str, float]
) -> None:
    """In batches and of lengths that were not traced, a new one at every call."""
    graph = model.graphs["generator"]
    entry = GraphFile(file=file.name, format="onnx", precision="fp32", spec=graph.spec)
    count = 0
    with Session(file, entry, Where(backend=backend, threads=1)) as session:
        for batch, steps in ((64, 12), (1, 12), (63, 5), (64, 1), (37, 11), (64, 7), (27, 12)):
            inputs = given(model, "generator", range(count, count + batch), steps, **settings)
            assert np.array_equal(session.run(inputs)["tokens"], tokens_of(model, inputs))
            count += batch
    assert count >= SEEDS


def test_texts_differ_and_end_and_hold_only_what_they_may(model: Model) -> None:
    tokens = tokens_of(model, given(model, "generator", range(SEEDS), 12))
    assert len(np.unique(tokens, axis=0)) > SEEDS / 2
    assert tokens.min() >= 0
    assert tokens.max() < 300
    assert not np.isin(tokens, (BEGIN, UNKNOWN)).any()
    ended = tokens == END
    assert SEEDS / 4 < ended.any(1).sum() < SEEDS
    assert (ended[:, 1:] >= ended[:, :-1]).all(), "behind the end is only the end"


def test_a_prefix_is_kept_and_changes_only_its_own_row(model: Model) -> None:
    inputs = given(model, "generator", range(50), 12)
    free = tokens_of(model, inputs)
    inputs["prefix"][::2, :3] = (7, UNKNOWN, 9)
    inputs["prefix"][::2, 5] = 11
    begun = tokens_of(model, inputs)
    assert np.array_equal(begun[1::2], free[1::2])
    assert (begun[::2, :3] == (7, UNKNOWN, 9)).all()
    assert (begun[::2, 5] == np.where((begun[::2, :5] == END).any(1), END, 11)).all()
    assert (begun[::2, 3:] != free[::2, 3:]).any()
    assert inputs["prefix"][1, 0] == FREE


def test_the_likeliest_text_does_not_depend_on_the_uniform_numbers(model: Model) -> None:
    inputs = given(model, "generator", range(40), 12, temperature=0.0)
    inputs["latent"][:] = inputs["latent"][0]
    cold = tokens_of(model, inputs)
    assert (cold == cold[0]).all()
    for settings in ({"top_k": 1.0}, {"top_p": 1e-6}):
        other = given(model, "generator", range(40), 12, **settings)
        other["latent"] = inputs["latent"]
        assert np.array_equal(tokens_of(model, other), cold)


def test_steps_make_the_text_of_the_whole_loop_and_the_score_is_their_sum(model: Model) -> None:
    count, steps = 60, 12
    inputs = given(model, "generator", range(count), steps)
    whole = tokens_of(model, inputs)
    state = run(model, "begin", {"latent": inputs["latent"]})
    token = np.full(count, BEGIN, np.int32)
    settings = {name: inputs[name] for name in ("temperature", "top_k", "top_p")}
    fed = {one.state_of: one.name for one in model.graphs["step"].spec.inputs if one.state_of}
    found, told = [], []
    for place in range(steps):
        uniforms = np.ascontiguousarray(inputs["uniforms"][:, place])
        made = run(model, "step", {"token": token, "uniforms": uniforms, **settings, **state})
        state |= {fed[name]: made[name] for name in fed if name is not None and name != "next_token"}
        token = made["next_token"]
        found.append(token)
        told.append(made["log_probability"])
    assert np.array_equal(np.stack(found, 1), whole)
    scored = run(model, "score", {"tokens": whole, "latent": inputs["latent"]})["log_likelihood"]
    np.testing.assert_allclose(np.stack(told, 1), scored, atol=1e-4)
    ended = (whole == END).cumsum(1) > 1
    assert ended.any()
    assert not scored[ended].any()
    assert (scored[~ended] < 0).all()


def test_the_score_is_a_probability(model: Model) -> None:
    """Over all first tokens the probabilities sum to 1, those that are never drawn among them."""
    latent = np.repeat(given(model, "generator", range(1), 1)["latent"], 300, 0)
    tokens = np.arange(300, dtype=np.int32)[:, None]
    first = run(model, "score", {"tokens": tokens, "latent": latent})["log_likelihood"]
    assert np.exp(first.astype(np.float64)).sum() == pytest.approx(1.0, abs=1e-5)


def test_of_thousands_of_nearly_equal_words_runtimes_choose_the_same(tmp_path: Path) -> None:
    """Random weights, 5,000 words, texts of 32: with one uniform number a token several of them would differ."""
    count, options = 512, {"vocabulary": 5000, "steps": 32, "embedding": 8, "hidden": 24, "candidates": 1}
    model = small_text_model("text_gru", options).eval()
    graph = model.graphs["generator"]
    spec = graph.spec.with_axis("batch", AxisRange(min=1, opt=16, max=256))
    write_onnx(graph, spec, tmp_path / "generator.onnx")
    entry = GraphFile(file="generator.onnx", format="onnx", precision="fp32", spec=spec)
    batches = [given(model, "generator", range(start, start + 256), 32) for start in range(0, count, 256)]
    expected = np.concatenate([tokens_of(model, inputs) for inputs in batches])
    assert len(np.unique(expected)) > 4500
    differ = 0
    for backend in RUNTIMES[1:]:
        with Session(tmp_path / entry.file, entry, Where(backend=backend, threads=1)) as session:
            found = np.concatenate([session.run(inputs)["tokens"] for inputs in batches])
        differ += int((found != expected).any(1).sum())
    assert differ <= 2
    assert 2 / (2 * count) < NEAR_TIES
