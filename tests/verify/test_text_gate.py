"""What texts may lose: where they part, what is measured, what is refused and in which words."""

import json
from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from typer.testing import CliRunner

from gantools.cli.app import app
from gantools.core.artifact import Artifact, GraphFile, load_artifact
from gantools.core.errors import DataError, QualityError, RecipeError, UnknownNameError
from gantools.core.spec import TensorSpec
from gantools.optimize import optimize as room
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.optimize.search import candidate_plans
from gantools.optimize.typed import Draft
from gantools.runtime.session import Session
from gantools.verify.gate import Yardstick
from gantools.verify.parity import compare_arrays, departures, measure, rows_of_equal_tokens
from gantools.verify.report import verify
from gantools.verify.text_gate import SCORE, TextGate, budgets_of, texts_of
from gantools.verify.tolerances import TOLERANCES
from tests.conformance.tiny_texts import TEXTS_SMALL, make_text_artifact, sharpened, small_text_model

PLAN = Plan(target="onnxruntime", precision="int8", samples=200, threads=1)
TOKENS = TensorSpec(name="tokens", dtype="int32", shape=("batch", 4))


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    model = sharpened(small_text_model("text_gru", TEXTS_SMALL["text_gru"][0]), 1.5)
    return make_text_artifact(tmp_path_factory.mktemp("texts") / "art", model)


