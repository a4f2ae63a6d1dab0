"""What every row of the table of metrics must do, on what the small extractor says of real images."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.datasets import load_digits

from gantools.core.errors import DataError
from gantools.metrics import METRICS
from gantools.metrics.features import Extractor, Images, Rows, load_extractor
from gantools.metrics.interval import jackknife, plainly, split
from gantools.metrics.metric import Metric

Floats = npt.NDArray[np.float32]
Named = tuple[str, Metric]
# What each metric is there to see. A row that sees nothing has no place in the table.
SEES = {
    "noise": {"fid", "kid", "precision", "density", "coverage", "mauve"},
    "lost classes": {"fid", "kid", "coverage", "is", "mauve"},
    "repeated images": {"fid", "kid", "recall", "coverage", "mauve"},
    "copied references": {"authenticity"},
}


@pytest.fixture(scope="module")
def images() -> Images:
    """(1797, 32, 32, 1), enlarged without interpolation: any images serve here."""
    small: Images = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
    return small.repeat(4, 1).repeat(4, 2)[..., None]


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load_extractor("digits-cnn")


@pytest.fixture(scope="module")
def rows(images: Images, extractor: Extractor) -> Rows:
    return extractor.rows(images)


@pytest.fixture(params=list(METRICS))
def named(request: pytest.FixtureRequest) -> Named:
    return request.param, METRICS.load(request.param)


def value(metric: Metric, a: Floats, b: Floats) -> float:
    return metric.value(metric.statistics(a), metric.statistics(b) if metric.against_references else None)


def of(metric: Metric, rows: Rows) -> Floats:
    found: Floats = getattr(rows, metric.rows)
    return found


def worsens(metric: Metric, values: list[float]) -> bool:
    steps = np.diff(values)
    return bool((steps < 0.0).all() if metric.higher_is_better else (steps > 0.0).all())


def test_the_table_holds_the_metrics_these_tests_know() -> None:
    assert set(METRICS) == set().union(*SEES.values())
    assert len(METRICS) == 9


def test_halves_of_the_same_images_are_good_and_a_single_one_is_not(named: Named, rows: Rows) -> None:
    name, metric = named
    found = of(metric, rows)
    halves = value(metric, found[::2], found[1::2])
    itself = value(metric, found[::2], found[::2])
    collapsed = value(metric, found[:1].repeat(200, 0), found)
    assert metric.bounds[0] <= halves <= metric.bounds[1]
    if name in SEES["repeated images"]:
        assert abs(itself - halves) < 0.25 * abs(collapsed - halves)


def test_the_order_of_the_images_does_not_matter(named: Named, rows: Rows) -> None:
    """The Inception score is a mean over splits, and its splits are others in another order."""
    name, metric = named
    found = of(metric, rows)
    shuffled = np.random.default_rng(0).permutation(found[:500])
    expected = value(metric, found[:500], found[500:])
    assert value(metric, shuffled, found[500:]) == pytest.approx(expected, rel=0.05 if name == "is" else 1e-9)


def test_which_set_is_which_matters_to_all_but_the_distances(named: Named, rows: Rows) -> None:
    name, metric = named
    if not metric.against_references:
        pytest.skip("there is one set only")
    few, many = of(metric, rows)[:20].repeat(5, 0), of(metric, rows)[900:]
    one, other = value(metric, few, many), value(metric, many, few)
    if name in ("fid", "kid"):
        assert one == pytest.approx(other, rel=1e-9)
    else:
        assert abs(one - other) > 0.05


def test_noise_on_the_images_is_seen(named: Named, images: Images, rows: Rows, extractor: Extractor) -> None:
    name, metric = named
    noise, values = np.random.default_rng(0).normal(size=images[:600].shape), []
    for strength in (0, 40, 80, 160):
        noisy = np.clip(images[:600] + strength * noise, 0, 255).astype(np.uint8)
        values.append(value(metric, of(metric, extractor.rows(noisy)), of(metric, rows)[600:]))
    assert len(values) == 4
    assert worsens(metric, values) or name not in SEES["noise"]


def test_lost_classes_are_seen(named: Named, rows: Rows) -> None:
    name, metric = named
    labels, found = load_digits().target, of(metric, rows)
    values = [value(metric, np.resize(found[labels < n], found.shape), found) for n in (10, 8, 5, 2, 1)]
    assert len(values) == 5
    assert worsens(metric, values) or name not in SEES["lost classes"]


def test_repeated_images_are_seen(named: Named, rows: Rows) -> None:
    """The same number of samples each time, of ever fewer different images."""
    name, metric = named
    found = of(metric, rows)
    values = [value(metric, np.resize(found[:n], (800, found.shape[1])), found[1000:]) for n in (800, 100, 20, 4)]
    steps = np.diff(values)
    if name in SEES["repeated images"]:
        assert (steps <= 0.0).all() if metric.higher_is_better else (steps >= 0.0).all()
        assert abs(values[-1] - values[0]) > 0.05


def test_copied_references_are_seen(named: Named, rows: Rows) -> None:
    name, metric = named
    found = of(metric, rows)
    copied, new = value(metric, found[:300], found[:900]), value(metric, found[900:1200], found[:900])
    assert (copied < new - 0.3) or name not in SEES["copied references"]


def test_it_takes_float32_and_computes_in_float64(named: Named, rows: Rows) -> None:
    _, metric = named
    found = of(metric, rows)
    assert found.dtype == np.float32
    doubles = value(metric, found[:400].astype(np.float64), found[400:].astype(np.float64))
    assert value(metric, found[:400], found[400:]) == doubles


def test_leaving_groups_out_is_the_same_the_quick_way_and_the_plain_way(named: Named, rows: Rows) -> None:
    name, metric = named
    few = of(metric, rows)[:210]
    reference = metric.statistics(of(metric, rows)[300:]) if metric.against_references else None
    groups = split(len(few), metric.groups)
    found, values = metric.leave_out(few, groups, reference)
    assert found == pytest.approx(metric.value(metric.statistics(few), reference), rel=1e-9)
    assert len(values) == metric.groups
    if name != "is":  # its groups are its splits: without one there are nine
        plain, one_by_one = plainly(lambda some: metric.value(metric.statistics(some), reference))(few, groups)
        assert found == pytest.approx(plain, rel=1e-9)
        np.testing.assert_allclose(values, one_by_one, rtol=1e-6)
    _, low, high = jackknife(lambda some, parts: metric.leave_out(some, parts, reference), few, groups=metric.groups)
    assert low < found < high


def test_values_do_not_change_with_the_number_of_samples_unless_it_says_so(named: Named) -> None:
    """Means over many draws of 60 and of 240 rows of the same distribution."""
    _, metric = named
    rng = np.random.default_rng(0)

    def drawn(count: int, shift: float = 0.0) -> npt.NDArray[np.float64]:
        rows = rng.normal(size=(count, 4)) + shift
        if metric.rows == "probabilities":
            rows = np.exp(rows) / np.exp(rows).sum(1, keepdims=True)
        return rows

    reference = metric.statistics(drawn(300))

    def values(count: int, runs: int) -> npt.NDArray[np.float64]:
        return np.array([metric.value(metric.statistics(drawn(count, 0.3)), reference) for _ in range(runs)])

    few, many = values(60, 120), values(240, 60)
    error = np.hypot(few.std() / np.sqrt(len(few)), many.std() / np.sqrt(len(many)))
    moved = abs(few.mean() - many.mean()) > 5.0 * error
    assert moved == ("samples" in metric.biased_by)


def test_too_few_rows_are_refused(named: Named, rows: Rows) -> None:
    _, metric = named
    with pytest.raises(DataError, match=r"n of 2 or more, got shape \(1, "):
        metric.statistics(of(metric, rows)[:1])
