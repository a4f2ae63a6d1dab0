import json
import os
import shutil
from pathlib import Path

import pytest

from gantools import open_artifact
from gantools.bundle import bundle
from gantools.bundle.cpp import _golden, _quoted
from tests.bundle.conftest import SORTS
from tests.bundle.pages import run_page
from tests.bundle.programs import program, run

NOTHING = """
#include <stdexcept>
#include "runtime.hpp"
std::unique_ptr<generator::Runtime> generator::open_runtime(const std::string&, const std::string&, int) {
  throw std::runtime_error("nothing runs the network here");
}
"""


@pytest.fixture(scope="module")
def bundles(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("cpp")
    for sort, path in artifacts.items():
        bundle(path, "cpp", folder / sort)
    return {sort: folder / sort for sort in artifacts}


def test_noise_is_equal_bit_for_bit_and_a_last_bit_is_seen(bundles: dict[str, Path], tmp_path: Path) -> None:
    """Without a runtime, so that a compiler is all it takes."""
    compiler, folder = program("g++", "clang++"), bundles["texts"]
    (tmp_path / "nothing.cpp").write_text(NOTHING)
    line: list[str | Path] = [compiler, "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
    done = run(
        [*line, "-I", folder, folder / "check.cpp", tmp_path / "nothing.cpp", "-o", tmp_path / "check"], tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert run([tmp_path / "check", "--noise"], folder).stdout == "equal to the golden samples\n"
    done = run([tmp_path / "check"], folder)
    assert (done.returncode, done.stderr) == (1, "error: nothing runs the network here\n")
    lines = (folder / "golden" / "noise.txt").read_text().splitlines()
    assert len(lines) == 20
    numbers = lines[3].split()
    numbers[-1] = str(int(numbers[-1]) ^ 1)
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "noise.txt").write_text("\n".join([*lines[:3], " ".join(numbers)]))
    done = run([tmp_path / "check", "--noise"], tmp_path)
    assert (done.returncode, done.stderr) == (1, "differs: noise of seed 1, stream 0\n")


@pytest.mark.slow  # the headers of OpenVINO alone take half a minute
def test_the_commands_of_the_readme_run_with_openvino(artifacts: dict[str, Path], bundles: dict[str, Path]) -> None:
    program("cmake")
    program("g++", "clang++")
    openvino = pytest.importorskip("openvino")
    where = f"-DOpenVINO_DIR={openvino.__path__[0]}/cmake"
    first = bundles["images"]
    told = run_page(first, {}, {"cmake -S": [where]})
    assert told[2] == "equal to the golden samples\n"
    assert {path.name for path in first.glob("*.ppm")} == {"7.ppm", "8.ppm", "9.ppm"}
    for sort in SORTS[1:]:  # the same build with another model.hpp
        shutil.copy(bundles[sort] / "model.hpp", first / "model.hpp")
        assert run(["cmake", "--build", "build"], first).returncode == 0
        done = run([first / "build" / "check"], bundles[sort])
        assert (done.returncode, done.stdout) == (0, "equal to the golden samples\n"), done.stderr
    with open_artifact(artifacts["texts"]) as generator:
        expected = generator.sample([5, 2**64 - 1], settings={"temperature": 0.5}, label=1, prefix="w5 w7")
    line = "--set temperature=0.5 --label 1 --prefix"
    done = run([first / "build" / "sample", *line.split(), "w5 w7", "5", str(2**64 - 1)], bundles["texts"])
    assert done.stdout.splitlines() == expected
    for wrong, message in (("--label 9", "there is no such class"), ("--set size=1", "there is no input 'size'")):
        done = run([first / "build" / "sample", *wrong.split()], bundles["texts"])
        assert (done.returncode, done.stderr) == (1, f"error: {message}\n")


@pytest.mark.slow
def test_the_same_program_runs_with_onnxruntime(bundles: dict[str, Path], tmp_path: Path) -> None:
    """Its headers are in no Python package: ``ONNXRUNTIME_ROOT`` says where a release is unpacked."""
    program("cmake")
    program("g++", "clang++")
    root = os.environ.get("ONNXRUNTIME_ROOT")
    if not root:
        pytest.skip("ONNXRUNTIME_ROOT does not say where a release of ONNX Runtime for C++ is unpacked")
    folder = tmp_path / "app"
    shutil.copytree(bundles["images"], folder, ignore=shutil.ignore_patterns("build"))
    where = ["-D", "RUNTIME=onnxruntime", "-D", f"ONNXRUNTIME_ROOT={root}"]
    assert run(["cmake", "-S", folder, "-B", folder / "build", *where], folder).returncode == 0
    for sort in SORTS:
        shutil.copy(bundles[sort] / "model.hpp", folder / "model.hpp")
        assert run(["cmake", "--build", "build"], folder).returncode == 0
        done = run([folder / "build" / "check"], bundles[sort])
        assert (done.returncode, done.stdout) == (0, "equal to the golden samples\n"), done.stderr


def test_what_c_plus_plus_reads_is_written_for_it(bundles: dict[str, Path]) -> None:
    page = (bundles["classes"] / "model.hpp").read_text()
    assert '{"label", Type::int64, {kBatch}, true, Source::category, 1, 3, 0, 0, 0}' in page
    assert '{"truncation", Type::float32, {kBatch}, true, Source::setting, 0, 0, 1.0, 0.0, 1.5}' in page
    assert 'classes{"boot", "10", "2"}' in page
    assert _quoted('é"\\3') == '"\\303\\251\\042\\1343"'
    texts = json.loads((bundles["texts"] / "golden" / "golden.json").read_text())
    assert _golden(texts).splitlines()[0] == b"6 0 1"
    assert _golden({"seeds": ["7"], "image": None, "texts": ["a\nb"]}) == b"1 0 1\n7\n3 a\nb\n"
