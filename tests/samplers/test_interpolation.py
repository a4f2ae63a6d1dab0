from pathlib import Path

import numpy as np
import pytest

import gantools
from gantools.core.errors import ArtifactError, InputMismatchError
from gantools.runtime.philox import normals
from gantools.samplers.interpolation import slerp, walk
from tests.zoo import make_artifact, make_autoencoder, make_conditional

SHARES = np.linspace(0.0, 1.0, 9)


def test_a_way_keeps_to_the_sphere_and_turns_evenly() -> None:
    start, end = (point / np.linalg.norm(point) for point in normals([1, 2], 0, (40,)))
    way = slerp(start, end, SHARES).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 1.0, rtol=1e-6)
    angles = np.arccos(np.clip((way[:-1] * way[1:]).sum(1), -1, 1))
    np.testing.assert_allclose(angles, angles[0], rtol=1e-4)
    assert angles.sum() == pytest.approx(np.arccos(np.dot(start, end)), rel=1e-4)


def test_ends_are_kept_bit_for_bit_whatever_their_lengths() -> None:
    start, end = normals([1, 2], 0, (3, 4, 4))
    way = slerp(start, 5 * end, SHARES)
    assert way.dtype == np.float32
    assert np.array_equal(way[0], start)
    assert np.array_equal(way[-1], 5 * end)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0])
def test_points_on_one_line_are_joined_by_it(factor: float) -> None:
    (start,) = normals([1], 0, (5,))
    way = slerp(start, np.float32(factor) * start, SHARES)
    expected = (1 - SHARES)[:, None] * start + SHARES[:, None] * factor * start
    np.testing.assert_allclose(way, expected, atol=1e-6)


def test_a_walk_is_one_way_after_another() -> None:
    points = normals([1, 2, 3], 0, (8,))
    found = walk(points, 4)
    assert found.shape == (8, 8)
    np.testing.assert_array_equal(found[[0, 3, 4, 7]], points[[0, 1, 1, 2]])


@pytest.mark.parametrize("kind", ["deconv", "resize"])
def test_the_ends_of_an_interpolation_are_the_samples_of_its_seeds(tmp_path: Path, kind: str) -> None:
    make_artifact(tmp_path / "art", kind)
    with gantools.open_artifact(tmp_path / "art") as generator:
        rows = generator.interpolate([3, 7, 11], 5, batch=2)
        samples = generator.sample([3, 7, 11])
    assert rows.shape == (2, 5, *samples.shape[1:])
    np.testing.assert_array_equal(rows[:, 0], samples[:2])
    np.testing.assert_array_equal(rows[:, -1], samples[1:])
    assert len(np.unique(rows[0].reshape(5, -1), axis=0)) == 5


def test_classes_and_settings_stay_on_the_way(tmp_path: Path) -> None:
    make_conditional(tmp_path / "art")
    with gantools.open_artifact(tmp_path / "art") as generator:
        labels = {int(label): seed for seed in range(20) for label in [_drawn_label(generator, seed)]}
        assert len(labels) == 3
        first, second = labels[2], labels[0]
        kept = generator.interpolate([first, second], 3)
        np.testing.assert_array_equal(kept[0, 0], generator.sample([first])[0])
        np.testing.assert_array_equal(kept[0, -1], generator.sample([second], label=2)[0])
        chosen = generator.interpolate([first, second], 3, label="10", settings={"truncation": 0.5})
        ends = generator.sample([first, second], label=1, settings={"truncation": 0.5})
        np.testing.assert_array_equal(chosen[0, [0, -1]], ends)
        assert not np.array_equal(chosen, kept)


def _drawn_label(generator: gantools.Generator, seed: int) -> int:
    """Which class gives this seed's own sample."""
    own = generator.sample([seed])
    return next(label for label in range(3) if np.array_equal(generator.sample([seed], label=label), own))


def pictures(count: int = 11) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (count, 4, 4, 1), np.uint8)


def test_images_are_encoded_in_any_batch_and_come_back(tmp_path: Path) -> None:
    make_autoencoder(tmp_path / "art")
    images = pictures()
    with gantools.open_artifact(tmp_path / "art") as generator:
        codes = generator.encode(images)
        assert codes.dtype == np.float32
        np.testing.assert_array_equal(codes, (images.reshape(11, 16).astype(np.float32) - 128) / 64)
        np.testing.assert_array_equal(generator.encode(images, batch=3), codes)
        np.testing.assert_array_equal(generator.reconstruct(images), images)
        ways = generator.interpolate_between(images[:3], 4)
    assert ways.shape == (2, 4, 4, 4, 1)
    np.testing.assert_array_equal(ways[:, 0], images[:2])
    np.testing.assert_array_equal(ways[:, -1], images[1:3])


def test_the_encoder_is_closed_with_the_generator_and_runs_where_it_runs(tmp_path: Path) -> None:
    make_autoencoder(tmp_path / "art")
    with gantools.open_artifact(tmp_path / "art", backend="openvino", threads=1) as generator:
        np.testing.assert_array_equal(generator.reconstruct(pictures()), pictures())
        encoder = generator.require_encoder()
        assert encoder is generator.require_encoder()
        assert encoder.backend == "openvino"
    with pytest.raises(gantools.core.errors.BackendError, match="closed"):
        generator.encode(pictures())


def test_an_artifact_without_an_encoder_says_so(tmp_path: Path) -> None:
    make_artifact(tmp_path / "art")
    with gantools.open_artifact(tmp_path / "art") as generator:
        match = r"art' has no graph 'encoder', .*; it holds generator, generator_float"
        with pytest.raises(ArtifactError, match=match) as caught:
            generator.encode(pictures())
        assert caught.value.hint is not None
        assert "model.name=vae" in caught.value.hint
        with pytest.raises(ArtifactError, match="has no graph 'encoder'"):
            generator.interpolate_between(pictures(2), 3)


def test_walks_without_a_way_and_images_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    make_autoencoder(tmp_path / "art")
    with gantools.open_artifact(tmp_path / "art") as generator:
        with pytest.raises(InputMismatchError, match="a walk goes from one point to another, got 1"):
            generator.interpolate([3], 5)
        with pytest.raises(InputMismatchError, match="a walk goes from one point to another, got 1"):
            generator.interpolate_between(pictures(1), 5)
        with pytest.raises(InputMismatchError, match="two steps or more, its ends included, got 1"):
            generator.interpolate([3, 4], 1)
        with pytest.raises(InputMismatchError, match="got -1"):
            generator.interpolate([3, -1], 4)
        with pytest.raises(InputMismatchError, match="image"):
            generator.encode(np.zeros((2, 5, 4, 1), np.uint8))
        with pytest.raises(InputMismatchError, match="'batch' is 0"):
            generator.encode(np.zeros((0, 4, 4, 1), np.uint8))
