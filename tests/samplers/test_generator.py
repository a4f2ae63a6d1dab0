from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gantools
from gantools.core.errors import InputMismatchError
from gantools.runtime.philox import normals

MakeArtifact = Callable[..., Path]


@pytest.fixture(params=["onnxruntime", "openvino"])
def generator(request: pytest.FixtureRequest, make_artifact: MakeArtifact) -> gantools.Generator:
    return gantools.open_artifact(make_artifact(request.param))


def test_a_sample_is_the_same_in_any_batch_and_any_order(generator: gantools.Generator) -> None:
    together = generator.sample(range(40))
    assert together.shape == (40, 4, 4, 1)
    for batch in (1, 7, 16):
        np.testing.assert_array_equal(generator.sample(range(40), batch=batch), together)
    np.testing.assert_array_equal(generator.sample([39, 3, 3]), together[[39, 3, 3]])
    assert len(np.unique(together.reshape(40, -1), axis=0)) == 40


def test_samples_are_what_the_graph_makes_of_the_seeds_noise(generator: gantools.Generator) -> None:
    expected = generator.session.run({"latent": normals([7, 8], 0, (8,))})["image"]
    np.testing.assert_array_equal(generator.sample([7, 8]), expected)


def test_a_stream_comes_in_batches(generator: gantools.Generator) -> None:
    assert [len(part) for part in generator.stream(range(10), batch=4)] == [4, 4, 2]


@pytest.mark.parametrize(
    ("seeds", "match"), [([], "no seeds"), ([-1], "got -1"), ([3, 2**64], "got 18446744073709551616")]
)
def test_seeds_that_are_none_are_refused(generator: gantools.Generator, seeds: list[int], match: str) -> None:
    with pytest.raises(InputMismatchError, match=match):
        generator.sample(seeds)


def test_the_largest_seed_works(generator: gantools.Generator) -> None:
    assert generator.sample([2**64 - 1]).shape == (1, 4, 4, 1)


def test_a_batch_over_the_limit_is_refused(generator: gantools.Generator) -> None:
    with pytest.raises(InputMismatchError, match="axis 'batch' is 17"):
        generator.sample(range(17), batch=17)


def test_two_runtimes_make_the_same_samples(make_artifact: MakeArtifact) -> None:
    folder = make_artifact()
    first = gantools.open_artifact(folder).sample(range(64)).astype(int)
    second = gantools.open_artifact(folder, backend="openvino").sample(range(64)).astype(int)
    assert np.abs(first - second).max() <= 1


def test_a_generator_closes_as_a_context_manager(make_artifact: MakeArtifact) -> None:
    with gantools.open_artifact(make_artifact()) as generator:
        generator.sample([0])
    with pytest.raises(gantools.core.errors.BackendError, match="closed"):
        generator.sample([0])
