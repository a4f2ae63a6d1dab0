"""Whole or in tiles, and how many at once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantools.core.errors import InputMismatchError, RecipeError
from gantools.core.events import Event, Note
from gantools.core.spec import AxisRange
from gantools.enhance import plan as plans
from gantools.enhance.plan import Plan, chosen, reach_in
from gantools.optimize.reach import Reach
from gantools.samplers import open_artifact
from gantools.samplers.image_to_image import ImageToImage
from tests.enhance.networks import begun, conv, make_image_to_image, spec_of
from tests.zoo import Net

Choose = Callable[..., Plan]


def opened(art: Path) -> Iterator[tuple[ImageToImage, Reach | str]]:
    with open_artifact(art) as generator:
        net = ImageToImage(generator)
        yield net, reach_in(generator.artifact, None, net)


def choose(art: Path, height: int, width: int, events: list[Event] | None = None, **options: Any) -> Plan:
    given = {"batch": None, "tile": None, "coming": None, **options}
    for net, reach in opened(art):
        watch = (events if events is not None else []).append
        return chosen(net, reach, np.zeros((height, width, 3), np.uint8), **given, on_event=watch)
    raise AssertionError


def everywhere() -> Net:
    net = begun()
    conv(net, (3, 3))
    net.then("InstanceNormalization", *(net.constant(np.ones(3, np.float32)) for _ in range(2)))
    return net


def test_small_images_are_whole_and_large_ones_are_cut(art: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose(art, 100, 200) == Plan(1)
    monkeypatch.setattr(plans, "_MOST_PIXELS", 15000)
    assert choose(art, 100, 200) == Plan(1, 128, 4, 1)
    assert choose(art, 100, 200, tile=0) == Plan(1)


def test_what_is_too_large_for_one_run_is_cut_or_refused(art: Path, tmp_path: Path) -> None:
    assert choose(art, 300, 300) == Plan(1, 256, 4, 1)
    with pytest.raises(InputMismatchError, match="takes a height of at most 256 pixels, and is given 300"):
        choose(art, 300, 300, tile=0)
    other = make_image_to_image(tmp_path / "art", net=everywhere, scale=1).path
    with pytest.raises(InputMismatchError, match="takes a height of at most 256 pixels, and is given 300"):
        choose(other, 300, 300)


def test_a_network_that_looks_everywhere_is_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    art, events = make_image_to_image(tmp_path / "art", net=everywhere, scale=1).path, list[Event]()
    with pytest.raises(RecipeError, match=r"--tile 32: images cannot be cut, because 'node_instancenorm.*' .Instance"):
        choose(art, 64, 64, tile=32)
    monkeypatch.setattr(plans, "_MOST_PIXELS", 1000)
    assert choose(art, 64, 64, events) == Plan(1)
    (said,) = [event.text for event in events if isinstance(event, Note)]
    assert said.startswith("whole images of 64x64, because 'node_instancenorm")
    assert said.endswith("memory may not suffice")


@pytest.mark.parametrize(
    ("tile", "sentence"),
    [
        (8, "--tile 8: this network looks 4 pixels to each side, so a tile has more than 8"),
        (12, "--tile 12: this network takes 16 to 256 pixels"),
    ],
)
def test_a_tile_that_does_not_fit_is_refused(tile: int, sentence: str, art: Path) -> None:
    with pytest.raises(RecipeError, match=sentence):
        choose(art, 64, 64, tile=tile)


def test_a_tile_keeps_to_the_steps_of_the_network(tmp_path: Path) -> None:
    axes = {**spec_of().axes} | {axis: AxisRange(min=16, opt=64, max=256, step=8) for axis in ("height", "width")}
    art = make_image_to_image(tmp_path / "art", spec=spec_of().model_copy(update={"axes": axes})).path
    with pytest.raises(RecipeError, match="--tile 20: this network takes multiples of 8"):
        choose(art, 64, 64, tile=20)
    assert choose(art, 64, 64, tile=24) == Plan(1, 24, 4, 1)


def test_a_tile_that_is_no_smaller_than_the_image_is_the_whole(art: Path) -> None:
    assert choose(art, 64, 48, tile=64) == Plan(1)


def test_rounding_by_place_is_said(tmp_path: Path) -> None:
    def three() -> Net:
        net = begun()
        net.then("Resize", "", net.constant(np.array([1, 1, 3, 3], np.float32)), mode="linear")
        return net

    art, events = make_image_to_image(tmp_path / "art", net=three, scale=3).path, list[Event]()
    choose(art, 64, 64, events, tile=32)
    (said,) = [event.text for event in events if isinstance(event, Note)]
    assert said.startswith("tiles equal whole images within rounding only: 'node_resize")


def test_the_fastest_is_kept(art: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if tiles of 128, four at once, took no time."""
    tried = []

    def seconds(_: ImageToImage, images: Any, batch: int) -> float:
        tried.append((images.shape[1:3], batch))
        return 0.001 if (images.shape[1], batch) == (128, 4) else 1.0

    monkeypatch.setattr(plans, "_seconds", seconds)
    assert choose(art, 200, 200, coming=10**6) == Plan(4, 128, 4, 1)
    assert {size for size, _ in tried} == {(200, 200), (128, 128)}
    assert {batch for _, batch in tried} == {1, 2, 4, 8}
    assert choose(art, 200, 200, coming=10**6, batch=2, tile=0) == Plan(2)


def test_measuring_ends_with_its_budget(art: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_BUDGET_S", 0.0)
    assert choose(art, 200, 200, coming=10**6) == Plan(1)


def test_a_larger_batch_has_to_be_clearly_faster(art: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for gain, plan in ((0.98, Plan(1)), (0.9, Plan(4))):
        monkeypatch.setattr(
            plans, "_seconds", lambda _, images, batch, gain=gain: batch * (gain if batch == 4 else 1.0)
        )
        assert choose(art, 200, 200, coming=10**6, tile=0) == plan


def test_few_frames_are_not_worth_measuring(art: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def seconds(_: ImageToImage, images: Any, batch: int) -> float:
        tried.append((images.shape[1], batch))
        time.sleep(0.002)
        return 0.002

    monkeypatch.setattr(plans, "_seconds", seconds)
    assert choose(art, 200, 200, coming=10) == Plan(1)
    assert tried == []
    choose(art, 200, 200, coming=10**6)
    assert len(tried) > 4


def test_a_compiled_graph_does_not_say_how_far_it_looks(art: Path) -> None:
    for net, _ in opened(art):
        artifact = net.generator.artifact
        entry = artifact.manifest.graphs["generator"].model_copy(update={"format": "tensorrt-rtx"})
        manifest = artifact.manifest.model_copy(update={"graphs": {"generator": entry}})
        compiled = type(artifact)(artifact.path, manifest, artifact.digest)
        assert reach_in(compiled, None, net) == "a compiled graph (tensorrt-rtx) does not say how far it looks"
