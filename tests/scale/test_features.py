"""Evaluations on a cluster of two workers: the cards of one process, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantools.cli.evaluate import command as evaluate
from gantools.core.artifact import load_artifact
from gantools.core.errors import ArtifactError, DataError, InputMismatchError, RecipeError
from gantools.core.events import Event, Note, Progress
from gantools.metrics import reference
from gantools.metrics.features import Rows, load_extractor
from gantools.runtime.session import Where
from gantools.samplers import open_artifact
from gantools.scale import features
from gantools.scale.features import Draw, Piece, SpreadExtractor, make, spread
from tests.enhance.networks import make_image_to_image

ONE = Where(threads=1)
COUNT = 700
DIGITS: dict[str, Any] = {"data": "builtin:digits", "extractor": "digits-cnn", "threads": 1}


@pytest.fixture
def draw(art: Path) -> Draw:
    return Draw.of(load_artifact(art), COUNT, ONE, {"truncation": 0.5})


@pytest.fixture(scope="module")
def alone(art: Path) -> Rows:
    """What one process finds."""
    with open_artifact(art, threads=1) as generator:
        images = generator.sample(range(COUNT), settings={"truncation": 0.5})
    return load_extractor("digits-cnn", ONE).rows(images)


@pytest.fixture
def eyes(two_workers: str) -> Iterator[SpreadExtractor]:
    with spread(two_workers, load_extractor("digits-cnn"), Where()) as found:
        yield found


def test_rows_of_samples_are_those_of_one_process_in_their_order(
    eyes: SpreadExtractor, draw: Draw, alone: Rows
) -> None:
    seen: list[Event] = []
    found = eyes.rows_of(draw, on_event=seen.append)
    assert len(found.features) == COUNT
    for ours, theirs in zip(found, alone, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert seen[0] == Note("3 pieces of samples, 2 side by side")
    steps = [event for event in seen if isinstance(event, Progress)]
    assert [(step.stage, step.total, step.unit) for step in steps] == [("features", COUNT, "images")] * 3
    assert steps[-1].done == COUNT


def test_rows_of_images_are_those_of_one_process_and_small_parts_of_large_images_are_sent(
    eyes: SpreadExtractor, draw: Draw, alone: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_artifact(draw.artifact, threads=1) as generator:
        images = generator.sample(draw.seeds, settings=draw.settings)
    monkeypatch.setattr(eyes, "card", eyes.card.model_copy(update={"batch": 64}))
    monkeypatch.setattr(features, "_SENT_BYTES", 100 * images[0].nbytes)
    seen: list[Event] = []
    found = eyes.rows(images, on_event=seen.append)
    assert len(seen) == 11, "one batch of 64 each"
    np.testing.assert_allclose(found.features, alone.features, atol=1e-5)
    with pytest.raises(DataError, match="images must be"):
        eyes.rows(images[..., 0])


def test_a_worker_that_is_killed_changes_no_figure(
    eyes: SpreadExtractor, draw: Draw, alone: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = tmp_path / "tried"

    def dies_once(piece: Piece) -> Rows:
        """The first try of the second piece is killed when its work is done."""
        found = make(piece)
        if piece.first == 256 and not tried.exists():
            tried.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    monkeypatch.setattr(features, "make", dies_once)
    found = eyes.rows_of(draw)
    assert tried.exists()
    for ours, theirs in zip(found, alone, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_is_not_that_of_the_run_is_refused_by_the_workers(
    eyes: SpreadExtractor, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputMismatchError, match="truncation"):
        eyes.rows_of(replace(draw, settings={"truncation": 99.0}))
    with pytest.raises(ArtifactError, match=r"has digest .*, and this run began with 0000"):
        eyes.rows_of(replace(draw, digest="0" * 64))
    monkeypatch.setattr(eyes, "sha256", "1" * 64)
    with pytest.raises(ArtifactError, match=r"extractor 'digits-cnn' of a worker has digest .* began with 1111"):
        eyes.rows_of(draw)


def test_the_command_gives_the_cards_of_one_process(
    two_workers: str, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real images too, which nobody has looked at: each run has a cache of its own."""
    documents = []
    for name, ray in (("one", None), ("many", two_workers)):
        monkeypatch.setattr(reference, "user_cache", partial(Path, tmp_path / name))
        evaluate(art, **DIGITS, samples=600, metrics="kid,precision", ray=ray, json=True)
        said = capsys.readouterr()
        documents.append(json.loads(said.out))
        assert ("3 pieces of samples, 2 side by side" in said.err) == (ray is not None)
    assert documents[0] == documents[1]
    assert len(documents[0]["cards"]) == 2


def test_a_dry_run_counts_what_is_to_be_looked_at(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "user_cache", partial(Path, tmp_path))
    how: dict[str, Any] = {**DIGITS, "samples": 600, "references": 1000, "dry_run": True}
    evaluate(art, **how, machines=5, price_per_hour=3.0, json=True)
    plan = json.loads(capsys.readouterr().out)
    assert (plan["samples"], plan["unseen_real_images"]) == (600, 1600)
    assert (plan["piece"], plan["pieces"], plan["machines"]) == (256, 9, 5)
    assert plan["cost"] == pytest.approx(plan["hours"] * 5 * 3)
    assert "drawn and looked at by one worker" in plan["rate_source"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"machines": 2}, "--machines does nothing without --dry-run."),
        ({"ray": "local", "price_per_hour": 2.0}, "--price-per-hour does nothing without --dry-run."),
        ({"ray": "local", "device": "cuda:1"}, "--ray gives each task a GPU of its own, got --device cuda:1."),
        ({"dry_run": True, "extractor_device": "cuda:0"}, "got --extractor-device cuda:0."),
        ({"artifact": None, "images": "x", "resolution": 16, "dry_run": True}, "--dry-run is of an artifact's samples"),
        ({"ray": "here"}, "--ray takes local, or HOST:PORT of a cluster, got 'here'."),
    ],
)
def test_what_a_cluster_cannot_do_is_a_usage_error(art: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        evaluate(**{"artifact": art, **DIGITS, **given})
    assert message in caught.value.message


def test_artifacts_of_another_kind_are_refused(tmp_path: Path) -> None:
    art = make_image_to_image(tmp_path / "art").path
    with pytest.raises(RecipeError, match=r"--ray is for images of seeds, and '.*' makes images of images"):
        evaluate(art, **DIGITS, ray="local")