@pytest.fixture(scope="module")
def child(parent: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return optimize(parent, PLAN, tmp_path_factory.mktemp("child") / "art")


def test_texts_are_compared_up_to_where_they_part_or_end() -> None:
    source = np.array([[5, 6, 7, 8], [5, 6, 0, 0], [5, 6, 7, 0], [0, 0, 0, 0], [5, 6, 7, 8]], np.int32)
    final = np.array([[5, 6, 7, 8], [5, 6, 0, 0], [5, 9, 7, 0], [4, 9, 0, 0], [5, 6, 7, 0]], np.int32)
    followed, differ = departures(final, source)
    assert followed.tolist() == [4, 3, 2, 1, 4]
    assert differ.tolist() == [False, False, True, True, True]
    followed, differ = departures(final[:, 1], source[:, 1])  # one token each, as the graph step gives them
    assert (followed.tolist(), differ.tolist()) == ([1] * 5, [False, False, True, True, False])


@pytest.mark.parametrize(("off", "first", "ok"), [(4, 1, True), (20, 1, True), (100, 0, False)])
def test_below_fp32_a_share_of_tokens_may_differ(off: int, first: int, ok: bool) -> None:
    expected = np.full((100, 4), 7, np.int32)
    got = expected.copy()
    got[:off, first:] = 40
    difference = compare_arrays(TOKENS, got, expected, TOLERANCES["bf16"])
    assert difference.ok is ok
    values = 4 * (100 - off) + off * (first + 1)
    assert (difference.counted, difference.beyond, difference.values) == ("tokens", off, values)
    assert f"differs in {off} of {values} tokens that follow the same ones (at most {difference.limit:.1%})" in str(
        difference
    )
    assert not compare_arrays(TOKENS, got[:1], expected[:1, :2], TOLERANCES["bf16"]).ok


def test_what_is_said_of_another_token_is_not_compared(parent: Artifact) -> None:
    with Session.of(parent, "step") as step:
        rows = [True, False, True]
        one = {"next_token": np.array([3, 4, 5], np.int32)}
        other = {"next_token": np.array([3, 9, 5], np.int32)}
        assert rows_of_equal_tokens(step.spec, one, other).tolist() == rows  # type: ignore[union-attr]
        assert rows_of_equal_tokens(step.spec, one, {"next_token": np.zeros(2, np.int32)}) == slice(None)
        tokens, *floats = measure(step, step, parent.manifest.sampler, TOLERANCES["bf16"])
    assert (tokens.counted, tokens.beyond) == ("tokens", 0)
    assert {one.counted for one in floats} == {"values"}


def test_a_generator_loses_nothing_to_itself_and_one_that_is_hotter_loses_both(
    parent: Artifact, tmp_path: Path
) -> None:
    """Logits that are a tenth smaller: the figures are those of the definition, computed here by hand."""
    hotter = _scaled(parent, tmp_path, 0.9)
    sampler, budgets = parent.manifest.sampler, {"nats": 0.01, "tokens": 0.1}
    with (
        Session.of(parent) as writing,
        Session.of(parent, SCORE) as scoring,
        Session.of(hotter) as other_writing,
        Session.of(hotter, SCORE) as other_scoring,
    ):
        gate = TextGate(writing, scoring, sampler, 100)
        same = gate.losses(writing, scoring, budgets)
        nats, tokens = gate.losses(other_writing, other_scoring, budgets)
        own = gate._source.read
        likely, less = (
            np.concatenate([one.run({"tokens": part})["log_likelihood"] for part in (own[:50], own[50:])])
            for one in (scoring, other_scoring)
        )
        real = texts_of(parent, "some.txt", "abc", ["w1 w2", "w3 w4 w5"] * 30, 100)
        (of_real,) = TextGate(writing, scoring, sampler, 100, real).losses(other_writing, other_scoring, {"nats": 9.0})
        with pytest.raises(DataError, match="got 8 samples"):
            TextGate(writing, scoring, sampler, 8).losses(other_writing, other_scoring, budgets)
    assert [(one.loss, one.interval, one.ok) for one in same] == [(0.0, (0.0, 0.0), True)] * 2
    assert nats.loss > 0
    assert (nats.samples, nats.seeds, nats.data) == (100, "3000000-3000099", "")
    assert nats.final is not None
    assert nats.source is not None
    assert nats.final - nats.source == pytest.approx(nats.loss)
    lengths = (own != 0).sum(1) + (own == 0).any(1)
    assert (likely - less).sum() / lengths.sum() == pytest.approx(nats.loss, rel=1e-3)
    assert 0.01 < tokens.loss < 0.5
    assert tokens.interval[0] < tokens.loss < tokens.interval[1]
    assert (of_real.samples, of_real.data, of_real.data_sha256, of_real.seeds) == (60, "some.txt", "abc", "")
    assert of_real.loss != nats.loss


def _scaled(artifact: Artifact, folder: Path, factor: float) -> Artifact:
    """The same with other output weights, in a folder of its own."""
    model = sharpened(small_text_model("text_gru", TEXTS_SMALL["text_gru"][0]), 1.5)
    for weight in model.nets["G"].output.parameters():  # type: ignore[union-attr]
        weight.data *= factor
    return make_text_artifact(folder / "hotter", model)


def test_budgets_are_those_of_the_precision_unless_others_are_given(parent: Artifact, tmp_path: Path) -> None:
    assert budgets_of("fp32") == {}
    usual = budgets_of("bf16")
    assert set(usual) == {"nats", "tokens"}
    assert budgets_of("fp16")["tokens"] < usual["tokens"]
    assert budgets_of("bf16", {"nats": 0.5}) == {**usual, "nats": 0.5}
    assert budgets_of("fp32", {"tokens": 0.1}) == {"tokens": 0.1}
    with pytest.raises(UnknownNameError, match="'nat'"):
        optimize(parent, PLAN.model_copy(update={"max_loss": {"nat": 1.0}}), tmp_path / "out")
    with pytest.raises(RecipeError, match="the loss of 'nats' may be 0, which no measurement can prove") as caught:
        optimize(parent, PLAN.model_copy(update={"max_loss": {"nats": 0.0}}), tmp_path / "out")
    assert caught.value.hint == "give a number above 0, such as --max-loss nats=0.01"
    made = optimize(parent, PLAN.model_copy(update={"precision": "fp32"}), tmp_path / "fp32")
    assert made.manifest.steps[-1].losses == ()


def test_a_loss_beyond_its_budget_is_refused_by_name(parent: Artifact, tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"max_loss": {"tokens": 1e-6}})
    said = r"the precision int8 on onnxruntime costs too much: tokens lost 0\.\d+ \(.* over 200 pairs, allowed 1e-06\."
    with pytest.raises(QualityError, match=said):
        optimize(parent, plan, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    given = ["optimize", str(parent.path), "--target", "onnxruntime", "--precision", "int8", "--samples", "200"]
    refused = CliRunner().invoke(app, [*given, "--max-loss", "tokens=1e-6", "--out", str(tmp_path / "out")])
    assert isinstance(refused.exception, QualityError)


def test_a_defect_that_leaves_texts_likely_enough_elementwise_fires_the_gate(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bias that is lost, with element-wise checks switched off."""
    right = Draft.write

    def wrong(draft: Draft, path: Path, islands: Collection[str] = ()) -> GraphFile:
        made = right(draft, path, islands)
        model = onnx.load(path)
        (bias,) = (one for one in model.graph.initializer if one.name == "net.output.bias")
        bias.CopyFrom(numpy_helper.from_array(np.linspace(-2, 2, bias.dims[0], dtype=np.float32), bias.name))
        onnx.save(model, path)
        return made

    monkeypatch.setattr(Draft, "write", wrong)
    monkeypatch.setattr(room, "_judge_compiled", lambda *given: [])
    with pytest.raises(QualityError, match=r"nats lost 0\.\d+ .* allowed 0\.005"):
        optimize(parent, PLAN, tmp_path / "out")


def test_a_report_shows_what_texts_lost_and_fails_where_it_is_too_much(
    parent: Artifact, child: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = CliRunner()
    shown = cli.invoke(app, ["verify", str(child.path), "--against", str(parent.path)], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert "loss of nats" in shown.stdout
    assert "allowed 0.15" in shown.stdout
    document = json.loads(cli.invoke(app, ["verify", str(child.path), "--against", str(parent.path), "--json"]).stdout)
    assert [one["metric"] for one in document["losses"]] == ["nats", "tokens"]
    assert {one["samples"] for one in document["losses"]} == {1000}
    assert verify(parent, parent).losses == ()
    monkeypatch.setattr("gantools.verify.report.budgets_of", lambda *_: {"tokens": 1e-6})
    report = verify(child, parent)
    assert report.verdict == "failed"
    assert [one.kind for one in report.failures] == ["quality"]
    with pytest.raises(QualityError, match="the precision int8 costs too much: tokens lost"):
        report.raise_if_failed()


def test_real_texts_are_scored_where_nothing_else_must_be_known(
    parent: Artifact, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "real.txt").write_text("w1 w2 w3\nw4 w5\n" * 40)
    given = ["optimize", str(parent.path), "--target", "onnxruntime", "--precision", "int8", "--samples", "200"]
    made = CliRunner().invoke(app, [*given, "--data", str(tmp_path / "real.txt"), "--out", str(tmp_path / "out")])
    assert made.exit_code == 0, made.output
    nats, tokens = load_artifact(tmp_path / "out").manifest.steps[-1].losses
    assert (nats.data, nats.samples) == (str(tmp_path / "real.txt"), 80)
    assert (tokens.data, tokens.samples) == ("", 200)
    model = sharpened(small_text_model("text_vae", TEXTS_SMALL["text_vae"][0]))
    of_latents = make_text_artifact(tmp_path / "vae", model)
    with pytest.raises(RecipeError, match="how likely a text is depends on its latent in this generator") as caught:
        texts_of(of_latents, "real.txt", "abc", ["w1"], 10)
    assert caught.value.hint == "leave --data out: the generator's own texts will do"
    assert Yardstick().texts is None


def test_a_search_tries_fewer_bits_of_texts_without_being_asked() -> None:
    plan = Plan(target="auto")
    tried, of_images = candidate_plans(plan, of_texts=True), candidate_plans(plan)
    assert "onnxruntime-int8" in tried
    assert {name.rpartition("-")[2] for name in of_images} == {"fp32"}
    assert set(of_images) < set(tried)
