from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from gantools.core.sampler import NoiseInput, Sampler, Setting
from gantools.core.spec import AxisRange, TensorSpec
from gantools.samplers.feedforward import inputs_of, sample
from tests.zoo import SAMPLER, open_graph, write_onnx

LABEL = TensorSpec(name="label", dtype="int64", shape=("batch",))
PSI = TensorSpec(name="truncation", dtype="float32", shape=("batch",))
IMAGE = TensorSpec(name="image", dtype="uint8", shape=("batch", 4, 4, 1))


def labelled(categories: int) -> Sampler:
    return Sampler(
        kind="feedforward",
        graph="generator",
        noise={"label": NoiseInput(distribution="category", stream=1, categories=categories)},
        settings={"truncation": Setting(default=0.7, low=0, high=1)},
    )


@pytest.mark.parametrize("categories", [1, 3, 10, 1000, 2**24 - 1])
def test_labels_are_drawn_evenly_and_stay_in_range(categories: int) -> None:
    labels = inputs_of([LABEL], labelled(categories), range(3000))["label"]
    assert labels.dtype == np.int64
    assert labels.min() >= 0
    assert labels.max() < categories
    if categories <= 10:
        counts = np.bincount(labels, minlength=categories)
        expected = 3000 / categories
        assert np.square(counts - expected).sum() / expected < 40, "chi-square with at most 9 degrees of freedom"


def test_settings_have_their_default_and_what_nobody_knows_is_left_out() -> None:
    known = inputs_of([LABEL, PSI, IMAGE], labelled(5), [1, 2])
    assert set(known) == {"label", "truncation"}
    np.testing.assert_array_equal(known["truncation"], np.full(2, 0.7, np.float32))


def test_categories_belong_to_labels_alone_and_a_default_lies_in_its_range() -> None:
    with pytest.raises(ValidationError, match="categories belong to the distribution 'category'"):
        NoiseInput(distribution="normal", stream=0, categories=3)
    with pytest.raises(ValidationError, match="categories belong"):
        NoiseInput(distribution="category", stream=0)
    with pytest.raises(ValidationError, match=r"needs low <= default <= high, got 0\.0, 2\.0, 1\.0"):
        Setting(default=2, low=0, high=1)


def test_a_graph_of_one_batch_size_makes_any_number_of_samples(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx").with_axis("batch", AxisRange(min=4, opt=4, max=4))
    with open_graph(tmp_path / "g.onnx", spec) as session:
        parts = list(sample(session, SAMPLER, range(6), 4, {}))
        assert [len(part) for part in parts] == [4, 2]
        (alone,) = sample(session, SAMPLER, [5], 4, {})
        np.testing.assert_array_equal(alone[0], parts[1][1])
