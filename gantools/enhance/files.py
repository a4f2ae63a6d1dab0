"""The one call: a file or folder, an artifact, and the file or folder that comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gantools.core.artifact import GraphFile, load_artifact
from gantools.core.errors import DataError, RecipeError
from gantools.core.events import OnEvent, ignore
from gantools.enhance.options import Options, Report
from gantools.enhance.pictures import enhance_folder, enhance_picture
from gantools.enhance.plan import reach_in
from gantools.enhance.video import enhance_video
from gantools.media.pictures import SUFFIXES
from gantools.media.video.original import Original
from gantools.media.video.source import Video, describe
from gantools.optimize.reach import Reach
from gantools.samplers import open_artifact
from gantools.samplers.image_to_image import ImageToImage

_FLOATS = "generator_float"


def enhance(
    artifact: str | Path,
    source: str | Path,
    out: str | Path,
    options: Options | None = None,
    *,
    backend: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    on_event: OnEvent = ignore,
    original: Original | None = None,
) -> Report:
    """Run every frame of a video, a picture, or every picture of a folder through an artifact.

    The source is only read. OUT appears when it is whole. What is finished before lies beside it, and a later run with
    ``options.resume`` goes on from there.

    Args:
        artifact: One that makes images of images.
        source: A video, a picture, or a folder of pictures.
        out: A video, a picture or a folder. A file that is there is replaced.
        options: Choices; none: all as is usual, or measured.
        backend: A runtime other than the artifact's own.
        device: ``cpu``, ``cuda`` or ``cuda:N``, other than the artifact's own.
        threads: CPU threads for one run.
        on_event: Who watches.
        original: The size that a video had before it was made smaller, which OUT is to have again.

    Raises:
        ArtifactError: The artifact cannot be used for this, or the disk refused.
        DataError: The source cannot be read, or holds nothing to enhance.
        RecipeError: An option does not fit, or OUT cannot hold what the source does.
        InputMismatchError: Pictures are larger than the network takes, and cannot be cut.
        BackendError: The runtime or the encoder refused.
        MissingDependencyError: PyAV, Pillow or a runtime is not installed.
    """
    source, out, options = Path(source), Path(out), options or Options()
    if not source.exists():
        raise DataError(f"'{source}' does not exist.", hint="give a video, a picture or a folder of pictures")
    check_apart(source, out)
    opened = load_artifact(artifact)
    is_video = source.is_file() and source.suffix.lower() not in SUFFIXES
    video = describe(source) if is_video else None
    graph = _graph(video, opened.manifest.graphs)
    with open_artifact(
        opened.path, graph=graph, backend=backend, device=device, threads=threads, sleeps=True
    ) as generator:
        net = ImageToImage(generator)
        reach = reach_in(opened, graph, net)
        if isinstance(reach, Reach):
            net.align = reach.align
        if options.self_ensemble:
            net.average_views()
        if video is not None:
            return enhance_video(opened, net, reach, video, out, options, on_event, original)
        if options.smooth:
            raise RecipeError(
                f"--smooth {options.smooth:g}: it is for videos, and '{source}' is none.", hint="leave out --smooth"
            )
        if net.between:
            raise RecipeError(
                f"'{opened.manifest.name}' makes frames between those of a video, and '{source}' is none.",
                hint="give a video",
            )
        if source.is_dir():
            return enhance_folder(opened, net, reach, source, out, options, on_event)
        return enhance_picture(net, reach, source, out, options, on_event)


def check_apart(source: Path, out: Path) -> None:
    """Keep what is read from being written.

    Raises:
        RecipeError: OUT is the source, or lies in the folder that is, so that another run would take it for a source.
    """
    if out.exists() and out.samefile(source):
        raise RecipeError(f"'{out}' is the source itself, which is never changed.", hint="give OUT another name")
    if source.is_dir() and source.resolve() in out.resolve().parents:
        raise RecipeError(f"'{out}' lies in the source '{source}'.", hint="give a folder beside it")


def _graph(video: Video | None, graphs: Mapping[str, GraphFile]) -> str | None:
    """The graph that gives floats, where a video has more than 8 bits and there is one; else the usual one."""
    return _FLOATS if video is not None and video.bits > 8 and _FLOATS in graphs else None
