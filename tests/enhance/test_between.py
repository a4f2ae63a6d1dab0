"""Videos with twice as many frames: those that were there, and one between each two of them."""

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from gantools.core.artifact import MANIFEST, GraphFile, Manifest, load_artifact, seal
from gantools.core.atomic import staged_folder
from gantools.core.errors import RecipeError
from gantools.core.events import Event, Progress
from gantools.data.pairs.clips import open_clips
from gantools.enhance import Options, enhance
from gantools.enhance.between import is_cut
from gantools.export.onnx import write_onnx
from gantools.models import MODELS
from gantools.models.video.between import moved
from tests.enhance.clips import Clip, write

QUICK = Options(codec="ffv1", piece=8)


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that nobody trained: it stands still, and shows half of each frame."""
    torch.manual_seed(0)
    row = MODELS.load("between")
    model = row.build(row.Config(width=8, depth=1)).eval()
    torch.nn.init.zeros_(model.nets["G"].flows.weight)
    folder = tmp_path_factory.mktemp("between") / "art"
    with staged_folder(folder, marker=MANIFEST) as staging:
        graphs = {}
        for name, graph in model.graphs.items():
            write_onnx(graph, graph.spec, staging / f"{name}.onnx")
            graphs[name] = GraphFile(file=f"{name}.onnx", format="onnx", precision="fp32", spec=graph.spec)
        known: dict[str, Any] = {"sampler": model.sampler, "graphs": graphs, "output": model.output}
        seal(staging, Manifest(schema=1, name="middle", modality="image", **known))
    return load_artifact(folder).path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine frames at uneven times, of which the last four show another scene."""
    folder = tmp_path_factory.mktemp("film")
    photos = open_clips("builtin:photos", channels=3, cache=str(folder / "cache")).clips
    path = folder / "film.mkv"
    container: Any
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 96, 80, "bgr0", Fraction(1, 1000)
        for number, time in enumerate(TIMES_MS):
            photo = photos[0][0, :80] if number < 5 else photos[1][0, 200:280]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(photo[:, 2 * number : 96 + 2 * number]), "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


TIMES_MS = (0, 40, 80, 121, 160, 200, 240, 281, 320)


def shown(path: Path) -> tuple[list[float], list[np.ndarray]]:
    """Times in milliseconds, and pixels in RGB."""
    container: Any
    with av.open(str(path)) as container:
        found = [(1000 * float(one.time), one.to_ndarray(format="rgb24")) for one in container.decode(video=0)]
    return [time for time, _ in found], [pixels for _, pixels in found]


def test_frames_stay_and_the_middle_of_each_two_comes_between(art: Path, film: Path, tmp_path: Path) -> None:
    report = enhance(art, film, tmp_path / "out.mkv", QUICK)
    assert report.count == 17
    times, frames = shown(tmp_path / "out.mkv")
    _, given = shown(film)
    assert times[::2] == pytest.approx(TIMES_MS, abs=1.01)
    middles = [(one + other) / 2 for one, other in itertools.pairwise(TIMES_MS)]
    assert times[1::2] == pytest.approx(middles, abs=1.01)
    for one, same in zip(given, frames[::2], strict=True):
        np.testing.assert_array_equal(one, same)
    for place, between in enumerate(frames[1::2]):
        if place == 4:  # the cut
            np.testing.assert_array_equal(between, given[4])
            continue
        mean = (given[place].astype(int) + given[place + 1]) / 2
        assert np.abs(between - mean).max() <= 1


def test_cuts_are_told_from_motion(film: Path) -> None:
    _, frames = shown(film)
    found = [is_cut(one, other) for one, other in itertools.pairwise(frames)]
    assert found == [place == 4 for place in range(8)]


def test_a_run_that_was_stopped_goes_on(art: Path, film: Path, tmp_path: Path) -> None:
    enhance(art, film, tmp_path / "whole.mkv", QUICK)

    def watch(event: Event) -> None:
        if isinstance(event, Progress) and event.done >= 12:
            raise KeyboardInterrupt

    out = tmp_path / "out.mkv"
    with pytest.raises(KeyboardInterrupt):
        enhance(art, film, out, QUICK, on_event=watch)
    report = enhance(art, film, out, replace(QUICK, resume=True))
    assert (report.count, report.computed) == (17, 9)
    (times, ours), (wanted, theirs) = shown(out), shown(tmp_path / "whole.mkv")
    assert times == wanted
    assert len(times) == 17
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_sound_stays_where_it_was(art: Path, tmp_path: Path) -> None:
    write(tmp_path / "in.mp4", Clip(times=tuple(512 * n for n in range(10)), sounds=(("aac", "eng"),)))
    report = enhance(art, tmp_path / "in.mp4", tmp_path / "out.mp4", Options())
    assert report.count == 19
    assert report.copied == ("audio aac (eng)",)
    container: Any
    packets = []
    for name in ("in.mp4", "out.mp4"):
        with av.open(str(tmp_path / name)) as container:
            packets.append([(one.pts, bytes(one)) for one in container.demux(audio=0) if one.size])
    assert packets[0] == packets[1]
    assert len(packets[0]) > 5


def test_pictures_have_nothing_between_them(art: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(RecipeError, match="makes frames between those of a video") as refused:
        enhance(art, tmp_path / "in", tmp_path / "out")
    assert refused.value.hint == "give a video"


def test_what_a_flow_fetches() -> None:
    """A flow of two to the right fetches what lies two pixels to the right; beyond the edge, the edge."""
    image = torch.arange(7.0).expand(1, 1, 5, 7).contiguous()
    flow = torch.zeros(1, 2, 5, 7)
    flow[:, 0] = 2.0
    assert moved(image, flow)[0, 0, 3].tolist() == pytest.approx([2, 3, 4, 5, 6, 6, 6], abs=1e-5)
    flow[:, 0] = -0.5
    assert moved(image, flow)[0, 0, 0].tolist() == pytest.approx([0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5], abs=1e-5)
