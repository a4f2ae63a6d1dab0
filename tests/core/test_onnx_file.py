from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from gantools.core.errors import ArtifactError
from gantools.core.onnx_file import append_metadata, check_external_data, external_data_locations, read_metadata


def external_tensor(name: str, location: str) -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="offset", value="0")
    return tensor


def model_with(tensors: list[TensorProto], *, nested: list[TensorProto] | None = None) -> onnx.ModelProto:
    """A model with external initializers, and others hidden in the branch of an If and in a Constant's attribute."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    if nested:
        constants = [helper.make_node("Constant", [], [f"c{i}"], value=tensor) for i, tensor in enumerate(nested)]
        branch = helper.make_graph(
            constants, "branch", [], [helper.make_tensor_value_info("c0", TensorProto.FLOAT, [1])]
        )
        nodes.append(helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch))
    graph = helper.make_graph(nodes, "g", [x], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])], tensors)
    return helper.make_model(graph)


def write(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def test_metadata_is_read_as_onnx_wrote_it(tmp_path: Path) -> None:
    model = model_with([])
    helper.set_model_props(model, {"author": "someone", "umlaut": "Größe"})
    assert read_metadata(write(model, tmp_path / "m.onnx")) == {"author": "someone", "umlaut": "Größe"}


def test_appended_metadata_is_seen_by_onnx_and_leaves_the_graph_alone(tmp_path: Path) -> None:
    path = write(model_with([]), tmp_path / "m.onnx")
    append_metadata(path, "gantools.manifest", "x" * 100_000)
    loaded = onnx.load(path)
    onnx.checker.check_model(loaded)
    assert {p.key: p.value for p in loaded.metadata_props} == {"gantools.manifest": "x" * 100_000}
    assert [node.op_type for node in loaded.graph.node] == ["Identity"]
    assert read_metadata(path)["gantools.manifest"] == "x" * 100_000


def test_metadata_that_was_appended_before_makes_room(tmp_path: Path) -> None:
    path = write(model_with([]), tmp_path / "m.onnx")
    before = path.stat().st_size
    append_metadata(path, "gantools.manifest", "x" * 300)
    append_metadata(path, "gantools.manifest", "second")
    loaded = onnx.load(path)
    assert [(p.key, p.value) for p in loaded.metadata_props] == [("gantools.manifest", "second")]
    assert path.stat().st_size < before + 50
    append_metadata(path, "another", "x")
    append_metadata(path, "gantools.manifest", "third")  # not at the end any more: the last one counts
    assert read_metadata(path) == {"gantools.manifest": "third", "another": "x"}


def test_external_data_is_found_wherever_it_hides(tmp_path: Path) -> None:
    model = model_with([external_tensor("a", "a.bin")], nested=[external_tensor("b", "deep/b.bin")])
    assert external_data_locations(write(model, tmp_path / "m.onnx")) == ["deep/b.bin", "a.bin"]


def test_external_data_inside_the_folder_is_accepted(tmp_path: Path) -> None:
    check_external_data(write(model_with([external_tensor("a", "weights/a.bin")]), tmp_path / "m.onnx"))


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "weights/../../secret.bin", "link/secret.bin"])
def test_external_data_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    path = write(model_with([], nested=[external_tensor("a", location)]), folder / "m.onnx")
    with pytest.raises(ArtifactError, match="outside its own folder"):
        check_external_data(path)


def test_a_missing_an_empty_and_a_cut_off_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no file"):
        read_metadata(tmp_path / "none.onnx")
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ArtifactError, match="not an ONNX file"):
        read_metadata(tmp_path / "empty.onnx")
    whole = write(model_with([]), tmp_path / "m.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[:-5])
    with pytest.raises(ArtifactError, match="not a whole ONNX file"):
        read_metadata(tmp_path / "cut.onnx")
