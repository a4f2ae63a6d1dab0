"""Engines before they are loaded, and their kernels between openings; on a stand-in for the library and the GPU."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gantools.core.artifact import GraphFile
from gantools.core.errors import ArtifactError, BackendError
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.runtime.backends import kernels as kernels_module
from gantools.runtime.backends import nvidia_engine
from gantools.runtime.backends.engine_checks import library_problem, read_engine
from gantools.runtime.backends.nvidia_engine import collecting_logger
from gantools.runtime.session import Session
from tests.runtime.fake_rtx import FLAGS, VALIDITY, FakeRtx, engine_bytes
from tests.zoo import write_onnx

REBUILD = "build it again here: 'gantools optimize ART --target tensorrt-rtx --out OUT'"
SPEC = GraphSpec(
    inputs=(TensorSpec(name="x", dtype="float32", shape=("batch", 5)),),
    outputs=(TensorSpec(name="y", dtype="float32", shape=("batch", 5)),),
    axes={"batch": AxisRange(min=1, opt=3, max=8)},
)
ENTRY = GraphFile(
    file="g.engine", format="tensorrt-rtx", precision="fp32", spec=SPEC, backend="tensorrt-rtx", device="cuda"
)


@pytest.fixture
def rtx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRtx:
    library = FakeRtx()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(nvidia_engine, "_cuda", lambda extra: library.cuda)
    monkeypatch.setattr(nvidia_engine.EngineBackend, "_library", lambda backend: library)
    return library


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "g.engine").write_bytes(engine_bytes())
    return tmp_path / "g.engine"


def compiled_by(rtx: FakeRtx, path: Path, *batches: int) -> list[str]:
    """Kernels that an opening and its runs had to compile."""
    rtx.compiled = []
    with Session(path, ENTRY) as session:
        for batch in batches:
            given = np.random.default_rng(batch).normal(size=(batch, 5)).astype(np.float32)
            assert np.allclose(session.run({"x": given})["y"], given + 1)
    return rtx.compiled


def kernels(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache/gantools/kernels").glob("*.kernels"))


def test_kernels_of_the_last_time_are_not_compiled_again(rtx: FakeRtx, path: Path, tmp_path: Path) -> None:
    assert compiled_by(rtx, path, 1, 3) == ["1x5", "3x5"]
    assert compiled_by(rtx, path, 3, 8, 1) == ["8x5"]
    assert compiled_by(rtx, path, 1, 3, 8) == []
    assert len(kernels(tmp_path)) == 1


def test_kernels_of_the_first_run_are_kept_without_closing(rtx: FakeRtx, path: Path, tmp_path: Path) -> None:
    session = Session(path, ENTRY)
    assert kernels(tmp_path) == []
    session.run({"x": np.zeros((2, 5), np.float32)})
    assert len(kernels(tmp_path)) == 1
    session.close()


def test_kernels_that_did_not_change_are_not_written_again(rtx: FakeRtx, path: Path, tmp_path: Path) -> None:
    compiled_by(rtx, path, 1)
    (kept,) = kernels(tmp_path)
    before = kept.stat().st_ino
    compiled_by(rtx, path, 1)
    assert kept.stat().st_ino == before, "a written file is a new one"
    compiled_by(rtx, path, 2)
    assert kept.stat().st_ino != before


def test_kernels_of_engines_that_are_not_used_make_room(
    rtx: FakeRtx, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels_module, "BOUND_BYTES", 200)  # each file has its digest and a few letters: two fit
    for number, weights in enumerate((b"a", b"b", b"c")):
        path.write_bytes(engine_bytes(weights))
        compiled_by(rtx, path, 1)
        for age, kept in enumerate(sorted(kernels(tmp_path), key=lambda kept: kept.stat().st_mtime)):
            os.utime(kept, (1000 + age, 1000 + age))
        assert len(kernels(tmp_path)) == min(number + 1, 2)
    assert compiled_by(rtx, path, 1) == []
    path.write_bytes(engine_bytes(b"a"))
    assert compiled_by(rtx, path, 1) == ["1x5"]


@pytest.mark.parametrize("what", ["engine", "version", "gpu", "driver"])
def test_kernels_are_of_one_engine_version_gpu_and_driver(rtx: FakeRtx, path: Path, tmp_path: Path, what: str) -> None:
    compiled_by(rtx, path, 1)
    change: dict[str, Callable[[], object]] = {
        "engine": lambda: path.write_bytes(engine_bytes(b"others")),
        "version": lambda: setattr(rtx, "__version__", "9.9.9.10"),
        "gpu": lambda: setattr(rtx.cuda, "gpu", b"NVIDIA T4"),
        "driver": lambda: setattr(rtx.cuda, "driver", 13010),
    }
    change[what]()
    assert compiled_by(rtx, path, 1) == ["1x5"]
    assert len(kernels(tmp_path)) == 2


@pytest.mark.parametrize("content", [b"", b"00\n1x5", hashlib.sha256(b"refused").hexdigest().encode() + b"\nrefused"])
def test_kernels_that_are_damaged_or_refused_are_compiled_again(
    rtx: FakeRtx, path: Path, tmp_path: Path, content: bytes
) -> None:
    compiled_by(rtx, path, 1)
    (kept,) = kernels(tmp_path)
    kept.write_bytes(content)
    assert compiled_by(rtx, path, 1) == ["1x5"]
    assert compiled_by(rtx, path, 1) == []


def test_a_cache_that_cannot_be_written_stops_nothing(
    rtx: FakeRtx, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compiled_by(rtx, path, 1) == ["1x5"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no engine of tensorrt-rtx, or damaged: it does not begin as one."),
        (b"vtrt", "is no engine of tensorrt-rtx, or damaged: it does not begin as one."),
        (b"ftrt" + engine_bytes()[4:], "is no engine of tensorrt-rtx, or damaged: it does not begin as one."),
        (engine_bytes()[:-1], "has 34 bytes and says that it has 35: it was cut short or damaged."),
    ],
)
def test_what_is_no_whole_engine_never_reaches_the_library(
    rtx: FakeRtx, path: Path, content: bytes, message: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        Session(path, ENTRY)
    assert caught.value.message == f"'g.engine' {message}"
    assert caught.value.hint == f"copy the artifact again, or {REBUILD}"
    assert rtx.loaded == []


def test_an_engine_of_tensorrt_is_known_by_its_digest_alone(path: Path) -> None:
    path.write_bytes(b"any mark")
    assert read_engine(path, ENTRY, "tensorrt")[0] == b"any mark"
    path.write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"'.*' is empty\."):
        read_engine(path, ENTRY, "tensorrt")


def test_an_engine_with_a_changed_bit_never_reaches_the_library(rtx: FakeRtx, path: Path) -> None:
    entry = ENTRY.model_copy(update={"sha256": hashlib.sha256(engine_bytes()).hexdigest()})
    Session(path, entry).close()
    assert len(rtx.loaded) == 1
    changed = bytearray(engine_bytes())
    changed[-1] ^= 1
    path.write_bytes(bytes(changed))
    with pytest.raises(ArtifactError, match=r"has digest [0-9a-f]{12}, the manifest says [0-9a-f]{12}: it was changed"):
        Session(path, entry)
    assert len(rtx.loaded) == 1


def test_an_engine_that_is_not_there_is_told(rtx: FakeRtx, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"'\S+none.engine' cannot be read: No such file or directory\."):
        Session(tmp_path / "none.engine", ENTRY)


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("VERSION_MISMATCH", "another version of the library built it."),
        ("UNSUPPORTED_CC", "it was not built for the compute capability of this GPU."),
        ("OLD_CUDA_DRIVER", "the NVIDIA driver is too old for it."),
        ("OLD_CUDA_RUNTIME", "the CUDA runtime is too old for it."),
        ("INSUFFICIENT_GPU_MEMORY", "the GPU has too little memory for it."),
        ("MALFORMED_ENGINE", "its header is damaged."),
        ("CUDA_ERROR", "the NVIDIA driver or the CUDA runtime is not installed correctly."),
    ],
)
def test_an_engine_that_the_library_calls_invalid_is_refused_with_its_reason(
    rtx: FakeRtx, path: Path, flag: str, reason: str
) -> None:
    rtx.validity = (VALIDITY.INVALID, FLAGS[flag])
    with pytest.raises(BackendError) as caught:
        Session(path, ENTRY)
    assert caught.value.message == f"tensorrt-rtx 9.9.9.9 cannot load 'g.engine' here: {reason}"
    assert caught.value.hint == REBUILD
    assert rtx.loaded == []


def test_an_engine_that_is_only_slower_here_is_loaded(rtx: FakeRtx, path: Path) -> None:
    rtx.validity = (VALIDITY.SUBOPTIMAL, 0)
    assert compiled_by(rtx, path, 1) == ["1x5"]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = pytest.importorskip("tensorrt_rtx")
    from gantools.optimize.targets.engine import compile_engine

    folder = tmp_path_factory.mktemp("real")
    entry = GraphFile(file="g.onnx", format="onnx", precision="fp32", spec=write_onnx(folder / "g.onnx"))
    return folder / compile_engine(library, "TensorRT-RTX", folder / "g.onnx", entry).file


def test_a_real_engine_begins_as_is_expected(real: Path) -> None:
    content, digest = read_engine(real, ENTRY, "tensorrt-rtx")
    assert digest == hashlib.sha256(content).hexdigest()
    import tensorrt_rtx as library

    assert ".".join(map(str, content[24:28])) == library.__version__


def test_the_reasons_are_those_of_the_library() -> None:
    library = pytest.importorskip("tensorrt_rtx")
    assert {name: int(flag) for name, flag in library.EngineInvalidityDiagnostics.__members__.items()} == FLAGS
    assert int(library.EngineValidity.INVALID) == VALIDITY.INVALID


@pytest.mark.parametrize(("start", "reason"), [(0, None), (1, "its header is damaged")])
def test_a_real_library_says_what_it_thinks_of_an_engine(real: Path, start: int, reason: str | None) -> None:
    import tensorrt_rtx as library

    logger = collecting_logger(library)
    found = library_problem(library, library.Runtime(logger), real.read_bytes()[start:])
    if reason is None:  # on a machine without a GPU it cannot know, and says why
        assert found is None or (found == "" and "CUDA" in logger.complaints[0])
    else:
        assert found == reason


@pytest.mark.parametrize("damage", ["cut", "bits", "text"])
def test_garbage_does_not_end_the_process(real: Path, tmp_path: Path, damage: str) -> None:
    """The library itself is given what would have been refused: should a check ever miss something, it is no crash."""
    content = bytearray(real.read_bytes())
    for place in range(64, len(content), 997):
        content[place] ^= 0xFF
    given = {"cut": real.read_bytes()[: len(content) // 2], "bits": bytes(content), "text": b"hello " * 100}[damage]
    (tmp_path / "g.engine").write_bytes(given)
    script = """
import sys
from pathlib import Path
import tensorrt_rtx as library
from gantools.runtime.backends.nvidia_engine import collecting_logger

logger = collecting_logger(library)
assert library.Runtime(logger).deserialize_cuda_engine(Path(sys.argv[1]).read_bytes()) is None
assert logger.complaints
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "g.engine")], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
