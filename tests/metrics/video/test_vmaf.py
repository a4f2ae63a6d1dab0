from pathlib import Path
from types import SimpleNamespace

import pytest

from gantools.core.errors import BackendError, MissingDependencyError
from gantools.metrics.video import vmaf
from gantools.metrics.video.frame import Frame
from tests.metrics.video.moving import give, sliding


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered, and no ffmpeg on the path."""
    monkeypatch.setattr(vmaf, "ffmpeg_with_vmaf", vmaf.ffmpeg_with_vmaf.__wrapped__)
    monkeypatch.setattr("shutil.which", lambda _: None)


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_sizes_may_be_odd() -> None:
    pictures = [picture[:35, :37] for picture in sliding(3)]
    running = vmaf.Vmaf()
    for picture in pictures:
        running.add(Frame(give(picture)), Frame(give(picture // 2)))
    values = running.values()
    running.close()
    assert len(values) == 3
    assert all(value is not None and 0 <= value < 60 for value in values)


def test_nothing_in_is_nothing_out() -> None:
    running = vmaf.Vmaf()
    assert running.values() == []
    running.close()
    running.close()


def test_without_libvmaf_the_install_command_is_named(
    fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise MissingDependencyError("no")

    bare = script(tmp_path / "ffmpeg", "echo ' V->V scale'")
    monkeypatch.setattr("shutil.which", lambda _: bare)
    monkeypatch.setattr(vmaf, "require", gone)
    with pytest.raises(MissingDependencyError, match="an ffmpeg with libvmaf, and none is installed") as caught:
        vmaf.ffmpeg_with_vmaf()
    assert caught.value.hint == "pip install 'gantools[video-metrics]'"


def test_a_packaged_ffmpeg_without_libvmaf_is_named(
    fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = script(tmp_path / "ffmpeg", "echo ' V->V scale'")
    monkeypatch.setattr(vmaf, "require", lambda *_, **__: SimpleNamespace(get_ffmpeg_exe=lambda: bare))
    with pytest.raises(MissingDependencyError, match=f"an ffmpeg with libvmaf, and '{bare}' has none"):
        vmaf.ffmpeg_with_vmaf()
    monkeypatch.setattr(vmaf, "require", lambda *_, **__: SimpleNamespace(get_ffmpeg_exe=lambda: str(tmp_path / "no")))
    with pytest.raises(MissingDependencyError, match="has none"):
        vmaf.ffmpeg_with_vmaf()


def test_an_ffmpeg_on_the_path_is_taken_first(fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    able = script(tmp_path / "ffmpeg", "echo ' .. libvmaf           VV->V'")
    monkeypatch.setattr("shutil.which", lambda _: able)
    assert vmaf.ffmpeg_with_vmaf() == able


@pytest.mark.parametrize(
    "body", ["cat > /dev/null; echo 'no such model' >&2; exit 1", "echo 'no such model' >&2; exit 1"]
)
def test_an_ffmpeg_that_fails_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setattr(vmaf, "ffmpeg_with_vmaf", lambda: script(tmp_path / "ffmpeg", body))
    running, picture = vmaf.Vmaf(), sliding(1)[0]

    def run() -> None:
        for _ in range(200):
            running.add(Frame(give(picture)), Frame(give(picture)))
        running.values()

    with pytest.raises(BackendError, match="could not compute VMAF: no such model"):
        run()
    running.close()


def test_frames_that_were_not_seen_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "cat > /dev/null; echo '{\"frames\": []}' > vmaf.json"
    monkeypatch.setattr(vmaf, "ffmpeg_with_vmaf", lambda: script(tmp_path / "ffmpeg", body))
    running, picture = vmaf.Vmaf(), sliding(1)[0]
    running.add(Frame(give(picture)), Frame(give(picture)))
    with pytest.raises(BackendError, match="was handed 1 frames, and says VMAF of 0"):
        running.values()
    running.close()
