import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from gantools.core.errors import DataError


def idx(array: npt.NDArray[np.uint8]) -> bytes:
    """The bytes of an idx file, as the page of MNIST describes them."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, images: Any, labels: Any = None, *, packed: bool = False) -> Path:
    path = folder / f"train-images-idx{images.ndim}-ubyte{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(idx(images)) if packed else idx(images))
    if labels is not None:
        (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.asarray(labels, np.uint8)))
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_idx_images_of_the_right_size_are_kept_as_they_are(
    packed: bool, noise: Any, opened: Any, tmp_path: Path
) -> None:
    grey = noise(5, 28, None)
    images = opened(write_idx(tmp_path, grey, packed=packed), resolution=28, channels=1)
    assert (images.images[..., 0] == grey).all()
    assert images.names == ()
    assert images.name_of(3) == "3"
    assert opened(write_idx(tmp_path, grey, packed=not packed), resolution=28, channels=1).digest == images.digest


def test_arrays_of_all_formats_are_the_same_set(noise: Any, opened: Any, tmp_path: Path) -> None:
    pixels = noise(5, 16, 3)
    np.save(tmp_path / "a.npy", pixels)
    np.savez(tmp_path / "b.npz", images=pixels)
    np.savez_compressed(tmp_path / "c.npz", pixels)  # as arr_0
    sources = [tmp_path / "a.npy", tmp_path / "b.npz", tmp_path / "c.npz", write_idx(tmp_path, pixels)]
    sets = [opened(source) for source in sources]
    assert len({images.digest for images in sets}) == 1
    assert (sets[0].images == pixels).all()


def test_arrays_are_resized_as_files_are(noise: Any, opened: Any, tmp_path: Path) -> None:
    """The same pixels from a lossless file and from an array, in all directions."""
    wide = np.random.default_rng(1).integers(0, 256, (2, 20, 36, 3), np.uint8)
    np.save(tmp_path / "wide.npy", wide)
    (tmp_path / "files").mkdir()
    for number, image in enumerate(wide):
        Image.fromarray(image).save(tmp_path / "files" / f"{number}.png")
    cases = [
        (resolution, channels, fit) for resolution in (8, 20, 32) for channels in (1, 3) for fit in ("resize", "pad")
    ]
    for resolution, channels, fit in cases:
        options = {"resolution": resolution, "channels": channels, "fit": fit}
        assert (
            opened(tmp_path / "wide.npy", **options).images == opened(tmp_path / "files", **options).images
        ).all(), options
    assert len(cases) == 12


def test_padding_lays_small_images_in_the_middle_of_black(noise: Any, opened: Any, tmp_path: Path) -> None:
    source = write_idx(tmp_path, grey := noise(3, 28, None))
    padded = opened(source, resolution=32, channels=1, fit="pad")
    assert (padded.images[:, 2:-2, 2:-2, 0] == grey).all()
    assert padded.images.sum() == grey.astype(np.int64).sum(), "all around is black"
    resized = opened(source, resolution=32, channels=1)
    assert resized.digest != padded.digest
    assert (
        opened(source, resolution=14, channels=1, fit="pad").images == opened(source, resolution=14, channels=1).images
    ).all()


def test_labels_lie_beside_idx_images_and_inside_npz(noise: Any, opened: Any, tmp_path: Path) -> None:
    labels = [3, 0, 1, 0, 3]
    images = opened(write_idx(tmp_path, noise(5, 16, None), labels), channels=1, labels=True)
    assert images.labels.tolist() == labels
    assert images.labels.dtype == np.int64
    assert images.classes == ("0", "1", "2", "3"), "no class is left out because no image has it"
    np.savez(tmp_path / "n.npz", images=noise(5), labels=np.array(labels, np.int32), classes=np.array(list("abcde")))
    named = opened(tmp_path / "n.npz", labels=True)
    assert (named.labels.tolist(), named.classes) == (labels, tuple("abcde"))
    np.save(tmp_path / "p.npy", noise(5))
    np.save(tmp_path / "p.labels.npy", np.array(labels))
    assert opened(tmp_path / "p.npy", labels=True).labels.tolist() == labels


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 8, 8), np.float32), "has type float32, expected uint8"),
        (np.zeros((2, 8, 8), bool), "has type bool, expected uint8"),
        (np.zeros((2, 3, 8, 8), np.uint8), r"shape \(2, 3, 8, 8\), expected .* it seems to be NCHW"),
        (np.zeros((8, 8), np.uint8), r"shape \(8, 8\), expected"),
        (np.zeros((0, 8, 8), np.uint8), "at least one image"),
        (np.zeros((2, 0, 8), np.uint8), "expected"),
        (np.asfortranarray(np.zeros((2, 8, 9), np.uint8)), "Fortran order"),
    ],
)
def test_arrays_that_are_no_images_are_refused_in_one_sentence(
    array: Any, message: str, opened: Any, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", images=array)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(DataError, match=message) as caught:
            opened(tmp_path / name)
        assert caught.value.hint


def test_no_pickle_is_ever_loaded(noise: Any, opened: Any, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    np.save(tmp_path / "x.npy", np.array([Trap()], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"has type object|cannot be read"):
        opened(tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", noise(1))
    np.save(tmp_path / "y.labels.npy", np.array([Trap()], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"labels in '.*y.labels.npy' cannot be read"):
        opened(tmp_path / "y.npy", labels=True)
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_is_shorter_or_longer_than_its_head_says_is_damaged(
    noise: Any, opened: Any, tmp_path: Path
) -> None:
    whole = idx(noise(4, 16, None))
    for content, message in ((whole[:-300], "it ends after 2 of 4 images"), (whole + b"\0", "more than the 4 images")):
        (tmp_path / "x-images-idx3-ubyte").write_bytes(content)
        with pytest.raises(DataError, match=message):
            opened(tmp_path / "x-images-idx3-ubyte", channels=1)
    (tmp_path / "y-images-idx3-ubyte.gz").write_bytes(gzip.compress(whole)[:-100])
    with pytest.raises(DataError, match=r"y-images-idx3-ubyte.gz' is damaged"):
        opened(tmp_path / "y-images-idx3-ubyte.gz", channels=1)
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_a_head_may_speak_of_any_size_without_any_memory_being_taken(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "x-idx3-ubyte").write_bytes(struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 4000, 4000))
    with pytest.raises(DataError, match="it ends after 0 of 4294967295 images"):
        opened(tmp_path / "x-idx3-ubyte")
    (tmp_path / "y-idx3-ubyte").write_bytes(struct.pack(">HBB3I", 0, 8, 3, 1, 2**32 - 1, 2**32 - 1))
    with pytest.raises(DataError, match=r"of at most .* pixels"):
        opened(tmp_path / "y-idx3-ubyte")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(3), r"have shape \(3,\) and type .*, expected \(4,\) integers"),
        (np.zeros((4, 1), int), r"have shape \(4, 1\)"),
        (np.zeros(4), "type float64"),
        (np.array([0, -1, 0, 0]), "go from -1 to 0"),
        (np.array([0, 0, 0, 10**9]), "to 1000000000, expected 0 to at most"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: Any, message: str, noise: Any, opened: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=noise(4), labels=labels)
    assert len(opened(tmp_path / "x.npz").images) == 4, "nobody asked for labels"
    with pytest.raises(DataError, match=message):
        opened(tmp_path / "x.npz", labels=True)


def test_what_is_missing_is_said(noise: Any, opened: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", pixels=noise(2))
    with pytest.raises(DataError, match="holds no array 'images', but pixels"):
        opened(tmp_path / "x.npz")
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"cannot be read as an .npz"):
        opened(tmp_path / "bad.npz")
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"bad.npy' cannot be read"):
        opened(tmp_path / "bad.npy")
    np.save(tmp_path / "a.npy", noise(2))
    with pytest.raises(DataError, match="is an array, in which there is no 'train'"):
        opened(tmp_path / "a.npy" / "train")
    with pytest.raises(DataError, match=r"class labels are needed, and '.*a.npy' has none") as caught:
        opened(tmp_path / "a.npy", labels=True)
    assert "a.labels.npy" in str(caught.value.hint)
    source = write_idx(tmp_path, noise(4, 16, None), [1, 2])
    with pytest.raises(DataError, match=r"shape \(2,\).* expected \(4,\)"):
        opened(source, channels=1, labels=True)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(4, np.uint8)) + b"\0")
    with pytest.raises(DataError, match=r"holds 5 labels or more, its head says \(4,\)"):
        opened(source, channels=1, labels=True)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"no")
    with pytest.raises(DataError, match="cannot be read as idx labels"):
        opened(source, channels=1, labels=True)


def test_a_folder_of_arrays_says_which_file_to_give(noise: Any, opened: Any, tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    path = write_idx(tmp_path / "sets", noise(2, 16, None))
    with pytest.raises(DataError, match="holds no images") as caught:
        opened(tmp_path / "sets")
    assert str(path) in str(caught.value.hint)


def test_an_array_that_changes_between_listing_and_decoding_is_noticed(
    noise: Any, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantools.data.arrays import ArraySource

    np.save(tmp_path / "a.npy", noise(3))
    listed = ArraySource.contents

    def then_changed(self: ArraySource, *arguments: Any) -> Any:
        found = listed(self, *arguments)
        np.save(tmp_path / "a.npy", noise(3, seed=1))
        return found

    monkeypatch.setattr(ArraySource, "contents", then_changed)
    with pytest.raises(DataError, match=r"a.npy' changed while it was read"):
        opened(tmp_path / "a.npy")
    assert not list((tmp_path / "cache").rglob("*.npy"))
