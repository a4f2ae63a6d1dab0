from pathlib import Path

import numpy as np
import pytest

from gantools.core.artifact import Artifact, Examples
from gantools.core.errors import ArtifactError
from gantools.core.sampler import NoiseInput, Sampler, Setting
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.verify.trials import examples_of, trial_inputs
from tests.zoo import make_artifact

INPUTS = (
    TensorSpec(name="latent", dtype="float32", shape=("batch", 8)),
    TensorSpec(name="label", dtype="int64", shape=("batch",)),
    TensorSpec(name="truncation", dtype="float32", shape=("batch",)),
    TensorSpec(name="picture", dtype="uint8", shape=("batch", 16, 8, 3)),
    TensorSpec(name="floats", dtype="float32", shape=("batch", 3, 16, 8)),
    TensorSpec(name="code", dtype="float32", shape=("batch", 4)),
)
SPEC = GraphSpec(inputs=INPUTS, outputs=(), axes={"batch": AxisRange(min=1, opt=1, max=200)})
SAMPLER = Sampler(
    kind="feedforward",
    graph="generator",
    noise={
        "latent": NoiseInput(distribution="normal", stream=0),
        "label": NoiseInput(distribution="category", stream=1, categories=5),
    },
    settings={"truncation": Setting(default=0.7, low=0.25, high=0.75)},
)


def test_every_input_of_a_graph_gets_rows_that_depend_on_their_seeds_alone() -> None:
    whole = trial_inputs(SPEC, SAMPLER, range(10, 18))
    part = trial_inputs(SPEC, SAMPLER, [13])
    assert set(whole) == {tensor.name for tensor in INPUTS}
    for tensor in INPUTS:
        assert whole[tensor.name].shape == tensor.concrete({"batch": 8})
        assert whole[tensor.name].dtype == tensor.dtype
        np.testing.assert_array_equal(whole[tensor.name][3], part[tensor.name][0])


def test_settings_are_tried_over_their_range_and_images_are_smooth() -> None:
    tried = trial_inputs(SPEC, SAMPLER, range(200))
    assert 0.25 <= tried["truncation"].min() < 0.3 < 0.7 < tried["truncation"].max() <= 0.75
    picture = tried["picture"].astype(int)
    steps = np.abs(np.diff(picture, axis=1)).mean()
    assert steps < 0.4 * picture.std(), "neighbours are alike; of white noise it is 1.15"
    assert picture.std() > 30
    assert np.abs(tried["floats"]).max() <= 1


def test_real_images_are_cut_or_mirrored_to_the_size_that_is_tried() -> None:
    spec = GraphSpec(
        inputs=(TensorSpec(name="x", dtype="uint8", shape=("batch", "height", "width", 3)),),
        outputs=(),
        axes={name: AxisRange(min=1, opt=6, max=99) for name in ("batch", "height", "width")},
    )
    taking = Sampler(kind="feedforward", graph="generator", image="x")
    examples = np.arange(2 * 8 * 9 * 3, dtype=np.uint8).reshape(2, 8, 9, 3)
    pieces = trial_inputs(spec, taking, range(40), examples=examples)["x"]
    assert pieces.shape == (40, 6, 6, 3)
    windows = np.lib.stride_tricks.sliding_window_view(examples, (6, 6), axis=(1, 2))
    for seed, piece in enumerate(pieces):
        places = (windows[seed % 2] == piece.transpose(2, 0, 1)).all((2, 3, 4))
        assert places.sum() == 1, "every piece is one of its own example"
    assert len({piece.tobytes() for piece in pieces}) > 8, "at many places"
    larger = trial_inputs(spec, taking, [1], sizes={"height": 10, "width": 9}, examples=examples)["x"]
    np.testing.assert_array_equal(larger[0, :8], examples[1])
    np.testing.assert_array_equal(larger[0, 8:], examples[1, :5:-1])


@pytest.mark.parametrize(("content", "words"), [(b"no array", "are no array"), (None, r"are uint8 \(2, 4, 4, 3\)")])
def test_examples_that_are_not_what_the_manifest_says_are_refused(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    own = make_artifact(tmp_path / "art")
    file = tmp_path / "examples.npy"
    np.save(file, np.zeros((2, 4, 4, 3), np.uint8))
    if content is not None:
        file.write_bytes(content)
    manifest = own.manifest.model_copy(update={"examples": Examples(file="examples.npy", count=3)})
    with pytest.raises(ArtifactError, match=words) as caught:
        examples_of(Artifact(tmp_path, manifest, ""))
    assert caught.value.hint == "make the artifact again"
