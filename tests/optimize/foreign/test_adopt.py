"""Foreign ONNX files become artifacts that compute what the files do, or are refused in one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from gantools.core.artifact import Artifact, load_artifact
from gantools.core.errors import (
    ArtifactError,
    GantoolsError,
    InputMismatchError,
    ParityError,
    RecipeError,
    UnknownNameError,
)
from gantools.core.events import Note
from gantools.core.spec import AxisRange
from gantools.optimize.foreign.adopt import adopt, is_foreign
from gantools.optimize.foreign.interface import Adoption
from gantools.optimize.foreign.wrap import wrapped
from gantools.samplers import open_artifact
from tests.optimize.foreign.models import (
    blended,
    detailed,
    enlarger,
    generator,
    halving,
    of_bytes,
    shrinking,
    spoken,
    styled,
)
from tests.zoo import make_artifact

UNIT = Adoption(input_range=(0, 1))


def shape_of(artifact: Artifact, name: str = "generator") -> tuple[object, ...]:
    return artifact.manifest.graphs[name].spec.outputs[0].shape


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 22])
def test_an_enlarger_of_any_opset_takes_and_gives_bytes(tmp_path: Path, opset: int) -> None:
    path = enlarger(tmp_path / "net.onnx", opset=opset)
    made = adopt(path, UNIT, tmp_path / "art")
    assert shape_of(made) == ("batch", "2*height", "2*width", 3)
    assert shape_of(made, "generator_float") == ("batch", 3, "2*height", "2*width")
    assert (made.manifest.image.scale, made.manifest.sampler.image) == (2, "x")
    assert {axis: (one.min, one.step) for axis, one in made.manifest.graphs["generator"].spec.axes.items()} == {
        "batch": (1, 1), "height": (16, 1), "width": (16, 1)
    }  # fmt: skip
    assert [parity.graph for parity in made.manifest.steps[0].parity] == ["generator", "generator_float"]
    image = np.random.default_rng(0).integers(0, 256, (2, 21, 34, 3), np.uint8)
    with open_artifact(made.path) as opened:
        found = opened.sample([0, 0], inputs={"x": image})
    given = np.ascontiguousarray(image.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
    (wanted,) = onnxruntime.InferenceSession(path).run(None, {"x": given})
    levels = np.rint(wanted * 255).clip(0, 255).transpose(0, 2, 3, 1)
    assert np.abs(found - levels).max() <= 1
    assert (found == levels).mean() > 0.999


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)])
def test_black_and_white_are_what_the_user_says(tmp_path: Path, low: float, high: float) -> None:
    """A network that enlarges gives flat pictures back as they are, whatever its range, if the range is right."""
    path = enlarger(tmp_path / "net.onnx")
    model = onnx.load(path)
    kernel = np.zeros((12, 3, 3, 3), np.float32)
    for place in range(12):
        kernel[place, place % 3, 1, 1] = 1
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(kernel, "kernel"))
    onnx.save(model, path)
    made = adopt(path, Adoption(input_range=(low, high)), tmp_path / "art")
    image = np.arange(0, 16 * 17 * 3).astype(np.uint8).reshape(1, 16, 17, 3)
    with open_artifact(made.path) as opened:
        np.testing.assert_array_equal(opened.sample([0], inputs={"x": image})[0, ::2, ::2], image[0])
        floats = open_artifact(made.path, graph="generator_float").sample([0], inputs={"x": image})
    np.testing.assert_allclose(floats[0, :, ::2, ::2], image[0].transpose(2, 0, 1) / 127.5 - 1, atol=1e-5)


def test_a_generator_of_one_fixed_size_gets_its_noise_from_the_seed(tmp_path: Path) -> None:
    made = adopt(generator(tmp_path / "net.onnx"), Adoption(), tmp_path / "art")
    assert made.manifest.sampler.image is None
    assert made.manifest.sampler.noise["0"].distribution == "normal"
    assert (made.manifest.image.height, made.manifest.image.channels, shape_of(made)) == (8, 1, (1, 8, 8, 1))
    with open_artifact(made.path) as opened:
        both = opened.sample([3, 4])
        assert both.shape == (2, 8, 8, 1)
        np.testing.assert_array_equal(both[1], opened.sample([4])[0])
        assert (both[0] != both[1]).any()


def test_images_in_nhwc_shared_inputs_and_other_outputs(tmp_path: Path) -> None:
    options = Adoption(input_range=(0, 255), roles={"styles": "uniform"})
    made = adopt(styled(tmp_path / "net.onnx"), options, tmp_path / "art")
    entry = made.manifest.graphs["generator"]
    assert [tensor.name for tensor in entry.spec.outputs] == ["output"], "the input has the name 'image' already"
    assert [tensor.shape for tensor in entry.spec.inputs] == [(1, "height", "width", 3), (4,)]
    image = np.random.default_rng(0).integers(0, 256, (1, 20, 18, 3), np.uint8)
    with open_artifact(made.path) as opened:
        found = opened.sample([0], inputs={"image": image, "styles": np.full(4, 0.5, np.float32)})
    np.testing.assert_allclose(found, image / 2, atol=0.51)


def test_the_step_of_a_network_that_halves_is_found(tmp_path: Path) -> None:
    made = adopt(halving(tmp_path / "net.onnx"), UNIT, tmp_path / "art")
    limits = made.manifest.graphs["generator"].spec.axes["height"]
    assert (limits.min, limits.step) == (16, 16)
    with open_artifact(made.path) as opened, pytest.raises(InputMismatchError, match="takes multiples of 16"):
        opened.sample([0], inputs={"x": np.zeros((1, 24, 32, 3), np.uint8)})


def test_the_size_is_that_of_the_output_that_was_asked_for(tmp_path: Path) -> None:
    net = detailed(tmp_path / "net.onnx")
    whole = adopt(net, said(output="y"), tmp_path / "a")
    assert (shape_of(whole), whole.manifest.image.scale) == (("batch", "2*height", "2*width", 3), 2)
    first = adopt(net, UNIT, tmp_path / "b")
    assert (shape_of(first), first.manifest.image.scale) == (("batch", "height", "width", 3), 1)


def test_bytes_need_no_range(tmp_path: Path) -> None:
    made = adopt(of_bytes(tmp_path / "net.onnx"), Adoption(), tmp_path / "art")
    image = np.random.default_rng(0).integers(0, 256, (1, 20, 18, 3), np.uint8)
    with open_artifact(made.path) as opened:
        np.testing.assert_array_equal(opened.sample([0], inputs={"x": image}), image)


def test_limits_that_the_user_gives_stay(tmp_path: Path) -> None:
    axes = {"height": AxisRange(min=8, opt=24, max=48), "width": AxisRange(min=8, opt=32, max=64)}
    made = adopt(enlarger(tmp_path / "net.onnx"), UNIT.model_copy(update={"axes": axes}), tmp_path / "art")
    spec = made.manifest.graphs["generator"].spec
    assert {name: spec.axes[name] for name in axes} == axes
    assert (made.manifest.image.height, made.manifest.image.width) == (48, 64)


def test_real_images_go_with_the_artifact(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3), np.uint8)
    asked: list[object] = []

    def examples(*what: object) -> Any:
        asked.append(what)
        return images

    made = adopt(enlarger(tmp_path / "net.onnx"), UNIT, tmp_path / "art", examples=examples)
    assert asked == [(256, 256, 3, 2)]
    assert made.manifest.examples is not None
    assert made.manifest.examples.count == 3
    np.testing.assert_array_equal(np.load(made.folder / made.manifest.examples.file), images)
    assert adopt(enlarger(tmp_path / "net.onnx"), UNIT, tmp_path / "b", examples=examples).digest == made.digest
    (made.folder / made.manifest.examples.file).write_bytes(b"no")
    with pytest.raises(ArtifactError, match="was changed or damaged"):
        load_artifact(made.path)


@pytest.mark.parametrize(
    ("gain", "words"), [(4.0, "of it is cut off; is --output-range right"), (0.01, "nearly of one colour")]
)
def test_a_range_that_cannot_be_right_is_told(tmp_path: Path, gain: float, words: str) -> None:
    said: list[str] = []
    made = adopt(
        enlarger(tmp_path / "net.onnx", gain=gain),
        UNIT,
        tmp_path / "art",
        on_event=lambda event: said.append(event.text) if isinstance(event, Note) else None,
    )
    assert any(words in text for text in said)
    assert tuple(said) == made.manifest.steps[0].notes


def test_a_wrapping_that_computes_something_else_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = wrapped

    def scaled(model: Any, *rest: Any) -> Any:
        made = whole(model, *rest)
        value = made.graph.initializers["kernel"]
        assert value.const_value is not None
        value.const_value = ir.tensor(value.const_value.numpy() * np.float32(1.01), name="kernel")
        return made

    monkeypatch.setattr("gantools.optimize.foreign.adopt.wrapped", scaled)
    with pytest.raises(ParityError, match=r"differs from 'net.onnx'"):
        adopt(enlarger(tmp_path / "net.onnx"), UNIT, tmp_path / "art")
    assert not (tmp_path / "art").exists()


def _label(path: Path) -> Path:
    kernel = np.ones((5, 48), np.float32)
    nodes = [
        helper.make_node("Gather", ["kernel", "label"], ["row"]),
        helper.make_node("Reshape", ["row", "shape"], ["y"]),
    ]
    weights = [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(np.array([-1, 3, 4, 4]), "shape")]
    ins = [helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, 4, 4])]
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(
        helper.make_model(helper.make_graph(nodes, "g", ins, outs, weights), opset_imports=opsets, ir_version=8), path
    )
    return path


def test_labels_are_drawn_where_the_user_says_how_many_there_are(tmp_path: Path) -> None:
    path = _label(tmp_path / "net.onnx")
    with pytest.raises(RecipeError, match="what input 'label', int64 \\(n\\), is cannot be told") as caught:
        adopt(path, Adoption(), tmp_path / "art")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("--input label=ROLE: image, normal")
    made = adopt(path, Adoption(roles={"label": "category:5"}), tmp_path / "art")
    assert made.manifest.sampler.noise["label"].categories == 5


def _half(path: Path) -> Path:
    model = onnx.load(enlarger(path))
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(model.graph.initializer[0]).astype(np.float16), "kernel")
    )
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(model, path)
    return path


def _text(path: Path) -> Path:
    path.write_text("not a model, and long enough to look at")
    return path


def _vector(path: Path) -> Path:
    nodes = [helper.make_node("Relu", ["z"], ["y"])]
    ins, outs = ([helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 7])] for name in "zy")
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ins, outs), opset_imports=opsets, ir_version=8), path)
    return path


EVEN = AxisRange(min=16, opt=32, max=64)
LIMITS = AxisRange(min=1, opt=1, max=2)


def said(**more: Any) -> Adoption:
    return Adoption.model_validate({"input_range": (0, 1), **more})


REFUSED: list[tuple[Callable[[Path], Path], Adoption, type[GantoolsError], str]] = [
    (_text, UNIT, ArtifactError, "is not a whole ONNX file|no valid ONNX model"),
    (enlarger, Adoption(), RecipeError, "input 'x' is an image, and the file does not say in which range"),
    (enlarger, said(roles={"y": "normal"}), UnknownNameError, "no input of this graph is called 'y'"),
    (enlarger, said(roles={"x": "noise"}), RecipeError, "input 'x' cannot be 'noise'"),
    (enlarger, said(output="z"), UnknownNameError, "no output of this graph is called 'z'"),
    (enlarger, said(axes={"depth": LIMITS}), UnknownNameError, "dynamic axis"),
    (enlarger, said(roles={"x": "category:3"}), RecipeError, "input 'x' is float, which 'category:3' is not"),
    (_half, UNIT, ArtifactError, "is in float16 already, and optimize starts from float32"),
    (_vector, Adoption(), ArtifactError, "no output is an image, of rank 4 with 1 or 3 channels: 'y' \\(1, 7\\)"),
    (styled, Adoption(input_range=(0, 255), output="used"), RecipeError, "'used' is float \\(4\\), which is no image"),
    (blended, UNIT, ArtifactError, "inputs 'a', 'b' are all images, and one is all that is understood"),
    (shrinking, UNIT, ArtifactError, "no size of image that was tried fits: it makes \\(1, 3, 96, 160\\) of 192x320"),
    (shrinking, said(axes={"height": EVEN, "width": EVEN}), ArtifactError, "the sizes given by --axis do not fit"),
    (spoken, Adoption(), RecipeError, "axis 't' is dynamic, and no limits are known"),
    (lambda path: generator(path, batch=4), Adoption(), ArtifactError, "makes 4 images at once, always"),
]  # fmt: skip


@pytest.mark.parametrize(("write", "options", "error", "words"), REFUSED)
def test_what_is_not_understood_is_refused_in_one_sentence(
    tmp_path: Path, write: Callable[[Path], Path], options: Adoption, error: type[GantoolsError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        adopt(write(tmp_path / "net.onnx"), options, tmp_path / "art")
    assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"], "nothing half-written"


def test_an_artifact_is_no_foreign_file(tmp_path: Path) -> None:
    own = make_artifact(tmp_path / "art")
    assert not is_foreign(own.path)
    assert not is_foreign(own.path / "generator.onnx")
    assert is_foreign(enlarger(tmp_path / "net.onnx"))
    with pytest.raises(ArtifactError, match="there is no file"):
        is_foreign(tmp_path / "none.onnx")
