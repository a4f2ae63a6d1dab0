import contextlib
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gantools.core.atomic import staged_folder, write_atomic
from gantools.core.errors import ArtifactError


def leftovers(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_staged_folder_appears_whole(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "art", marker="m") as folder:
        (folder / "m").write_text("1")
        assert not (tmp_path / "art").exists()
    assert leftovers(tmp_path) == ["art"]
    assert (tmp_path / "art/m").read_text() == "1"


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with contextlib.suppress(RuntimeError), staged_folder(tmp_path / "art", marker="m") as folder:
        (folder / "m").write_text("1")
        raise RuntimeError
    assert leftovers(tmp_path) == []


def test_an_error_leaves_the_older_one_as_it_was(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "art", marker="m") as folder:
        (folder / "m").write_text("old")
    with pytest.raises(RuntimeError), staged_folder(tmp_path / "art", marker="m") as folder:
        raise RuntimeError
    with staged_folder(tmp_path / "art", marker="m") as folder:
        (folder / "m").write_text("new")
    assert leftovers(tmp_path) == ["art"]
    assert (tmp_path / "art/m").read_text() == "new"


def test_a_folder_that_is_not_ours_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").touch()
    with (
        pytest.raises(ArtifactError, match=r"holds no manifest\.json"),
        staged_folder(tmp_path / "photos", marker="manifest.json"),
    ):
        pass
    assert leftovers(tmp_path / "photos") == ["holiday.jpg"]


def test_write_atomic_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    write_atomic(tmp_path / "deep/a.txt", b"1")
    write_atomic(tmp_path / "deep/a.txt", b"2")
    assert leftovers(tmp_path / "deep") == ["a.txt"]
    assert (tmp_path / "deep/a.txt").read_bytes() == b"2"


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    from gantools.core.atomic import staged_folder, write_atomic
    from gantools.core.errors import ArtifactError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    out = Path(sys.argv[1])
    for attempt in ("folder", "file"):
        try:
            if attempt == "file":
                write_atomic(out / "b.bin", b"x" * 100_000)
            else:
                with staged_folder(out / "art", marker="m") as folder:
                    (folder / "weights").write_bytes(b"x" * 100_000)
        except ArtifactError as err:
            print(err.message)
"""


def test_a_disk_that_takes_no_more_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    """A file-size limit makes the kernel refuse the write in the middle, as a full disk does."""
    assert resource.RLIMIT_FSIZE is not None
    script = textwrap.dedent(FULL_DISK)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("cannot write") and line.endswith("File too large.") for line in lines)
    assert leftovers(tmp_path) == []


KILLED = """
    import sys, time
    from pathlib import Path
    from gantools.core.atomic import staged_folder
    with staged_folder(Path(sys.argv[1]) / "art", marker="m") as folder:
        (folder / "weights").write_bytes(b"x" * 1000)
        print("half", flush=True)
        time.sleep(60)
"""


def test_a_kill_in_the_middle_leaves_no_artifact(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        os.kill(child.pid, signal.SIGKILL)
    assert not (tmp_path / "art").exists()
    with staged_folder(tmp_path / "art", marker="m") as folder:
        (folder / "m").touch()
    assert (tmp_path / "art/m").exists()
