import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import DataError
from gantools.data import archives

Files = dict[str, bytes]


@pytest.fixture
def files(noise: Any) -> Files:
    """Six images in two folders of classes, in no order."""

    def png(pixels: Any) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue()

    names = ("dog/1.png", "cat/0.png", "cat/2.png", "dog/0.png", "dog/2.png", "cat/1.png")
    return {name: png(pixels) for name, pixels in zip(names, noise(6), strict=True)}


def write_folder(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def write_tar(path: Path, files: Files, mode: Any = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"])
def test_a_tar_is_the_folder_it_was_made_of(suffix: str, files: Files, opened: Any, tmp_path: Path) -> None:
    kind = suffix.rpartition(".")[2].replace("tgz", "gz")
    packed = write_tar(tmp_path / f"pets{suffix}", files, "w" if kind == "tar" else f"w:{kind}")
    from_tar, from_folder = opened(packed), opened(write_folder(tmp_path / "pets", files))
    assert from_tar.digest == from_folder.digest
    assert from_tar.names == from_folder.names == tuple(sorted(files))
    assert (from_tar.images == from_folder.images).all()


@pytest.mark.parametrize(("write", "suffix"), [(write_tar, ".tar"), (write_zip, ".zip")])
def test_a_folder_inside_an_archive_is_a_source(
    write: Any, suffix: str, files: Files, opened: Any, tmp_path: Path
) -> None:
    split = {f"pets/train/{name}": content for name, content in files.items()}
    packed = write(tmp_path / f"pets{suffix}", {**split, "pets/test/cat/9.png": files["cat/0.png"]})
    inside = opened(packed / "pets" / "train", labels=True)
    assert inside.digest == opened(write_folder(tmp_path / "pets", files), labels=True).digest
    assert inside.classes == ("cat", "dog")
    assert len(opened(packed).images) == 7
    with pytest.raises(DataError, match="pets/val' holds no images"):
        opened(packed / "pets" / "val")
    with pytest.raises(DataError, match=r"folders of .* are splits: test, train") as caught:
        opened(packed, labels=True)
    assert caught.value.hint == f"give one of them, such as {packed}/train"


def test_shards_follow_each_other_and_carry_their_classes(files: Files, opened: Any, tmp_path: Path) -> None:
    pngs = list(files.values())
    for shard in range(3):
        write_tar(
            tmp_path / f"pets-{shard:04d}.tar",
            {
                f"{2 * shard + one:03d}{suffix}": content
                for one in range(2)
                for suffix, content in (
                    (".cls", f"{(2 * shard + one) % 4}\n".encode()),
                    (".rgb.png", pngs[2 * shard + one]),
                    (".json", b"{}"),
                )
            },
        )
    images = opened(f"{tmp_path}/pets-{{0000..0002}}.tar", labels=True)
    assert images.names == tuple(f"{number:03d}.rgb.png" for number in range(6))
    assert images.labels.tolist() == [0, 1, 2, 3, 0, 1]
    assert images.classes == ("0", "1", "2", "3")
    with pytest.raises(DataError, match=r"2 of the 5 shards of .* do not exist, the first is '.*pets-0003.tar'"):
        opened(f"{tmp_path}/pets-{{0000..0004}}.tar")


def test_a_shard_without_the_class_of_one_image_is_named(files: Files, opened: Any, tmp_path: Path) -> None:
    pngs = list(files.values())
    shard = write_tar(tmp_path / "s.tar", {"0.png": pngs[0], "0.cls": b"1", "1.png": pngs[1]})
    assert len(opened(shard).images) == 2
    with pytest.raises(DataError, match=r"'1.png' in '.*s.tar' has none, unlike 1 of the 2 images"):
        opened(shard, labels=True)


def test_no_member_of_a_tar_is_written_to_disk_and_links_are_not_followed(
    files: Files, opened: Any, tmp_path: Path
) -> None:
    png = files["cat/0.png"]
    secret = write_folder(tmp_path / "outside", {"secret.png": png}) / "secret.png"
    path = write_tar(tmp_path / "evil.tar", {"../../escaped.png": png, "/absolute.png": png, "./here.png": png})
    with tarfile.open(path, "a") as archive:
        for kind, name in ((tarfile.SYMTYPE, "symbolic.png"), (tarfile.LNKTYPE, "hard.png")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, str(secret)
            archive.addfile(link)
    assert opened(path).names == ("/absolute.png", "here.png")
    assert not list(tmp_path.rglob("*escaped*"))
    assert not Path("/absolute.png").exists()


def test_a_compressed_tar_that_unpacks_without_end_is_refused(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "SMALLEST_LIMIT_BYTES", 1000)
    bomb = write_tar(tmp_path / "bomb.tar.gz", {"zeros.png": b"\0" * 10_000_000}, "w:gz")
    with pytest.raises(DataError, match="cannot be read as a tar: it unpacks to more than"):
        opened(bomb)


def test_a_member_that_is_too_large_is_broken(
    files: Files, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gantools.data.sources.LARGEST_FILE_BYTES", 2000)
    packed = write_tar(tmp_path / "large.tar", {"large.png": b"\0" * 3000, "small.png": files["cat/0.png"]})
    assert opened(packed, max_broken=1).broken == ("large.png",)


@pytest.mark.parametrize("name", ["bad.tar", "bad.tar.gz", "bad.tar.xz", "bad.tar.bz2", "bad.zip"])
def test_a_damaged_archive_is_one_sentence(name: str, opened: Any, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK nothing" * 100)
    with pytest.raises(DataError, match=rf"{name}' cannot be read as a (tar|zip)"):
        opened(tmp_path / name)


def test_the_cache_of_an_archive_is_that_of_its_folder(files: Files, opened: Any, tmp_path: Path) -> None:
    opened(write_folder(tmp_path / "pets", files))
    opened(write_tar(tmp_path / "pets.tar", files))
    opened(write_zip(tmp_path / "pets.zip", files))
    assert len(list((tmp_path / "cache" / "images").glob("*.npy"))) == 1
    assert np.load(next((tmp_path / "cache" / "images").glob("*.npy"))).shape == (6, 16, 16, 3)
