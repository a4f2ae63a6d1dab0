import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from gantools.core.artifact import load_artifact
from gantools.core.errors import ArtifactError, UnknownNameError

MakeArtifact = Callable[..., Path]


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    raw = json.loads((folder / "manifest.json").read_text())
    change(raw)
    (folder / "manifest.json").write_text(json.dumps(raw))


def test_an_artifact_opens_with_its_digest(make_artifact: MakeArtifact) -> None:
    first, second = load_artifact(make_artifact()), load_artifact(make_artifact(name="other"))
    assert first.digest == second.digest
    assert first.graph()[1].sha256 != ""
    assert first.graph("generator") == first.graph()


def test_a_lone_onnx_opens_from_its_own_metadata(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    lone = tmp_path / "somewhere.onnx"
    lone.write_bytes((make_artifact() / "generator.onnx").read_bytes())
    opened = load_artifact(lone)
    assert opened.manifest.name == "tiny"
    assert opened.graph()[0] == lone
    onnx.checker.check_model(str(lone))


def test_an_onnx_of_somebody_else_is_refused(tmp_path: Path) -> None:
    graph = onnx.helper.make_graph([], "g", [], [])
    (tmp_path / "m.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    with pytest.raises(ArtifactError, match="holds no gantools manifest"):
        load_artifact(tmp_path / "m.onnx")


def test_a_changed_byte_is_found(make_artifact: MakeArtifact) -> None:
    folder = make_artifact()
    content = bytearray((folder / "generator.onnx").read_bytes())
    content[200] ^= 1
    (folder / "generator.onnx").write_bytes(content)
    with pytest.raises(ArtifactError, match="it was changed or damaged"):
        load_artifact(folder)


def test_a_missing_folder_a_folder_without_manifest_and_a_missing_file_are_named(
    make_artifact: MakeArtifact, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        load_artifact(tmp_path / "none")
    with pytest.raises(ArtifactError, match="is not an artifact"):
        load_artifact(tmp_path)
    folder = make_artifact()
    (folder / "generator.onnx").unlink()
    with pytest.raises(ArtifactError, match="is named in the manifest and does not exist"):
        load_artifact(folder)


@pytest.mark.parametrize("file", ["../generator.onnx", "/etc/passwd", "a/../../b", ""])
def test_file_names_stay_inside_the_folder(make_artifact: MakeArtifact, file: str) -> None:
    folder = make_artifact()
    edit_manifest(folder, lambda raw: raw["graphs"]["generator"].update(file=file))
    with pytest.raises(ArtifactError, match="stay inside the artifact folder"):
        load_artifact(folder)


def test_external_data_that_leaves_the_folder_is_refused_even_with_a_right_digest(make_artifact: MakeArtifact) -> None:
    from gantools.core.atomic import sha256_file

    folder = make_artifact()
    model = onnx.load(folder / "generator.onnx")
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../weights.bin")
    (folder / "generator.onnx").write_bytes(model.SerializeToString())
    digest = sha256_file(folder / "generator.onnx")
    edit_manifest(folder, lambda raw: raw["graphs"]["generator"].update(sha256=digest))
    with pytest.raises(ArtifactError, match="outside its own folder"):
        load_artifact(folder)


def test_a_newer_schema_a_broken_json_and_an_unknown_key_are_named(make_artifact: MakeArtifact) -> None:
    folder = make_artifact()
    edit_manifest(folder, lambda raw: raw.update(surprise=1))
    with pytest.raises(ArtifactError, match="surprise"):
        load_artifact(folder)
    edit_manifest(folder, lambda raw: raw.update(schema=99))
    with pytest.raises(ArtifactError, match="has schema 99, this gantools reads schema 1"):
        load_artifact(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ArtifactError, match="is not JSON") as caught:
        load_artifact(folder)
    assert caught.value.hint == "copy the artifact again, or export it again"


def test_an_unknown_graph_lists_those_there_are(make_artifact: MakeArtifact) -> None:
    with pytest.raises(
        UnknownNameError, match="no graph of this artifact is called 'generatr'; did you mean 'generator'"
    ):
        load_artifact(make_artifact()).graph("generatr")
