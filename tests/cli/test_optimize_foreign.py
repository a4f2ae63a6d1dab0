"""``gantools optimize any.onnx``: from a file that nobody here made to an artifact within a budget."""

import json
from pathlib import Path

from tests.cli.test_app import gantools
from tests.optimize.foreign.models import enlarger, generator, write_photos
from tests.zoo import make_artifact

AXES = ("--axis", "height=8:16:48", "--axis", "width=8:24:64")


def test_a_foreign_enlarger_is_optimized_verified_and_timed(tmp_path: Path) -> None:
    net, photos, fast = enlarger(tmp_path / "net.onnx"), write_photos(tmp_path / "photos"), tmp_path / "fast"
    known = ("--input-range", "0..1", *AXES, "--calibrate", photos, "--data", photos)
    budget = ("--max-loss", "psnr=0.1", "--max-loss", "ssim=0.01", "--max-loss", "levels=1")
    done = gantools("optimize", net, "--target", "openvino", *known, *budget, "--out", fast, "--json")
    assert done.returncode == 0, done.stderr
    losses = json.loads(done.stdout)["losses"]
    assert [(loss["metric"], loss["samples"]) for loss in losses] == [("psnr", 6), ("ssim", 6), ("levels", 6)]
    assert "is now the artifact" in done.stderr
    checked = gantools("verify", fast, "--against", tmp_path / "fast.source", "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["is_parent"]
    timed = gantools("bench", fast, "--batch", "1", "--seconds", "0.2", "--together", "--no-limits", "--json")
    assert timed.returncode == 0, timed.stderr
    sampled = gantools("sample", fast, "--seeds", "0", "--out", tmp_path / "a.png")
    assert sampled.returncode == 1
    assert "makes images of images: a seed alone is not enough" in sampled.stderr.replace("\n", " ")


def test_a_foreign_generator_needs_no_word(tmp_path: Path) -> None:
    done = gantools("optimize", generator(tmp_path / "g.onnx"), "--target", "onnxruntime", "--out", tmp_path / "fast")
    assert done.returncode == 0, done.stderr
    assert gantools("sample", tmp_path / "fast", "--seeds", "0-3", "--out", tmp_path / "a.png").returncode == 0


def test_mistakes_are_told_with_the_option(tmp_path: Path) -> None:
    net, own = enlarger(tmp_path / "net.onnx"), make_artifact(tmp_path / "own").path
    out = ("--target", "onnxruntime", "--out", tmp_path / "out")
    cases: list[tuple[tuple[str | Path, ...], str]] = [
        ((net,), "does not say in which range"),
        ((net, "--input-range", "0-1"), "--input-range takes BLACK..WHITE, such as 0..1 or -1..1, got '0-1'"),
        ((net, "--input-range", "0..1", "--input", "x"), "--input takes NAME=ROLE, got 'x'"),
        ((own, "--output-range", "0..1"), "--output-range says something of a foreign .onnx file"),
        ((net, "--input-range", "0..1", "--max-loss", "psnr=1"), "the loss of 'psnr' needs the images that should be"),
        ((net, "--input-range", "0..1", "--max-loss", "is=1"), "'is' is of a set of samples, and this generator makes"),
        ((own, "--calibrate", tmp_path), "--calibrate gives images, and this generator takes none"),
    ]
    for arguments, words in cases:
        done = gantools("optimize", *arguments, *out)
        assert done.returncode == 2, done.stderr
        assert words in " ".join(done.stderr.split()), done.stderr
    assert len(cases) == 7
    assert not (tmp_path / "out").exists()
