"""Images whole and in parts, which come out the same, bit for bit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from gantools.core.artifact import Artifact
from gantools.core.errors import ArtifactError, InputMismatchError
from gantools.core.spec import AxisRange
from gantools.optimize.reach import Reach, reach_of
from gantools.samplers import open_artifact
from gantools.samplers.image_to_image import Images, ImageToImage
from gantools.samplers.tiles import Tiling
from tests.enhance.networks import begun, conv, enlarger, make_image_to_image, spec_of
from tests.zoo import Net, make_autoencoder


def picture(height: int, width: int, channels: int = 3, count: int = 1) -> Images:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, channels), np.uint8)


def bicubic() -> Net:
    net = begun()
    conv(net, (3, 8))
    net.then("PRelu", net.constant(np.full((8, 1, 1), 0.2, np.float32)))
    net.then("Resize", "", net.constant(np.array([1, 1, 2, 2], np.float32)), mode="cubic")
    conv(net, (8, 3), noise=0.1)
    return net


def transposed() -> Net:
    net = begun()
    conv(net, (3, 16), noise=0.2)
    net.then("Tanh")
    net.then(
        "ConvTranspose", net.weight(16, 3, 4, 4, fan_in=64), kernel_shape=[4, 4], strides=[2, 2], pads=[1, 1, 1, 1]
    )
    return net


def halving() -> Net:
    """A stride of two on the way, so that parts begin at even places only."""
    net = begun()
    first = net.last
    conv(net, (3, 8), strides=[2, 2])
    net.then("Relu")
    net.then("ConvTranspose", net.weight(8, 3, 2, 2, fan_in=8), kernel_shape=[2, 2], strides=[2, 2])
    net.then("Add", first)
    return net


NETS: dict[str, tuple[Callable[[], Net], int]] = {
    "pixel shuffle": (enlarger, 2),
    "bicubic": (bicubic, 2),
    "transposed": (transposed, 2),
    "halving": (halving, 1),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("graph", ["generator", "generator_float"])
def test_parts_equal_the_whole_bit_for_bit(name: str, graph: str, tmp_path: Path) -> None:
    make, scale = NETS[name]
    axes = {**spec_of().axes}
    if name == "halving":
        axes |= {axis: AxisRange(min=16, opt=64, max=256, step=2) for axis in ("height", "width")}
    spec = spec_of(scale=scale).model_copy(update={"axes": axes})
    artifact = make_image_to_image(tmp_path / "art", net=make, scale=scale, spec=spec)
    reach = reach_of(artifact.graph(graph)[0], "frame", "image")
    assert isinstance(reach, Reach)
    compared = 0
    with open_artifact(artifact.path, graph=graph) as generator:
        net = ImageToImage(generator)
        net.align = reach.align
        for height, width in ((40, 40), (61, 97)):
            images = picture(height, width, count=2)
            whole = net.run(images)
            assert whole.shape == (2, scale * height, scale * width, 3)
            assert len(np.unique(whole)) > 50, "a flat image has no seams anyway"
            for size in (24, 32, 50):
                for batch in (1, 3):
                    parts = net.run(images, batch=batch, tiling=Tiling((size, size), reach.halo, reach.align))
                    np.testing.assert_array_equal(parts, whole)
                    compared += 1
    assert compared == 12


def test_a_halo_that_is_too_small_is_seen(tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    artifact = make_image_to_image(tmp_path / "art")
    with open_artifact(artifact.path) as generator:
        net = ImageToImage(generator)
        images = picture(64, 64)
        whole = net.run(images)
        assert (net.run(images, tiling=Tiling((32, 32), 4)) == whole).all()
        assert not (net.run(images, tiling=Tiling((32, 32), 3)) == whole).all()


def test_sizes_that_do_not_fit_are_padded_and_cut_again(tmp_path: Path) -> None:
    axes = {**spec_of().axes} | {axis: AxisRange(min=16, opt=64, max=64, step=8) for axis in ("height", "width")}
    artifact = make_image_to_image(tmp_path / "art", spec=spec_of().model_copy(update={"axes": axes}))
    with open_artifact(artifact.path) as generator:
        net = ImageToImage(generator)
        assert net.padded(5, 17) == (16, 24)
        assert net.run(picture(5, 17)).shape == (1, 10, 34, 3)
        whole = net.run(picture(40, 48))
        np.testing.assert_array_equal(net.run(picture(40, 48)[:, :37, :43])[:, :60, :70], whole[:, :60, :70])
        assert net.too_large(64, 64) is None
        error = net.too_large(65, 20)
        assert isinstance(error, InputMismatchError)
        assert "takes a height of at most 64 pixels, and is given 72" in error.message


def test_turned_images_have_to_fit_as_well(tmp_path: Path) -> None:
    axes = {**spec_of().axes} | {"height": AxisRange(min=16, opt=32, max=32)}
    artifact = make_image_to_image(tmp_path / "art", spec=spec_of().model_copy(update={"axes": axes}))
    with open_artifact(artifact.path) as generator:
        net = ImageToImage(generator)
        assert net.too_large(32, 64) is None
        net.average_views()
        error = net.too_large(32, 64)
        assert isinstance(error, InputMismatchError)
        assert "takes a height of at most 32 pixels, and is given 64 where the image is turned" in error.message
        assert net.run(picture(20, 30)).shape == (1, 40, 60, 3)


def _refused(artifact: Artifact) -> ArtifactError:
    with open_artifact(artifact.path) as generator, pytest.raises(ArtifactError) as caught:
        ImageToImage(generator)
    return caught.value


def test_what_makes_images_of_seeds_is_refused(tmp_path: Path) -> None:
    assert "makes images of seeds, not of images" in _refused(make_autoencoder(tmp_path / "art")).message


def test_what_takes_more_for_each_pixel_is_refused(tmp_path: Path) -> None:
    def masked() -> Net:
        net = begun()
        net.nodes.append(helper.make_node("Mul", [net.last, "mask"], ["masked"]))
        net.last = "masked"
        return net

    spec = spec_of(scale=1)
    mask = spec.inputs[0].model_copy(
        update={"name": "mask", "dtype": "float32", "shape": ("batch", 1, "height", "width")}
    )
    spec = spec.model_copy(update={"inputs": (*spec.inputs, mask)})
    artifact = make_image_to_image(tmp_path / "art", net=masked, scale=1, spec=spec)
    assert "takes 'mask' for each pixel" in _refused(artifact).message


def test_what_changes_the_kind_of_image_is_refused(tmp_path: Path) -> None:
    def grey() -> Net:
        net = begun()
        net.then("ReduceMean", net.constant(np.array([1], np.int64)), keepdims=1)
        return net

    spec = spec_of(scale=1)
    output = spec.outputs[0].model_copy(update={"shape": ("batch", "height", "width", 1)})
    spec = spec.model_copy(update={"outputs": (output,)})
    artifact = make_image_to_image(tmp_path / "art", channels=1, net=grey, scale=1, spec=spec)
    assert "makes images of 1 channels of images of 3" in _refused(artifact).message


def test_what_makes_images_of_no_whole_multiple_is_refused(tmp_path: Path) -> None:
    from gantools.core.artifact import MANIFEST, load_artifact, seal
    from gantools.core.atomic import staged_folder

    artifact = make_image_to_image(tmp_path / "art")
    output = artifact.manifest.image.model_copy(update={"scale": None})
    with staged_folder(tmp_path / "other", marker=MANIFEST) as folder:
        for entry in artifact.manifest.graphs.values():
            (folder / entry.file).write_bytes((artifact.folder / entry.file).read_bytes())
        seal(folder, artifact.manifest.model_copy(update={"output": output}))
    assert "images of a whole multiple" in _refused(load_artifact(tmp_path / "other")).message
