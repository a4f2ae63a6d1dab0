"""What every row of the table of metrics must do, on features of real images."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.datasets import load_digits

from gantools.core.errors import DataError
from gantools.metrics import METRICS
from gantools.metrics.features import load_extractor
from gantools.metrics.interval import jackknife, split
from gantools.metrics.metric import Features, Metric

Floats = npt.NDArray[np.float32]
Images = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def images() -> Images:
    """(1797, 32, 32, 1), enlarged without interpolation: any images serve here."""
    small: Images = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
    return small.repeat(4, 1).repeat(4, 2)[..., None]


@pytest.fixture(scope="module")
def features(images: Images) -> Floats:
    return load_extractor().features(images)


@pytest.fixture(params=list(METRICS))
def metric(request: pytest.FixtureRequest) -> Metric:
    return METRICS.load(request.param)


def value(metric: Metric, a: Floats, b: Floats) -> float:
    return metric.distance(metric.statistics(a), metric.statistics(b))


def test_the_table_holds_the_metrics_these_tests_ran_over() -> None:
    assert sorted(METRICS) == ["fid", "kid"]


def test_a_set_is_at_no_distance_from_itself(metric: Metric, features: Floats) -> None:
    """Relative to the distance of a single repeated image; an unbiased metric may be a little below 0."""
    near, far = value(metric, features, features), value(metric, features[:1].repeat(50, 0), features)
    assert far > 0.0
    assert abs(near) < 0.02 * far


def test_halves_of_the_same_images_are_near(metric: Metric, features: Floats) -> None:
    halves = value(metric, features[::2], features[1::2])
    collapsed = value(metric, features[:1].repeat(50, 0), features)
    assert abs(halves) < 0.02 * collapsed


def test_arguments_may_be_swapped(metric: Metric, features: Floats) -> None:
    a, b = features[:300], features[900:]
    assert value(metric, a, b) == pytest.approx(value(metric, b, a), rel=1e-9)


def test_the_order_of_the_images_does_not_matter(metric: Metric, features: Floats) -> None:
    shuffled = np.random.default_rng(0).permutation(features[:500])
    assert value(metric, shuffled, features[500:]) == pytest.approx(
        value(metric, features[:500], features[500:]), rel=1e-9
    )


def test_it_grows_with_noise_on_the_images(metric: Metric, images: Images, features: Floats) -> None:
    rng, extractor = np.random.default_rng(0), load_extractor()
    noise = rng.normal(size=images.shape)
    values = [value(metric, features, features)]
    for strength in (20, 40, 80, 160):
        noisy = np.clip(images + strength * noise, 0, 255).astype(np.uint8)
        values.append(value(metric, extractor.features(noisy), features))
    assert len(values) == 5
    assert (np.diff(values) > 0.0).all()


def test_it_grows_with_mode_collapse(metric: Metric, features: Floats) -> None:
    labels = load_digits().target
    values = [value(metric, features[labels < classes], features) for classes in (10, 8, 5, 2, 1)]
    assert len(values) == 5
    assert (np.diff(values) > 0.0).all()


def test_it_grows_with_repeated_images(metric: Metric, features: Floats) -> None:
    """The same number of samples each time, of ever fewer different images."""
    values = [value(metric, np.resize(features[:distinct], (1000, 64)), features) for distinct in (1000, 100, 20, 3)]
    assert (np.diff(values) > 0.0).all()


def test_it_takes_float32_and_computes_in_float64(metric: Metric, features: Floats) -> None:
    assert features.dtype == np.float32
    doubles = value(metric, features[:400].astype(np.float64), features[400:].astype(np.float64))
    assert value(metric, features[:400], features[400:]) == doubles


def test_leaving_groups_out_is_the_same_the_quick_way_and_the_plain_way(metric: Metric, features: Floats) -> None:
    few, reference = features[:207], metric.statistics(features[300:])

    def score(rows: Features) -> float:
        return metric.distance(metric.statistics(rows), reference)

    plain = jackknife(score, few)
    quick = jackknife(score, few, deleted=lambda rows, groups: metric.deleted(rows, groups, reference))
    assert plain[1] < plain[0] < plain[2]
    assert quick == pytest.approx(plain, rel=1e-6)
    assert len(metric.deleted(few, split(len(few)), reference)) == 20


def test_too_few_rows_are_refused(metric: Metric, features: Floats) -> None:
    with pytest.raises(DataError, match=r"n of 2 or more, got shape \(1, 64\)"):
        metric.statistics(features[:1])
