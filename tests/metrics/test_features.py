import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from gantools.core.atomic import sha256_file
from gantools.core.errors import ArtifactError, DataError, UnknownNameError
from gantools.core.events import Event, Progress
from gantools.core.onnx_file import external_data_locations
from gantools.data import builtin
from gantools.data.decode import decode
from gantools.metrics.features import DEFAULT, EXTRACTORS, FOLDER, Extractor, checked_card, load_extractor

Images = npt.NDArray[np.uint8]


def digits(chosen: slice) -> tuple[Images, npt.NDArray[np.int64]]:
    images = [decode(entry.read(), resolution=32, channels=1) for entry in builtin.digits()[chosen]]
    return np.stack(images), load_digits().target[chosen]


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load_extractor("digits-cnn")


def test_the_shipped_extractor_is_small_whole_and_pure(extractor: Extractor) -> None:
    path = FOLDER / f"{extractor.name}.onnx"
    assert path.stat().st_size < 1_000_000
    assert sha256_file(path) == extractor.sha256 == json.loads(path.with_suffix(".json").read_text())["sha256"]
    assert external_data_locations(path) == []
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    operators = {node.op_type for node in model.graph.node}
    assert "Conv" in operators
    assert not [
        operator for operator in operators if operator.startswith("Random") or operator in ("Bernoulli", "Dropout")
    ]
    assert len(list(FOLDER.glob("*.onnx"))) == 1


def test_the_default_extractor_is_in_the_table() -> None:
    assert DEFAULT in EXTRACTORS
    assert len(EXTRACTORS) == 4


def test_held_out_digits_are_classified_as_the_card_says(extractor: Extractor) -> None:
    assert extractor.card.training["held_out"].startswith("images 1437-1796")
    images, labels = digits(slice(1437, 1797))
    probabilities = extractor.probabilities(images)
    accuracy = float((probabilities.argmax(1) == labels).mean())
    assert len(labels) == 360
    assert accuracy > 0.97
    assert accuracy == pytest.approx(extractor.card.held_out_accuracy, abs=1.5 / 360)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-5)


def test_features_are_the_same_in_any_batch(extractor: Extractor) -> None:
    """600 images make three runs of the session."""
    images = np.tile(digits(slice(0, 100))[0], (6, 1, 1, 1))
    together = extractor.features(images)
    assert together.shape == (600, extractor.card.features)
    assert together.dtype == np.float32
    assert together.std(0).max() > 0.1
    seen: list[Event] = []
    rows = extractor.rows(images, on_event=seen.append)
    np.testing.assert_array_equal(rows.features, together)
    np.testing.assert_array_equal(rows.probabilities, extractor.probabilities(images))
    assert [event.done for event in seen if isinstance(event, Progress)] == [256, 512, 600]
    for few in (1, 7):
        np.testing.assert_allclose(extractor.features(images[:few]), together[:few], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(together[500:], together[:100], rtol=1e-5, atol=1e-6)


def test_features_change_smoothly_with_the_image(extractor: Extractor) -> None:
    images = digits(slice(0, 200))[0]
    moved = extractor.features(np.clip(images.astype(int) + 3, 0, 255).astype(np.uint8)) - extractor.features(images)
    spread = extractor.features(images).std(0)
    assert 0.0 < np.abs(moved).mean() < 0.1 * spread.mean()


def test_a_grey_image_in_three_channels_has_the_same_features(extractor: Extractor) -> None:
    grey = digits(slice(0, 20))[0]
    np.testing.assert_array_equal(extractor.features(np.repeat(grey, 3, axis=3)), extractor.features(grey))


def test_colours_become_luma_as_pillow_makes_it(extractor: Extractor) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    luma = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in colour])[..., None]
    difference = np.abs(extractor._prepared(colour).astype(int) - luma)
    assert difference.max() <= 1


@pytest.mark.parametrize("shape", [(64, 64), (48, 96), (8, 8)])
def test_images_of_other_sizes_are_resized_with_antialiasing(extractor: Extractor, shape: tuple[int, int]) -> None:
    fine = np.zeros((3, *shape, 1), np.uint8)
    fine[:, ::2] = 200  # stripes one pixel wide: their mean is 100
    assert extractor.features(fine).shape == (3, extractor.card.features)
    prepared = extractor._prepared(fine)
    assert prepared.shape == (3, 32, 32, 1)
    if shape[0] >= 64:
        assert np.abs(prepared[:, 4:-4].astype(int) - 100).max() <= 12


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 32, 32), np.uint8),
        np.zeros((2, 32, 32, 1), np.float32),
        np.zeros((2, 3, 32, 32), np.uint8),
        np.zeros((0, 32, 32, 1), np.uint8),
    ],
    ids=["no channels", "float", "NCHW", "none"],
)
def test_what_are_no_images_is_refused(extractor: Extractor, images: Images) -> None:
    with pytest.raises(DataError, match=r"images must be \(n, height, width, 1 or 3\) uint8, got"):
        extractor.features(images)


def test_a_changed_extractor_is_refused(tmp_path: Path) -> None:
    for suffix in (".onnx", ".json"):
        shutil.copy(FOLDER / f"digits-cnn{suffix}", tmp_path)
    path = tmp_path / "digits-cnn.onnx"
    assert checked_card(path).name == "digits-cnn"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ArtifactError, match=r"'digits-cnn.onnx' has digest .*, its card says"):
        checked_card(path)
    path.unlink()
    with pytest.raises(ArtifactError, match="'digits-cnn' is missing or its card cannot be read"):
        checked_card(path)


def test_an_unknown_extractor_is_named_with_its_near_match() -> None:
    with pytest.raises(UnknownNameError, match="no feature extractor is called 'digits-cn'; did you mean 'digits-cnn'"):
        load_extractor("digits-cn")


def test_metrics_load_neither_torch_nor_a_runtime() -> None:
    code = (
        "import sys, gantools.verify.evaluate, gantools.metrics.pretrained;"
        "from gantools.metrics import METRICS; [*map(METRICS.load, METRICS)];"
        "sys.exit(bool({'torch', 'onnx', 'onnxruntime', 'openvino', 'PIL', 'scipy', 'pooch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
