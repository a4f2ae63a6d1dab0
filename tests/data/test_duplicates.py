import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gantools.core.errors import DataError
from gantools.data import ImageSet
from gantools.data.duplicates import find_duplicates, find_leaks


def photographs(count: int, seed: int = 0, edge: int = 32) -> Any:
    """(count, edge, edge, 3) uint8: blurred noise, whose frequencies fall off as those of photographs do."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        noise = Image.fromarray(rng.integers(0, 256, (edge, edge, 3), np.uint8))
        blurred = np.asarray(noise.filter(ImageFilter.GaussianBlur(3)), np.float32)
        made.append(np.clip((blurred - blurred.mean()) * 4 + 128, 0, 255).astype(np.uint8))
    return np.stack(made)


def image_set(pixels: Any, name: str = "made") -> ImageSet:
    return ImageSet(name, pixels, "", ())


def compressed(image: Any) -> Any:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def scaled(image: Any) -> Any:
    return np.asarray(Image.fromarray(image).resize((24, 24), Image.Resampling.LANCZOS).resize((32, 32)))


def brightened(image: Any) -> Any:
    return np.clip(image.astype(np.float32) * 0.8 + 30, 0, 255).astype(np.uint8)


def grey(image: Any) -> Any:
    return np.asarray(Image.fromarray(image).convert("L").convert("RGB"))


def test_images_that_have_nothing_in_common_are_no_duplicates() -> None:
    found = find_duplicates(image_set(photographs(300)))
    assert (found.equal, found.near, found.flat) == ((), (), 0)


def test_equal_images_are_grouped_and_the_first_stands_for_all() -> None:
    pixels = photographs(100)
    pixels[[40, 90]] = pixels[3]
    pixels[50] = pixels[49]
    pixels[60] = compressed(pixels[3])
    found = find_duplicates(image_set(pixels))
    assert found.equal == ((3, 40, 90), (49, 50))
    assert [(pair.first, pair.second) for pair in found.near] == [(3, 60)]


@pytest.mark.parametrize("change", [compressed, scaled, brightened, grey])
def test_the_same_picture_in_another_form_is_found(change: Any) -> None:
    pixels = photographs(400)
    planted = {(k, 200 + k) for k in range(0, 100, 5)}
    for original, copy in planted:
        pixels[copy] = change(pixels[original])
    found = find_duplicates(image_set(pixels))
    assert {(pair.first, pair.second) for pair in found.near} == planted
    distances = [pair.distance for pair in found.near]
    assert distances == sorted(distances)
    assert distances[-1] <= found.limit


def test_the_tree_finds_what_comparing_all_pairs_finds() -> None:
    """Images along a line, so that there are neighbours at every distance."""
    ends = photographs(2).astype(np.float32)
    share = np.sort(np.random.default_rng(0).random(300))[:, None, None, None]
    pixels = np.unique((ends[0] * share + ends[1] * (1 - share)).astype(np.uint8), axis=0)
    found = find_duplicates(image_set(pixels), limit=0.003)
    luma = np.array([0.299, 0.587, 0.114])
    cosines = np.cos(np.pi * (np.arange(32) + 0.5) * np.arange(12)[:, None] / 32)  # DCT-II, written out
    cosines *= np.sqrt(np.where(np.arange(12) == 0, 1, 2) / 32)[:, None]
    features = (cosines @ (pixels @ luma) @ cosines.T).reshape(len(pixels), -1)[:, 1:]
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    distances = 1 - features @ features.T
    firsts, seconds = np.nonzero(np.triu(distances <= 0.003, 1))
    sure = {(int(a), int(b)) for a, b in zip(firsts, seconds, strict=True) if abs(distances[a, b] - 0.003) > 1e-5}
    ours = {(pair.first, pair.second) for pair in found.near}
    assert len(sure) > 500
    assert sure <= ours
    assert all(distances[pair] <= 0.003 + 1e-5 for pair in ours)


def test_flat_images_are_not_called_near() -> None:
    pixels = photographs(60)
    pixels[:20] = np.arange(20, dtype=np.uint8)[:, None, None, None]
    found = find_duplicates(image_set(pixels))
    assert (found.equal, found.near, found.flat) == ((), (), 20)


def test_a_set_in_which_all_is_near_does_not_exhaust_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gantools.data.duplicates.MOST_CANDIDATES", 1000)
    base = photographs(1)[0].astype(np.int16)
    wobble = np.random.default_rng(0).integers(-2, 3, (200, 32, 32, 3))
    found = find_duplicates(image_set(np.clip(base + wobble, 0, 255).astype(np.uint8)), limit=0.5)
    assert len(found.near) <= 1000
    assert found.limit < 0.5, "and it says so"


def test_leaks_are_what_two_sets_share() -> None:
    train, test = photographs(300), photographs(50, seed=1)
    test[7], test[8], test[9] = train[100], compressed(train[101]), test[10]
    leaks = find_leaks(image_set(train), image_set(test))
    assert leaks.equal == ((100, 7),)
    assert [(pair.first, pair.second) for pair in leaks.near] == [(101, 8)]
    other = find_leaks(image_set(test), image_set(train), limit=leaks.limit)
    assert other.equal == ((7, 100),)
    assert [(pair.first, pair.second) for pair in other.near] == [(8, 101)]


def test_leaks_between_sets_of_different_shapes_are_refused() -> None:
    with pytest.raises(DataError, match=r"'a' has images of shape \(32, 32, 3\), 'b' of \(16, 16, 3\)"):
        find_leaks(image_set(photographs(2), "a"), image_set(photographs(2, edge=16), "b"))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_tiny_sets_are_compared_too(count: int) -> None:
    pixels = photographs(count, edge=8)
    assert find_duplicates(image_set(pixels)).near == ()
    assert find_leaks(image_set(pixels), image_set(pixels)).equal == tuple((k, k) for k in range(count))
