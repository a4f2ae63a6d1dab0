import shutil
from pathlib import Path

import numpy as np
import pytest

from gantools.bundle import BUNDLES, FILMS, bundle
from gantools.bundle.golden import OUTER, noise_vectors
from gantools.bundle.source import Source, text_description
from gantools.core.artifact import TextOutput, load_artifact, seal
from gantools.core.errors import ArtifactError, BackendError
from gantools.runtime.philox import words
from tests.cli.test_app import gantools
from tests.conftest import tiny_manifest, tiny_onnx


def changed(source: Path, folder: Path, **entry: object) -> Path:
    """An artifact whose main graph has another entry."""
    shutil.copytree(source, folder)
    manifest = load_artifact(folder).manifest
    graph = manifest.graphs["generator"].model_copy(update=entry)
    seal(folder, manifest.model_copy(update={"graphs": {"generator": graph}}))
    return folder


def test_an_unknown_kind_is_a_usage_error_with_the_near_one(artifacts: dict[str, Path], tmp_path: Path) -> None:
    done = gantools("bundle", artifacts["images"], "--for", "pyton", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "no kind of bundle is called 'pyton'; did you mean 'python'?" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_command_lists_every_kind() -> None:
    shown = gantools("bundle", "--help").stdout
    assert len(BUNDLES) >= 1
    assert [kind for kind in BUNDLES if kind not in shown] == []


def test_an_engine_is_refused_and_says_what_to_give_instead(artifacts: dict[str, Path], tmp_path: Path) -> None:
    engine = changed(artifacts["images"], tmp_path / "engine", format="tensorrt-rtx", backend="tensorrt-rtx")
    with pytest.raises(ArtifactError, match="engine compiled for tensorrt-rtx, and a bundle is made of an ONNX") as err:
        bundle(engine, "python", tmp_path / "out")
    assert "jetson" in str(err.value.hint)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [kind for kind in BUNDLES if kind not in FILMS])
def test_a_network_of_films_is_refused_where_it_cannot_be_held(
    kind: str, films: dict[str, Path], tmp_path: Path
) -> None:
    said = {"in turn": "carries a state from frame to frame", "between": "makes frames between frames"}
    assert set(said) == set(films)
    for how, makes in said.items():
        with pytest.raises(ArtifactError, match=f"{makes}, which a bundle for {kind} does not do yet") as err:
            bundle(films[how], kind, tmp_path / "out")
        assert "take --for python" in str(err.value.hint)
        assert not (tmp_path / "out").exists()


def test_an_input_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    manifest = tiny_manifest()
    art = made(tmp_path, manifest.model_copy(update={"sampler": manifest.sampler.model_copy(update={"noise": {}})}))
    with pytest.raises(ArtifactError, match="takes 'latent', which no seed says"):
        bundle(art, "python", tmp_path / "out")


def made(tmp_path: Path, manifest: object) -> Path:
    (tmp_path / "art").mkdir()
    tiny_onnx(tmp_path / "art" / "generator.onnx")
    seal(tmp_path / "art", manifest)  # type: ignore[arg-type]
    return tmp_path / "art"


def test_a_graph_that_onnx_runtime_does_not_open_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "art").mkdir()
    (tmp_path / "art" / "generator.onnx").write_bytes(b"\x08\x0a")  # a model with nothing in it
    seal(tmp_path / "art", tiny_manifest())
    with pytest.raises(BackendError, match="no samples to compare with: ONNX Runtime cannot open"):
        bundle(tmp_path / "art", "python", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["art"]


def test_a_folder_that_is_no_bundle_is_not_overwritten_and_a_bundle_is(
    artifacts: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match=r"holds no generator\.json, so it is not overwritten"):
        bundle(artifacts["classes"], "python", tmp_path / "out")
    (tmp_path / "out" / "thesis.txt").unlink()
    bundle(artifacts["classes"], "python", tmp_path / "out")
    (tmp_path / "out" / "old").write_text("of the first bundle")
    bundle(artifacts["images"], "python", tmp_path / "out")
    assert not (tmp_path / "out" / "old").exists()


def test_a_tokenizer_that_joins_in_another_way_is_refused() -> None:
    with pytest.raises(ArtifactError, match="puts texts together by 'Metaspace'"):
        text_description(TextOutput(steps=3, vocabulary=5), '{"decoder": {"type": "Metaspace"}}')


def test_external_weights_come_along(artifacts: dict[str, Path], tmp_path: Path) -> None:
    import onnx

    shutil.copytree(artifacts["images"], tmp_path / "art")
    model = onnx.load(tmp_path / "art" / "generator.onnx")
    path = tmp_path / "art" / "generator.onnx"
    path.unlink()
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=100)
    seal(tmp_path / "art", load_artifact(artifacts["images"]).manifest)
    bundle(tmp_path / "art", "python", tmp_path / "out")
    assert (tmp_path / "out" / "weights.bin").stat().st_size > 1000


def test_the_vectors_reach_both_ends_of_the_table_of_normal_numbers() -> None:
    drawn = np.concatenate([words([seed], 0, 14)[0] for seed in OUTER])
    assert drawn.min() < 2**16
    assert drawn.max() >= 2**32 - 2**16
    assert len(noise_vectors()) == 20


def test_every_input_of_a_description_has_a_source(artifacts: dict[str, Path]) -> None:
    sources = {
        sort: [one["source"] for one in Source.of(path).description()["inputs"]] for sort, path in artifacts.items()
    }
    assert sources["images"] == ["normal"]
    assert sources["classes"] == ["normal", "category", "setting"]
    assert sources["enlarger"] == ["image"]
    assert sources["texts"] == ["normal", "category", "uniform", "setting", "constant"]
