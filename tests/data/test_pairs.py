"""Pairs of patches: what is given is what should be made, made worse, or lies beside it under the same name."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import DataError, GantoolsError, RecipeError
from gantools.core.events import Event, Note
from gantools.core.recipe import Named, resolve_recipe
from gantools.data.degradations import DEGRADATIONS
from gantools.data.degradations.codec import moved, packed
from gantools.data.pairs.clips import open_clips
from gantools.data.pairs.pairs import PairSet, open_pair_set
from gantools.data.sources import Pixels
from gantools.metrics.pairs import psnr
from gantools.train import PARTS

SHRINK = Named.model_validate({"name": "shrink", "scale": 2})
# Degradation -> options, and the least and the most decibels that it leaves of a photograph.
TRIED: dict[str, list[tuple[dict[str, Any], float, float]]] = {
    "shrink": [({"scale": 2}, 0, 0), ({"scale": 3, "filter": "area"}, 0, 0)],
    "blur": [({"sigma": [2, 2]}, 20, 35), ({"kind": "motion", "sigma": [3, 3]}, 18, 35)],
    "noise": [({"sigma": [25, 25]}, 19.5, 21.5), ({"sigma": [25, 25], "shot": [0.5, 0.5], "grey": True}, 19, 25)],
    "jpeg": [({"quality": [20, 20]}, 24, 34)],
    "codec": [
        ({"codec": "libx264", "crf": [36, 36]}, 22, 34),
        ({"codec": "libx265", "crf": [36, 36], "context": 0}, 22, 34),
        ({"codec": "libsvtav1", "crf": [55, 55]}, 20, 36),
    ],
    "grey": [({}, 10, 30)],
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parts of scikit-learn's photographs: a picture in colour, one that is too small, and a film of 6 frames."""
    clips = open_clips("builtin:photos", channels=3, cache=str(tmp_path_factory.mktemp("cache")))
    assert clips.names == ("china.jpg", "flower.jpg")
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(clips.clips[0][0, :160, :200]).save(folder / "a.png")
    Image.fromarray(clips.clips[1][0, :20, :200]).save(folder / "small.png")
    with av.open(str(folder / "film.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 128, 96, "bgr0"
        for step in range(6):
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(clips.clips[1][0, 100:196, 100 + step : 228 + step]), "rgb24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return folder


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
def test_an_encoder_makes_nothing_brighter_or_darker(codec: str, photos: Path) -> None:
    """Else a network would learn to add what conversions of colours lose, and nothing of the encoder."""
    with Image.open(photos / "a.png") as image:
        clip = np.stack([np.asarray(image)] * 2)
    made = packed(clip, codec, 2, {"libx264": "veryfast", "libsvtav1": "10"}[codec])
    assert made.shape == clip.shape
    difference = (made.astype(float) - clip) @ (0.299, 0.587, 0.114)
    assert 0 < np.abs(difference).mean() < 2
    assert abs(difference.mean()) < 0.2


def test_a_picture_is_encoded_as_part_of_a_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    films = []

    def kept(film: Pixels, *how: Any) -> Pixels:
        films.append(film)
        return film

    monkeypatch.setattr("gantools.data.degradations.codec.packed", kept)
    picture = open_clips("builtin:photos", channels=3, cache=str(tmp_path)).clips[0][:, 100:196, 200:312]
    row = DEGRADATIONS.load("codec")
    row.build(row.Config(context=0)).apply(picture, np.random.default_rng(1))
    assert (films.pop() == picture).all(), "nothing is added without context"
    degradation = row.build(row.Config(context=4, motion=2.0))
    for seed in range(200):
        made = degradation.apply(picture, np.random.default_rng(seed))
        assert made.shape == picture.shape
        assert (made == picture).all(), "what counts is the picture, not what was added"
    moving = [film for film in films if not (film == film[0]).all()]
    assert 130 < len(moving) < 170, "a quarter stands still"
    places = [next(n for n, frame in enumerate(film) if (frame == picture[0]).all()) for film in moving]
    found = {(place, len(film) - place - 1) for place, film in zip(places, moving, strict=True)}
    assert found == {(before, after) for before in range(4, 8) for after in range(4)}


def test_what_is_added_to_a_picture_moves_evenly() -> None:
    rows, columns = np.mgrid[:96, :112]
    picture = (128 + 60 * np.sin(rows / 9) + 60 * np.sin(columns / 7)).astype(np.uint8)[..., None]
    first, second = moved(picture, np.array([3.0, -2.0]), (1, 2))
    assert (first[2:, :-3] == picture[:-2, 3:]).all(), "3 to the right and 2 up is seen"
    assert (second[4:, :-6] == picture[:-4, 6:]).all()
    (half,) = moved(picture, np.array([0.5, 0.0]), (1,))
    between = (picture[:, :-1].astype(float) + picture[:, 1:]) / 2
    assert np.abs(half[:, :-1] - between)[:, 3:-3].max() <= 2
    (far,) = moved(picture, np.array([1000.0, 0.0]), (1,))
    assert far.shape == picture.shape, "however far, there is something to be seen"


@pytest.mark.parametrize(("codec", "preset"), [("libx264", "medium"), ("libx265", "ultrafast"), ("libsvtav1", "10")])
def test_a_film_is_encoded_alike_every_time(codec: str, preset: str, tmp_path: Path) -> None:
    """With AVX-512 x264 made three films of six, so that a training that was stopped did not go on as it would have."""
    photo = open_clips("builtin:photos", channels=3, cache=str(tmp_path)).clips[0][0]
    film = np.stack([photo[3 * time : 3 * time + 240, 5 * time : 5 * time + 352] for time in range(32)])
    first, *others = [packed(film, codec, 36, preset) for _ in range(6)]
    assert len(others) == 5
    assert all((one == first).all() for one in others)
    assert 1 < np.abs(first.astype(int) - film).mean() < 10


def test_a_film_of_two_frames_is_encoded_every_time(photos: Path) -> None:
    """x265 says by chance when the frames of so short a film are decoded: one of forty could not be written."""
    with Image.open(photos / "a.png") as image:
        clip = np.stack([np.asarray(image)[:64, :64]] * 2)
    made = [packed(clip, "libx265", 20, "ultrafast") for _ in range(60)]
    assert len(made) == 60
    assert all((one == made[0]).all() for one in made)


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "cache")


def opened(folder: Path | str, cache: str, **options: Any) -> PairSet:
    known: dict[str, Any] = {"degrade": (SHRINK,), "channels": 3, "scale": 2, "patch": 24, "cache": cache}
    return open_pair_set(str(folder), **known | options)


def bicubic(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(image).resize((2 * width, 2 * height), Image.Resampling.BICUBIC))


def test_a_patch_is_given_smaller_and_is_of_the_same_place(photos: Path, cache: str) -> None:
    said: list[Event] = []
    pairs = opened(photos, cache, on_event=said.append)
    assert [note.text for note in said if isinstance(note, Note)] == [
        f"1 of 3 clips in '{photos}' are too small and left out."
    ]
    assert len(pairs) == 1 + 6, "a picture, and the frames of a film"
    given, targets = pairs.draw(np.arange(7), 3)
    assert given.shape == (7, 1, 24, 24, 3)
    assert targets.shape == (7, 1, 48, 48, 3)
    for small, large in zip(given[:, 0], targets[:, 0], strict=True):
        assert psnr(bicubic(small), large) > 20, "another place has nothing in common"
    whole = np.asarray(Image.open(photos / "a.png"))
    places = [(y, x) for y in range(113) for x in range(153) if (whole[y, x] == targets[0, 0, 0, 0]).all()]
    assert any((whole[y : y + 48, x : x + 48] == targets[0, 0]).all() for y, x in places)


def test_what_is_drawn_depends_on_key_and_place_alone(photos: Path, cache: str) -> None:
    degrade = (SHRINK, Named.model_validate({"name": "noise", "sigma": [5, 30]}))
    pairs = opened(photos, cache, degrade=degrade)
    one, other, third = (pairs.draw(np.array([0, 3, 0]), key, mirror=True, turn=True)[0] for key in (1, 1, 2))
    assert (one == other).all()
    assert (one != third).any(axis=(1, 2, 3, 4)).all()
    assert (one[0] != one[2]).any(), "the same row twice gives two patches"


def test_mirrored_and_turned_pairs_stay_pairs(photos: Path, cache: str) -> None:
    pairs = opened(photos, cache)
    plain = pairs.draw(np.zeros(32, int), 5)[1]
    given, targets = pairs.draw(np.zeros(32, int), 5, mirror=True, turn=True)
    assert sum((a == b).all() for a, b in zip(plain, targets, strict=True)) < 16
    assert min(psnr(bicubic(a[0]), b[0]) for a, b in zip(given, targets, strict=True)) > 20


def test_films_give_frames_that_follow_each_other(photos: Path, cache: str) -> None:
    pairs = opened(photos, cache, frames=3)
    assert len(pairs) == 2, "the picture has no three frames"
    _, targets = pairs.draw(np.array([0, 1, 0, 1]), 7)
    assert targets.shape == (4, 3, 48, 48, 3)
    moved = [(clip[0, :, 1:] == clip[1, :, :-1]).all() for clip in targets]
    assert all(moved), "the film moves by a pixel to the left in each frame"


def test_every_degradation_is_tried() -> None:
    assert set(TRIED) | {"middle"} == set(DEGRADATIONS)
    assert sum(map(len, TRIED.values())) >= 10


@pytest.mark.parametrize(("name", "options", "least", "most"), [(n, *one) for n, all_ in TRIED.items() for one in all_])
def test_a_degradation_makes_worse_what_it_should(
    name: str, options: dict[str, Any], least: float, most: float, tmp_path: Path
) -> None:
    row = DEGRADATIONS.load(name)
    chain = row.build(row.Config(**options))
    photo = open_clips("builtin:photos", channels=3, cache=str(tmp_path)).clips[1][0, 100:196, 100:232]
    clip = np.stack([photo, photo, photo])
    made = chain.apply(clip, np.random.default_rng(0))
    again = chain.apply(clip, np.random.default_rng(0))
    assert (made == again).all(), "what is drawn is drawn from the generator it is given"
    assert made.dtype == np.uint8
    assert made.shape == (3, 96 // chain.scale, 132 // chain.scale, 3)
    if chain.scale == 1:
        assert least <= psnr(made, clip) <= most
    else:
        assert abs(float(made.mean()) - float(clip.mean())) < 0.5
    grey = chain.apply(clip[..., :1], np.random.default_rng(0))
    assert grey.shape == (*made.shape[:3], 1)


def test_the_frame_between_two_is_what_should_be_made(photos: Path, cache: str) -> None:
    middle = Named.model_validate({"name": "middle"})
    known: dict[str, Any] = {"degrade": (middle,), "scale": 1, "patch": 24}
    pairs = opened(photos, cache, frames=3, **known)
    given, targets = pairs.draw(np.array([0, 1, 0]), 7, mirror=True, turn=True)
    assert given.shape == (3, 1, 24, 24, 6)
    assert targets.shape == (3, 1, 24, 24, 3)
    still = pairs.draw(np.array([0, 1, 0]), 7)
    for before_after, between in zip(still[0][:, 0], still[1][:, 0], strict=True):
        np.testing.assert_array_equal(before_after[:, 1:, :3], between[:, :-1])
        np.testing.assert_array_equal(between[:, 1:], before_after[:, :-1, 3:])
        shown = pairs.shown(before_after).astype(int)
        mean = (before_after[..., :3].astype(int) + before_after[..., 3:]) / 2
        assert np.abs(shown - mean).max() <= 0.5
    whole, wanted = pairs.whole(0, 100)
    assert (whole.shape, wanted.shape) == ((2, 96, 128, 6), (2, 96, 128, 3)), "of six frames three are given"
    for frames in (1, 4):
        with pytest.raises(RecipeError, match=f"every second frame away, and data.frames is {frames}") as refused:
            opened(photos, cache, frames=frames, **known)
        assert refused.value.hint


def test_ranges_are_drawn_anew(tmp_path: Path) -> None:
    row = DEGRADATIONS.load("noise")
    chain = row.build(row.Config(sigma=[0, 50]))
    flat = np.full((1, 64, 64, 1), 128, np.uint8)
    rng = np.random.default_rng(1)
    found = [float(chain.apply(flat, rng).std()) for _ in range(64)]
    assert min(found) < 8
    assert max(found) > 42


def test_pairs_lie_under_the_same_names(photos: Path, tmp_path: Path, cache: str) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    whole = Image.open(photos / "a.png").crop((0, 0, 96, 80))
    for folder in (before, after):
        folder.mkdir()
    for number in range(3):
        turned = whole.rotate(90 * number, expand=True)
        turned.save(after / f"{number}.png")
        turned.resize((turned.width // 2, turned.height // 2)).save(before / f"{number}.webp", lossless=True)
    pairs = opened(before, cache, targets=str(after), degrade=())
    given, targets = pairs.draw(np.arange(3), 0)
    assert min(psnr(bicubic(a[0]), b[0]) for a, b in zip(given, targets, strict=True)) > 20
    noisy = opened(
        before, cache, targets=str(after), degrade=(Named.model_validate({"name": "noise", "sigma": [20, 20]}),)
    )
    assert noisy.digest != pairs.digest
    assert (noisy.draw(np.arange(3), 0)[1] == targets).all()
    (after / "2.png").rename(after / "other.png")
    with pytest.raises(DataError, match=r"'2' is only in one of .*, and 1 more"):
        opened(before, cache, targets=str(after), degrade=())
    Image.open(after / "other.png").crop((0, 0, 60, 60)).save(after / "2.png")
    (after / "other.png").unlink()
    with pytest.raises(DataError, match=r"'2' has .* pixels in .* and 60x60 pixels in"):
        opened(before, cache, targets=str(after), degrade=())


def test_clips_are_held_out_by_name(photos: Path, tmp_path: Path, cache: str) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(10):
        Image.open(photos / "a.png").save(folder / f"{number}.png")
    learned, kept = opened(folder, cache).split(0.2)
    assert (len(learned), len(kept)) == (8, 2)
    (folder / "0a.png").write_bytes((folder / "0.png").read_bytes())
    more, again = opened(folder, cache).split(0.2)
    assert not set(kept.targets.names) & set(more.targets.names) or again.targets.names != kept.targets.names
    with pytest.raises(DataError, match=r"held_out=0.01 of the 11 clips .* leaves a side empty"):
        opened(folder, cache).split(0.01)


REFUSED: list[tuple[dict[str, Any], type[GantoolsError], str]] = [
    ({"degrade": ()}, RecipeError, "does not say of which"),
    ({"scale": 3}, RecipeError, "2 times smaller, and the model makes them 3 times larger"),
    ({"targets": "elsewhere"}, RecipeError, "2 times smaller, and the model makes them 2 times larger"),
    ({"patch": 128}, DataError, "no clip in .* has 256x256 pixels"),
    ({"patch": 24, "frames": 7}, DataError, "48x48 pixels and 7 frames"),
]


@pytest.mark.parametrize(("options", "kind", "message"), REFUSED)
def test_what_cannot_be_learned_is_said(
    photos: Path, cache: str, options: dict[str, Any], kind: type[GantoolsError], message: str
) -> None:
    with pytest.raises(kind, match=message) as refused:
        opened(photos, cache, **options)
    assert refused.value.hint


def test_broken_and_missing_files_are_said(photos: Path, tmp_path: Path, cache: str) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    with pytest.raises(DataError, match="neither a picture nor a film"):
        opened(folder, cache)
    with pytest.raises(DataError, match="does not exist"):
        opened(tmp_path / "nowhere", cache)
    (folder / "a.png").write_bytes((photos / "a.png").read_bytes())
    (folder / "b.mp4").write_bytes((photos / "film.mkv").read_bytes()[:100])
    with pytest.raises(DataError, match=r"1 of 2 files .* cannot be read: b.mp4; data.max_broken allows 1.0%"):
        opened(folder, cache)
    said: list[Event] = []
    assert len(opened(folder, cache, max_broken=0.5, on_event=said.append)) == 1
    assert any(isinstance(one, Note) and "they are left out" in one.text for one in said)


def test_a_recipe_knows_its_degradations() -> None:
    raw: dict[str, Any] = {
        "model": {"name": "compact"},
        "data": {"source": "x", "degrade": [{"name": "shrink"}, {"name": "noise", "sigma": [5, 1]}]},
    }
    with pytest.raises(RecipeError, match=r"data.degrade.1.sigma: .*needs \[low, high\]"):
        resolve_recipe(raw, "x", PARTS)
    raw["data"]["degrade"][1] = {"name": "nois"}
    with pytest.raises(RecipeError, match=r"data.degrade.1.name: .*did you mean 'noise'"):
        resolve_recipe(raw, "x", PARTS)
    raw["data"]["degrade"][1] = {"name": "noise", "sigam": [1, 5]}
    with pytest.raises(RecipeError, match=r"data.degrade.1.sigam: unknown key; did you mean 'sigma'"):
        resolve_recipe(raw, "x", PARTS)
    raw["data"]["degrade"][1] = {"name": "noise", "sigma": [1, 5]}
    whole = resolve_recipe(raw, "x", PARTS)
    assert whole.data.degrade[0].options == {"scale": 2, "filter": "bicubic"}
    assert whole.objective.name == "pixels"


@pytest.mark.parametrize(("matrix", "range_", "name"), [(1, 1, "hd"), (1, 2, "full"), (6, 1, "sd"), (2, 1, "untagged")])
def test_a_film_is_read_in_the_colours_of_its_tags(
    matrix: int, range_: int, name: str, tmp_path: Path, cache: str
) -> None:
    colour = (200, 40, 60)
    # By the equations of ITU-R BT.601 and BT.709. So small a film without a tag is taken for BT.601.
    red, blue = (0.2126, 0.0722) if matrix == 1 else (0.299, 0.114)
    r, g, b = (value / 255 for value in colour)
    luma = red * r + (1 - red - blue) * g + blue * b
    parts = (luma, (b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red))
    spans = (255, 255, 255) if range_ == 2 else (219, 224, 224)
    offsets = (0 if range_ == 2 else 16, 128, 128)
    stored = [round(part * span + offset) for part, span, offset in zip(parts, spans, offsets, strict=True)]
    with av.open(str(tmp_path / f"{name}.mkv"), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv444p"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, range_
        planes = np.stack([np.full((32, 32), value, np.uint8) for value in stored])
        frame: Any = av.VideoFrame.from_ndarray(planes, "yuv444p")
        frame.colorspace, frame.color_range, frame.pts = matrix, range_, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    (clip,) = open_clips(str(tmp_path), channels=3, cache=cache).clips
    np.testing.assert_allclose(clip[0, 16, 16], colour, atol=2)
    (grey,) = open_clips(str(tmp_path), channels=1, cache=cache).clips
    assert abs(int(grey[0, 16, 16, 0]) - 255 * luma) < 1
