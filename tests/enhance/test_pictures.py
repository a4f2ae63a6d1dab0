"""Pictures and folders of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from gantools.core.artifact import load_artifact
from gantools.core.errors import ArtifactError, DataError, GantoolsError, RecipeError
from gantools.core.events import Event, Note, Progress
from gantools.enhance import Options, enhance
from gantools.media.pictures import mark_of_picture
from gantools.media.provenance import EDITED
from gantools.samplers import open_artifact
from gantools.samplers.image_to_image import ImageToImage
from tests.media.test_provenance import CAMERA


def colours(height: int = 40, width: int = 56, channels: int = 3) -> Any:
    return np.random.default_rng(3).integers(0, 256, (height, width, channels), np.uint8)


def made_of(art: Path, pixels: Any) -> Any:
    with open_artifact(art) as generator:
        return ImageToImage(generator).run(pixels[None])[0]


def refused(kind: type[GantoolsError], art: Path, source: Path, out: Path, options: Options | None = None) -> str:
    beside = {path.name for path in out.parent.iterdir()}
    with pytest.raises(kind) as caught:
        enhance(art, source, out, options)
    assert {path.name for path in out.parent.iterdir()} == beside
    return caught.value.message


def test_a_picture_is_what_the_network_makes_of_it(art: Path, tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "in.png")
    report = enhance(art, tmp_path / "in.png", tmp_path / "out.png")
    assert (report.kind, report.count, report.plan) == ("picture", 1, "whole images, 1 at once")
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(image), made_of(art, colours()))
    enhance(art, tmp_path / "in.png", tmp_path / "tiled.png", Options(tile=24))
    assert (tmp_path / "tiled.png").read_bytes() == (tmp_path / "out.png").read_bytes()


def test_the_mean_over_eight_views_is_another_picture_and_the_same_in_tiles(art: Path, tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "in.png")
    views = [made_of(art, np.rot90(colours(), turn)) for turn in range(4)]
    mirrored = [made_of(art, np.rot90(colours(), turn)[:, ::-1])[:, ::-1] for turn in range(4)]
    back = [np.rot90(one, -(place % 4)).astype(int) for place, one in enumerate(views + mirrored)]
    mean = (sum(back) + 4) // 8
    enhance(art, tmp_path / "in.png", tmp_path / "out.png", Options(self_ensemble=True))
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(image), mean)
    assert (mean != made_of(art, colours())).any()
    enhance(art, tmp_path / "in.png", tmp_path / "tiled.png", Options(tile=24, self_ensemble=True))
    assert (tmp_path / "tiled.png").read_bytes() == (tmp_path / "out.png").read_bytes()


def test_transparency_grows_along(art: Path, tmp_path: Path) -> None:
    pixels = np.dstack([colours(), np.full((40, 56), 255, np.uint8)])
    pixels[10:30, 20:40, 3] = 0
    Image.fromarray(pixels, "RGBA").save(tmp_path / "in.png")
    enhance(art, tmp_path / "in.png", tmp_path / "out.webp")
    with Image.open(tmp_path / "out.webp") as image:
        found = np.asarray(image)
    assert found.shape == (80, 112, 4)
    assert (found[24:56, 44:76, 3] == 0).all()
    assert (found[:16, :, 3] == 255).all()
    assert "'out.jpg' cannot be transparent, being a .jpg," in refused(
        RecipeError, art, tmp_path / "in.png", tmp_path / "out.jpg"
    )


def test_a_picture_says_what_made_it_beside_the_xmp_that_was_there(art: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(colours()).save(tmp_path / "in/a.jpg", xmp=CAMERA)
    enhance(art, tmp_path / "in/a.jpg", tmp_path / "out.png")
    enhance(art, tmp_path / "in", tmp_path / "all")
    for path in (tmp_path / "out.png", tmp_path / "all/a.jpg"):
        found = mark_of_picture(path)
        assert (found.source_type, found.facts["artifact"]) == (EDITED, load_artifact(art).digest)
        assert b"A. Nobody" in path.read_bytes()


def test_profile_exif_and_resolution_stay(art: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(colours()).save(tmp_path / "in.jpg", exif=exif, icc_profile=profile, dpi=(300, 300))
    enhance(art, tmp_path / "in.jpg", tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.size == (112, 80)
        assert image.getexif()[0x0112] == 6
        assert image.info["icc_profile"] == profile
        assert image.info["dpi"] == (300, 300)


@pytest.mark.parametrize(("mode", "kept"), [("L", "L"), ("LA", "LA"), ("1", "L"), ("P", "RGB"), ("CMYK", "RGB")])
def test_every_mode_of_a_picture_is_taken(mode: str, kept: str, art: Path, tmp_path: Path) -> None:
    name = "in.tif" if mode == "CMYK" else "in.png"
    Image.fromarray(colours()).convert("RGBA" if mode == "LA" else "RGB").convert(mode).save(tmp_path / name)
    enhance(art, tmp_path / name, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert (image.mode, image.size) == (kept, (112, 80))


@pytest.mark.parametrize("deep", [np.uint16, np.uint8])
def test_sixteen_bits_are_said_to_become_eight(deep: Any, art: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    grey = colours()[..., 0].astype(deep) * (257 if deep == np.uint16 else 1)
    Image.fromarray(grey).save(tmp_path / "in.png")
    enhance(art, tmp_path / "in.png", tmp_path / "out.png", on_event=events.append)
    said = [event.text for event in events if isinstance(event, Note)]
    assert [("16 bits a component" in text) for text in said] == ([True] if deep == np.uint16 else [])
    with Image.open(tmp_path / "out.png") as image:
        expected = made_of(art, np.repeat(colours()[..., :1], 3, axis=2))
        np.testing.assert_array_equal(np.asarray(image), np.asarray(Image.fromarray(expected).convert("L")))


def test_a_network_of_brightness_takes_pictures_in_colour(grey_art: Path, tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "in.png")
    enhance(grey_art, tmp_path / "in.png", tmp_path / "out.png")
    with Image.open(tmp_path / "in.png") as small, Image.open(tmp_path / "out.png") as large:
        assert large.mode == "RGB"
        expected = made_of(grey_art, np.asarray(small.convert("YCbCr").getchannel(0))[..., None])[..., 0]
        found = np.asarray(large.convert("YCbCr").getchannel(0)).astype(int)
    # Colours beyond what RGB has are cut off, which moves the brightness of some.
    assert np.median(np.abs(found - expected)) <= 1


def test_pictures_that_cannot_be_read_or_written_are_refused(art: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    empty, cut, moving = (tmp_path / name for name in ("empty.png", "cut.png", "moving.webp"))
    empty.write_bytes(b"")
    Image.fromarray(colours()).save(cut)
    cut.write_bytes(cut.read_bytes()[:2000])
    stills = [Image.fromarray(colours() // (number + 1)) for number in range(3)]
    stills[0].save(moving, save_all=True, append_images=stills[1:], lossless=True)
    assert "is empty: it has no bytes at all" in refused(DataError, art, empty, out)
    assert "cannot be read as a picture: " in refused(DataError, art, cut, out)
    assert "is an animation of 3 pictures" in refused(DataError, art, moving, out)
    assert "no picture file is called 'out.mp4'" in refused(RecipeError, art, cut, tmp_path / "out.mp4")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    (root / "more").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "more/a.png", "more/c.bmp")):
        Image.fromarray(colours(40 + number, 56)).save(root / name)
    (root / "notes.txt").write_text("none of them")
    return root


def test_a_folder_becomes_a_folder_of_the_same_names(art: Path, folder: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    report = enhance(art, folder, tmp_path / "out", on_event=events.append)
    assert (report.kind, report.count, report.computed) == ("pictures", 4, 4)
    names = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert names == ["a.png", "b.jpg", "more/a.png", "more/c.bmp"]
    with Image.open(tmp_path / "out/more/a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), made_of(art, colours(42, 56)))
    assert [event.done for event in events if isinstance(event, Progress)] == [1, 2, 3, 4]
    assert [event.text for event in events if isinstance(event, Note)] == [
        f"1 files of '{folder}' are no pictures and are left out"
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert "exists and is not empty" in refused(ArtifactError, art, folder, tmp_path / "out")


def test_a_folder_that_was_cut_off_goes_on(art: Path, folder: Path, tmp_path: Path) -> None:
    def watch(event: Event) -> None:
        if isinstance(event, Progress) and event.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        enhance(art, folder, tmp_path / "out", on_event=watch)
    assert not (tmp_path / "out").exists()
    assert "holds what an earlier run" in refused(RecipeError, art, folder, tmp_path / "out")
    resume = Options(resume=True)
    assert "had another tile" in refused(RecipeError, art, folder, tmp_path / "out", replace(resume, tile=32))
    report = enhance(art, folder, tmp_path / "out", resume)
    assert (report.count, report.computed) == (4, 2)
    assert len(list((tmp_path / "out").rglob("*.*"))) == 4


def test_folders_without_pictures_and_with_broken_ones_are_refused(art: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert "holds no pictures: 0 files" in refused(DataError, art, tmp_path / "bare", tmp_path / "out")
    (folder / "a.png").write_bytes(b"no picture")
    assert "a.png' cannot be read as a picture" in refused(DataError, art, folder, tmp_path / "out")


def test_a_picture_that_is_broken_leaves_what_was_made_to_go_on_with(art: Path, folder: Path, tmp_path: Path) -> None:
    count = sum(path.suffix != ".txt" for path in folder.rglob("*.*"))
    (folder / "zz.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"zz\.png' cannot be read as a picture") as err:
        enhance(art, folder, tmp_path / "out")
    assert err.value.hint == f"mend it or take it away; {count} of {count + 1} pictures are made, and --resume goes on"
    (folder / "zz.png").unlink()
    report = enhance(art, folder, tmp_path / "out", Options(resume=True))
    assert (report.count, report.computed) == (count, 0)
