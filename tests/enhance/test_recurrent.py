"""Films through a network that carries a state from frame to frame."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from gantools.core.artifact import MANIFEST, Artifact, GraphFile, Manifest, load_artifact, seal
from gantools.core.atomic import staged_folder
from gantools.core.errors import InputMismatchError, RecipeError
from gantools.core.events import Event, Progress
from gantools.enhance import Options, enhance
from gantools.export.onnx import write_onnx
from gantools.models import MODELS
from gantools.models.model import Model
from gantools.models.video.recurrent import RecurrentNet
from gantools.samplers import open_artifact
from gantools.samplers.image_to_image import ImageToImage
from tests.enhance.test_resume import assert_same_pictures

QUICK = Options(piece=6, crf=20)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Artifact]:
    """A network whose state matters, and its artifact."""
    torch.manual_seed(3)
    row = MODELS.load("recurrent")
    model = row.build(row.Config(scale=2, width=8, depth=1))
    torch.nn.init.normal_(model.nets["G"].image.weight, std=0.05)
    folder = tmp_path_factory.mktemp("recurrent") / "art"
    with staged_folder(folder, marker=MANIFEST) as staging:
        graphs = {}
        for name, graph in model.eval().graphs.items():
            write_onnx(graph, graph.spec, staging / f"{name}.onnx")
            graphs[name] = GraphFile(file=f"{name}.onnx", format="onnx", precision="fp32", spec=graph.spec)
        seal(
            staging,
            Manifest(
                schema=1,
                name="turn",
                modality="image",
                sampler=model.sampler,
                graphs=graphs,
                output=model.output,
            ),
        )
    return model, load_artifact(folder)


def film(count: int = 5) -> np.ndarray:
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (24, 32 + count, 3), np.uint8)
    return np.stack([wide[:, step : step + 32] for step in range(count)])


def test_frames_are_made_in_turn_as_in_the_training(made: tuple[Model, Artifact]) -> None:
    model, artifact = made
    frames, net = film(), model.nets["G"]
    assert isinstance(net, RecurrentNet)
    with torch.inference_mode():
        clip = torch.from_numpy(frames).permute(0, 3, 1, 2)[None].float() / 127.5 - 1
        wanted = ((net.clip(clip)[0] + 1) * 127.5).round().clamp(0, 255).permute(0, 2, 3, 1).numpy()
    with open_artifact(artifact.path) as generator:
        opened = ImageToImage(generator)
        assert opened.recurrent
        together = opened.run(frames)
        assert np.abs(together - wanted).max() <= 1
        opened.state = {}
        apart = np.concatenate([opened.run(frames[:2]), opened.run(frames[2:])])
        np.testing.assert_array_equal(apart, together)
        opened.state = {}
        alone = opened.run(frames[2:3])
        assert np.abs(alone.astype(int) - together[2:3]).max() > 3, "what came before matters"
        opened.run(film()[:, :16, :16])
        again = opened.run(frames[:1])
        np.testing.assert_array_equal(again, together[:1], err_msg="frames of another size begin a film")


def test_a_run_that_was_stopped_goes_on_with_its_state(
    made: tuple[Model, Artifact], clip: Path, tmp_path: Path
) -> None:
    _, artifact = made
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    assert enhance(artifact.path, clip, whole, QUICK).computed == 20
    assert not (tmp_path / ".whole.mp4.pieces").exists()

    def watch(event: Event) -> None:
        if isinstance(event, Progress) and event.done >= 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        enhance(artifact.path, clip, out, QUICK, on_event=watch)
    folder = tmp_path / ".out.mp4.pieces"
    kept = sorted(path.name for path in folder.glob("*.state.npz"))
    assert kept[:2] == ["000001.state.npz", "000002.state.npz"]
    (folder / "000002.state.npz").unlink()  # then an earlier one has to do
    report = enhance(artifact.path, clip, out, replace(QUICK, resume=True))
    assert (report.count, report.computed) == (20, 14)
    assert_same_pictures(out, whole)


def test_pictures_are_first_frames(made: tuple[Model, Artifact], tmp_path: Path) -> None:
    _, artifact = made
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in ("a", "b"):
        Image.fromarray(film(1)[0]).save(source / f"{name}.png")
    enhance(artifact.path, source, out)
    first, second = ((out / f"{name}.png").read_bytes() for name in ("a", "b"))
    assert first == second


def test_it_is_not_averaged_over_turned_frames(made: tuple[Model, Artifact], clip: Path, tmp_path: Path) -> None:
    _, artifact = made
    with pytest.raises(RecipeError, match=r"--self-ensemble: 'turn' is recurrent") as refused:
        enhance(artifact.path, clip, tmp_path / "out.mp4", replace(QUICK, self_ensemble=True))
    assert refused.value.hint == "leave out --self-ensemble"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("options", "option"), [({"tile": 64}, "--tile 64"), ({"batch": 4}, "--batch 4")])
def test_it_takes_whole_frames_one_by_one(
    made: tuple[Model, Artifact], clip: Path, tmp_path: Path, options: dict[str, Any], option: str
) -> None:
    _, artifact = made
    with pytest.raises(RecipeError, match=f"{option}: 'turn' is recurrent, and takes whole frames") as refused:
        enhance(artifact.path, clip, tmp_path / "out.mp4", replace(QUICK, **options))
    assert refused.value.hint == f"leave out {option.split()[0]}"
    assert [path.name for path in tmp_path.iterdir()] == []


def test_frames_that_are_too_large_are_refused(made: tuple[Model, Artifact], tmp_path: Path) -> None:
    _, artifact = made
    with av.open(str(tmp_path / "wide.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 4322, 16, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(4322, 16, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(InputMismatchError, match="takes a width of at most 4320 pixels, and is given 4322"):
        enhance(artifact.path, tmp_path / "wide.mkv", tmp_path / "out.mkv")
