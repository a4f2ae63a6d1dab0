"""Networks of images are scored on whole pictures and films, beside what they are given."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import DataError, UnknownNameError
from gantools.core.recipe import Named
from gantools.data.pairs.clips import open_clips
from gantools.data.pairs.pairs import PairSet, open_pair_set
from gantools.samplers import open_artifact
from gantools.samplers.image_to_image import ImageToImage
from gantools.verify.restoration import evaluate_pairs
from tests.cli.test_app import gantools
from tests.enhance.networks import make_image_to_image

SHRINK = Named.model_validate({"name": "shrink", "scale": 2})


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three parts of a photograph, of odd sizes."""
    folder = tmp_path_factory.mktemp("photos")
    whole = open_clips("builtin:photos", channels=3, cache=str(folder / "cache")).clips[0][0]
    (folder / "pictures").mkdir()
    for number in range(3):
        Image.fromarray(whole[50 : 115 + number, 100 * number : 100 * number + 93]).save(
            folder / "pictures" / f"{number}.png"
        )
    return folder


def opened(source: Path, cache: Path, **options: Any) -> PairSet:
    known: dict[str, Any] = {"degrade": (SHRINK,), "channels": 3, "scale": 2, "patch": 16, "cache": str(cache)}
    return open_pair_set(str(source), **known | options)


def test_figures_are_those_of_the_pictures(photos: Path, tmp_path: Path) -> None:
    artifact = make_image_to_image(tmp_path / "art")
    pairs = opened(photos / "pictures", photos / "cache")
    with open_artifact(artifact.path) as generator:
        net = ImageToImage(generator)
        found = evaluate_pairs(net, pairs)
        made, wanted = [], []
        for number in range(3):
            low, target = pairs.whole(number, 1)
            assert target.shape[1:3] == (2 * low.shape[1], 2 * low.shape[2])
            made.append(net.run(low)[0, 2:-2, 2:-2].astype(float))
            wanted.append(target[0, 2:-2, 2:-2].astype(float))
    assert [one.made.name for one in found] == ["psnr-y-bt601-crop2", "ssim-y-bt601-crop2", "psnr-rgb-crop2"]
    weights = np.array([65.481, 128.553, 24.966]) / 255
    by_hand = np.mean(
        [10 * np.log10(255**2 / np.square((a - b) @ weights).mean()) for a, b in zip(made, wanted, strict=True)]
    )
    assert found[0].made.value == pytest.approx(by_hand, abs=1e-6)
    assert found[0].given.value > found[0].made.value, "bicubic is better than weights that nobody trained"
    for one in found:
        assert one.higher_is_better
        assert one.made.interval[0] < one.made.value < one.made.interval[1]
        assert (one.made.samples, one.made.protocol) == (3, "shrink scale=2 filter=bicubic")


def film(path: Path, count: int) -> None:
    whole = open_clips("builtin:photos", channels=3, cache=str(path.parent / "cache")).clips[1][0]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 96, 80, "bgr0"
        for step in range(count):
            pixels = np.ascontiguousarray(whole[100:180, 100 + step : 196 + step])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))


def test_a_film_is_scored_from_frame_to_frame(tmp_path: Path) -> None:
    film(tmp_path / "film.mkv", 24)
    artifact = make_image_to_image(tmp_path / "art")
    with open_artifact(artifact.path) as generator:
        net = ImageToImage(generator)
        pairs = opened(tmp_path / "film.mkv", tmp_path / "cache")
        psnr, tof = evaluate_pairs(net, pairs, metrics=["psnr", "tof"], crop=4)
        assert (psnr.made.name, tof.made.name) == ("psnr-y-bt601-crop4", "tof-farneback-crop4")
        assert psnr.made.samples == 24
        assert not tof.higher_is_better
        assert 0 < tof.made.value < 1
        with pytest.raises(DataError, match="nothing is left of 96x80 pixels without 40"):
            evaluate_pairs(net, pairs, crop=40)
        with pytest.raises(UnknownNameError, match="metric of clips is called 'psn'"):
            evaluate_pairs(net, pairs, metrics=["psn"])
        film(tmp_path / "short.mkv", 3)
        with pytest.raises(DataError, match=r"short.mkv' has too little for 'psnr-y.*: 1 clip of 3 frames"):
            evaluate_pairs(net, opened(tmp_path / "short.mkv", tmp_path / "cache"))


def test_pictures_have_no_flow(photos: Path, tmp_path: Path) -> None:
    artifact = make_image_to_image(tmp_path / "art")
    with open_artifact(artifact.path) as generator:
        pairs = opened(photos / "pictures", photos / "cache")
        with pytest.raises(DataError, match="too few frames that follow each other for 'tof"):
            evaluate_pairs(ImageToImage(generator), pairs, metrics=["tof"])


def test_the_command_tells_both(photos: Path, tmp_path: Path) -> None:
    artifact = make_image_to_image(tmp_path / "art").path
    shown = gantools("evaluate", artifact, "--data", photos / "pictures")
    assert shown.returncode == 2
    assert "does not say what it is given in its training" in shown.stderr
    small = tmp_path / "small"
    small.mkdir()
    wide = tmp_path / "wide"
    wide.mkdir()
    for number in range(2):
        with Image.open(photos / "pictures" / f"{number}.png") as opened_file:
            even = opened_file.crop((0, 0, 80, 64))
        even.save(wide / f"{number}.png")
        even.resize((40, 32)).save(small / f"{number}.png")
    told = gantools("evaluate", artifact, "--data", wide, "--inputs", small, "--metrics", "psnr,ssim", "--json")
    assert told.returncode == 0, told.stderr
    document = json.loads(told.stdout)
    assert [card["name"] for card in document["cards"]] == ["psnr-y-bt601-crop2", "ssim-y-bt601-crop2"]
    assert len(document["given"]) == 2
    table = gantools("evaluate", artifact, "--data", wide, "--inputs", small, "--crop", "0")
    assert "psnr-y-bt601-crop0" in table.stdout
    assert "2 clips, 2 frames" in " ".join(table.stdout.split())
    seeds = gantools("evaluate", artifact, "--data", wide, "--inputs", small, "--metrics", "kid")
    assert "no metric of clips is called 'kid'" in seeds.stderr
