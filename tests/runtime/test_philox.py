import math
from statistics import NormalDist

import numpy as np
import pytest

from gantools.runtime.philox import _normal, normal_quantile, normals, philox4x32, uniforms, words

# Known answers of Random123 1.14 (kat_vectors): counter, key, result of philox4x32 with 10 rounds.
KNOWN = [
    ([0x00000000] * 4, [0x00000000] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_gives_the_published_answers(counter: list[int], key: list[int], expected: list[int]) -> None:
    assert philox4x32(counter, key, 1).tolist() == [expected]


def test_lanes_do_not_leak_into_each_other() -> None:
    """The extreme words of the known answers, three blocks at once."""
    lanes = [[known[part] for known in KNOWN] for part in (0, 1)]

    def packed(values: tuple[int, ...]) -> int:
        return sum(value << 64 * lane for lane, value in enumerate(values))

    counter = [packed(values) for values in zip(*lanes[0], strict=True)]
    key = [packed(values) for values in zip(*lanes[1], strict=True)]
    assert philox4x32(counter, key, 3).tolist() == [known[2] for known in KNOWN]


def test_words_place_seed_stream_and_block_as_documented() -> None:
    seed, stream = 0x1122334455667788, 7
    drawn = words([seed], stream, 10)
    assert drawn.shape == (1, 10)
    for block in range(3):
        expected = philox4x32([block, stream, 0, 0], [0x55667788, 0x11223344], 1)[0]
        assert drawn[0, 4 * block : 4 * block + 4].tolist() == expected[: 10 - 4 * block].tolist()


def test_a_seeds_noise_does_not_depend_on_its_neighbours() -> None:
    seeds = [5, 2**63 + 11, 0, 5]
    together = normals(seeds, 0, (3, 7))
    assert together.shape == (4, 3, 7)
    assert together.dtype == np.float32
    for row, seed in zip(together, seeds, strict=True):
        np.testing.assert_array_equal(row, normals([seed], 0, (3, 7))[0])
    np.testing.assert_array_equal(together[0], together[3])


def test_a_longer_draw_begins_with_the_shorter_one() -> None:
    np.testing.assert_array_equal(normals([9], 0, (100,))[:, :13], normals([9], 0, (13,)))


def test_streams_and_seeds_differ() -> None:
    assert not np.array_equal(normals([1], 0, (8,)), normals([1], 1, (8,)))
    assert not np.array_equal(normals([1], 0, (8,)), normals([2], 0, (8,)))


def test_uniforms_stay_inside_the_open_interval_even_at_the_extremes() -> None:
    drawn = uniforms(range(200), 0, (500,))
    assert 0 < drawn.min() < 1e-4
    assert 1 - 1e-4 < drawn.max() < 1
    assert np.float32((2**32 - 0.5) * 2.0**-32) == 1, "without the clip the largest word would become 1"


def test_the_quantile_is_that_of_the_standard_library_over_its_whole_range() -> None:
    """An independent implementation of the same function; both branches and both extremes."""
    integers = np.concatenate([2 ** np.arange(32), 2**32 - 2 ** np.arange(32), np.arange(0, 2**32, 2**32 // 997)])
    probability = (integers[integers < 2**32] + 0.5) * 2.0**-32
    expected = [NormalDist().inv_cdf(p) for p in probability]
    np.testing.assert_allclose(normal_quantile(probability), expected, rtol=4e-15, atol=1e-16)


def test_normals_follow_the_documented_map_in_every_kind_of_cell() -> None:
    """One word at a time, in plain Python; the outermost cells, their neighbours and the middle are all among them."""
    picked = [0, 1, 0xFFFF, 0x10000, 0x1FFFF, 0x7FFFFFFF, 0x80000000, 0xFFFEFFFF, 0xFFFF0000, 0xFFFFFFFF]
    picked += [0x9E3779B9 * k % 2**32 for k in range(1, 200)]

    def quantile(probability: float) -> float:
        return float(normal_quantile(np.array([probability]))[0])

    def expected(word: int) -> float:
        cell, rest = divmod(word, 2**16)
        if cell in (0, 2**16 - 1):
            return quantile((word + 0.5) * 2.0**-32)
        low, high = quantile(cell / 2**16), quantile((cell + 1) / 2**16)
        return low + (rest + 0.5) * ((high - low) * 2.0**-16)

    got = _normal(np.array(picked, np.uint64))
    np.testing.assert_array_equal(got, np.array([expected(word) for word in picked], np.float32))
    assert (np.diff(_normal(np.sort(np.array(picked, np.uint64)))) >= 0).all()


def test_the_table_moves_no_probability_further_than_half_a_cell() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 2**32, 20_000, dtype=np.uint64)
    truth = (drawn + 0.5) * 2.0**-32
    reached = np.array([NormalDist().cdf(value) for value in _normal(drawn).astype(np.float64)])
    assert np.abs(reached - truth).max() < 2.0**-17


def test_normals_are_normal() -> None:
    drawn = normals(range(2000), 0, (100,)).astype(np.float64).ravel()
    spread = 1 / math.sqrt(drawn.size)
    assert abs(drawn.mean()) < 4 * spread
    assert abs(drawn.std() - 1) < 4 * spread
    assert abs((drawn**4).mean() - 3) < 4 * math.sqrt(96) * spread


def test_vectors_other_languages_are_held_to() -> None:
    """First latents of seed 0 and seed 42 as float32 bits; the embeddings in other languages carry the same table."""
    bits = normals([0, 42], 0, (4,)).view(np.uint32)
    assert [[f"{value:08x}" for value in row] for row in bits] == VECTORS


VECTORS = [
    ["be82fa50", "3f96bb4f", "3f2153b7", "3e88fdeb"],
    ["3e92f728", "bda16e33", "bfb9dfa1", "bed1fa53"],
]
