import io
import json
import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import ArtifactError, DataError, UnknownNameError
from gantools.core.events import Event, Note, Progress
from gantools.data import ImageSet, open_images


def picture(width: int, height: int, colour: tuple[int, int, int] = (200, 30, 30)) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images of three formats and four sizes, one in a folder of its own, and a file that is none."""
    root = tmp_path / "photos"
    (root / "more").mkdir(parents=True)
    (root / "a.png").write_bytes(saved(picture(64, 64)))
    (root / "b.JPG").write_bytes(saved(picture(90, 60, (0, 0, 255)), "JPEG"))
    (root / "more" / "c.webp").write_bytes(saved(picture(10, 30, (0, 255, 0)), "WEBP"))
    (root / "more" / "d.jpeg").write_bytes(saved(picture(200, 180).convert("L"), "JPEG"))
    (root / "notes.txt").write_text("no image")
    return root


def opened(source: Path | str, tmp_path: Path, **options: object) -> ImageSet:
    arguments = {"resolution": 16, "channels": 3, "cache": str(tmp_path / "cache"), **options}
    return open_images(str(source), **arguments)  # type: ignore[arg-type]


def test_images_of_any_kind_and_size_become_one_array(folder: Path, tmp_path: Path) -> None:
    images = opened(folder, tmp_path)
    assert images.images.shape == (4, 16, 16, 3)
    assert images.images.dtype == np.uint8
    assert isinstance(images.images, np.memmap)
    assert images.broken == ()
    centres = images.images[:, 8, 8].astype(int)
    assert np.abs(centres - [[200, 30, 30], [0, 0, 255], [0, 255, 0], [81, 81, 81]]).max() <= 3  # 81: BT.601 luma
    assert opened(folder, tmp_path, channels=1).images.shape == (4, 16, 16, 1)


def test_the_middle_square_is_kept_and_nothing_is_squeezed(tmp_path: Path) -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    (tmp_path / "in").mkdir()
    Image.fromarray(wide).save(tmp_path / "in" / "wide.png")
    assert (opened(tmp_path / "in", tmp_path).images == 255).all()


def test_shrinking_does_not_alias(tmp_path: Path) -> None:
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255
    (tmp_path / "in").mkdir()
    Image.fromarray(stripes).save(tmp_path / "in" / "stripes.png")
    images = opened(tmp_path / "in", tmp_path, channels=1).images
    assert np.abs(images[:, 2:-2, 2:-2].astype(int) - 127).max() <= 2


def test_the_rotation_of_a_camera_is_undone(tmp_path: Path) -> None:
    upright = np.zeros((40, 40), np.uint8)
    upright[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    (tmp_path / "in").mkdir()
    Image.fromarray(np.rot90(upright).copy()).save(tmp_path / "in" / "turned.jpg", exif=exif)
    image = opened(tmp_path / "in", tmp_path, channels=1).images[0, ..., 0]
    assert image[:6].min() > 230
    assert image[10:].max() < 25


@pytest.mark.parametrize(
    ("image", "grey"),
    [
        (Image.new("RGBA", (20, 20), (0, 0, 0, 0)), 255),
        (Image.new("P", (20, 20), 0), 0),
        (Image.fromarray(np.full((20, 20), 0x8040, np.uint16)), 0x80),
        (Image.new("1", (20, 20), 1), 255),
        (Image.new("LA", (20, 20), (100, 255)), 100),
    ],
    ids=["transparent is white", "palette", "16 bits are scaled, not cut", "one bit", "opaque grey with alpha"],
)
def test_odd_modes_are_understood(image: Image.Image, grey: int, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    image.save(tmp_path / "in" / "odd.png")
    for channels in (1, 3):
        pixels = opened(tmp_path / "in", tmp_path, channels=channels).images
        assert (pixels == grey).all()


def test_a_zip_is_the_folder_it_was_made_of(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "photos.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.write(path, path.relative_to(folder))
        archive.writestr("__MACOSX/._a.png", b"a resource fork")
    from_zip, from_folder = opened(packed, tmp_path), opened(folder, tmp_path)
    assert from_zip.digest == from_folder.digest
    assert (from_zip.images == from_folder.images).all()
    assert from_zip.name == str(packed)


def test_no_name_inside_a_zip_is_written_to_disk(tmp_path: Path) -> None:
    packed = tmp_path / "in" / "evil.zip"
    packed.parent.mkdir()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../escaped.png", saved(picture(20, 20)))
        archive.writestr("/absolute.png", saved(picture(20, 20)))
    assert len(opened(packed, tmp_path).images) == 1, "the absolute one is read in place, the other counts as hidden"
    assert not list(tmp_path.rglob("*escaped*"))
    assert not Path("/absolute.png").exists()
    assert sorted(path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()) == [".json", ".npy"]


def test_a_decompression_bomb_is_a_broken_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bomb.png").write_bytes(saved(picture(40, 40)))  # over the limit, below twice the limit
    (tmp_path / "in" / "huge.png").write_bytes(saved(picture(100, 100)))
    (tmp_path / "in" / "small.png").write_bytes(saved(picture(20, 20)))
    assert opened(tmp_path / "in", tmp_path, max_broken=1).broken == ("bomb.png", "huge.png")


def test_a_zip_member_that_unpacks_without_end_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gantools.data.sources.LARGEST_FILE_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", b"\0" * 100_000)
        archive.writestr("small.png", saved(picture(8, 8)))
    assert opened(tmp_path / "bomb.zip", tmp_path, max_broken=1).broken == ("bomb.png",)


def test_broken_files_are_named_counted_and_left_out(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "a.png").read_bytes()
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("no image")
    events: list[Event] = []
    images = opened(folder, tmp_path, max_broken=0.5, on_event=events.append)
    assert images.images.shape[0] == 4
    assert images.broken == ("cut.png", "empty.png", "text.jpg")
    (note,) = [event for event in events if isinstance(event, Note)]
    assert note.level == "warning"
    assert "3 of 7 images" in note.text
    assert "cut.png, empty.png, text.jpg" in note.text
    assert {event.done for event in events if isinstance(event, Progress)} == {7}
    with pytest.raises(DataError, match=r"3 of 7 images .* cannot be read: cut.png.*max_broken allows 1.0%"):
        opened(folder, tmp_path)  # from the cache, and still refused


def test_a_set_of_broken_files_alone_is_an_error_at_any_limit(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abcde":
        (tmp_path / "in" / f"{name}.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"5 of 5 images .* a.png, b.png, c.png and 2 more"):
        opened(tmp_path / "in", tmp_path, max_broken=1)


def test_a_second_opening_decodes_nothing(folder: Path, tmp_path: Path) -> None:
    first = opened(folder, tmp_path)
    events: list[Event] = []
    second = opened(folder, tmp_path, on_event=events.append)
    assert {event.stage for event in events if isinstance(event, Progress)} == {"read images"}
    assert (first.images == second.images).all()


def test_the_cache_follows_the_content(folder: Path, tmp_path: Path) -> None:
    digests = [opened(folder, tmp_path).digest]
    os.utime(folder / "a.png", (1, 1))
    assert opened(folder, tmp_path).digest == digests[0], "times do not count"
    digests += [opened(folder, tmp_path, channels=1).digest, opened(folder, tmp_path, resolution=32).digest]
    (folder / "a.png").write_bytes(saved(picture(64, 64, (0, 0, 0))))
    digests.append(opened(folder, tmp_path).digest)
    assert opened(folder, tmp_path).images[0].max() == 0
    (folder / "a.png").rename(folder / "z.png")
    digests.append(opened(folder, tmp_path).digest)
    assert len(set(digests)) == 5


def test_two_builders_at_once_make_one_set(folder: Path, tmp_path: Path) -> None:
    found: list[ImageSet] = []
    threads = [threading.Thread(target=lambda: found.append(opened(folder, tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all((images.images == found[0].images).all() for images in found)
    assert sorted(path.suffix for path in (tmp_path / "cache" / "images").iterdir()) == [".json", ".npy"]


def test_the_cache_lies_where_the_user_keeps_caches(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    images = opened(folder, tmp_path, cache=None)
    listing = tmp_path / "xdg" / "gantools" / "images" / f"{images.digest}.json"
    assert json.loads(listing.read_text())["broken_at"] == []


def test_a_cache_that_cannot_be_written_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtifactError, match="cannot write the decoded images") as caught:
        opened(folder, tmp_path, cache=str(tmp_path / "file"))
    assert "XDG_CACHE_HOME" in str(caught.value.hint), "which all commands know, unlike a key of recipes"


def test_the_built_in_digits_are_the_real_scans(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    digits = opened("builtin:digits", tmp_path, resolution=32, channels=1).images
    assert digits.shape == (1797, 32, 32, 1)
    assert digits.min() == 0
    assert digits.max() == 255
    small = digits.reshape(1797, 8, 4, 8, 4).mean(axis=(2, 4)) * (16 / 255)
    scans = load_digits().images
    assert np.corrcoef(small.ravel(), scans.ravel())[0, 1] > 0.98


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no images"),
        (lambda path: path.write_text("text"), "is neither a folder nor a file of images .*idx"),
    ],
)
def test_a_source_that_is_none_is_one_sentence(make: object, message: str, tmp_path: Path) -> None:
    make(tmp_path / "source")  # type: ignore[operator]
    with pytest.raises(DataError, match=f"'.*source' {message}") as caught:
        opened(tmp_path / "source", tmp_path)
    assert caught.value.hint


def test_a_damaged_zip_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match=r"bad.zip' cannot be read as a zip"):
        opened(tmp_path / "bad.zip", tmp_path)


def test_an_unknown_built_in_set_is_named_with_the_near_match(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no built-in image set is called 'digit'; did you mean 'digits'"):
        opened("builtin:digit", tmp_path)
