"""The gate: a loss is the difference of pairs, and it opens only where the loss is small for certain."""

from typing import Any

import numpy as np
import pytest

from gantools.core.errors import DataError, QualityError, RecipeError, UnknownNameError
from gantools.core.proof import QualityLoss
from gantools.metrics.features import Extractor, load_extractor
from gantools.verify.gate import Yardstick, check_budgets, quality_losses, raise_if_lost
from tests.verify.conftest import Images, Real

SEEDS = "0-399"


@pytest.fixture(scope="module")
def real(digits: Images) -> Real:
    return Real(digits[400:], "d" * 64, "digits")


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load_extractor("digits-cnn")


def noisy(images: Images, strength: float) -> Images:
    noise = np.random.default_rng(0).normal(0, strength, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def losses(real: Real, extractor: Extractor, source: Images, final: Images, **budgets: float) -> list[QualityLoss]:
    return list(quality_losses(source, final, budgets, seeds=SEEDS, yardstick=Yardstick(real, extractor)))


def test_equal_samples_lose_nothing_for_certain(digits: Images, real: Real, extractor: Extractor) -> None:
    budgets = {"kid": 1e-9, "fid": 1e-9, "recall": 1e-9, "is": 1e-9, "levels": 1e-9}
    found = losses(real, extractor, digits[:400], digits[:400], **budgets)
    assert [loss.metric for loss in found] == list(budgets)
    for loss in found:
        assert (loss.loss, loss.interval, loss.ok) == (0.0, (0.0, 0.0), True)
        assert loss.source == loss.final
    assert [loss.data for loss in found] == ["digits", "digits", "digits", "", ""]
    assert [loss.extractor for loss in found] == ["digits-cnn"] * 4 + [""]


@pytest.mark.parametrize("metric", ["kid", "fid", "precision", "coverage", "is"])
def test_worse_samples_lose_whichever_way_is_up(digits: Images, real: Real, extractor: Extractor, metric: str) -> None:
    (loss,) = losses(real, extractor, digits[:400], noisy(digits[:400], 60), **{metric: 1e-6})
    assert loss.loss > 0
    assert loss.source is not None
    assert loss.final is not None
    assert abs(loss.final - loss.source) == pytest.approx(loss.loss)
    assert not loss.ok


def test_pairs_know_a_small_loss_that_single_values_do_not(digits: Images, real: Real, extractor: Extractor) -> None:
    """The interval of the difference is far narrower than that of either value."""
    from gantools.verify.evaluate import evaluate

    source, final = digits[:400], noisy(digits[:400], 3)
    (loss,) = losses(real, extractor, source, final, kid=1.0)
    (card,) = evaluate(source, real, seeds=SEEDS, extractor=extractor, metrics=["kid"])
    assert loss.source == pytest.approx(card.value)
    width = loss.interval[1] - loss.interval[0]
    assert 0 < width < (card.interval[1] - card.interval[0]) / 5


def test_levels_are_the_mean_difference_of_pixels() -> None:
    source = np.full((40, 2, 2, 3), 100, np.uint8)
    final = source.copy()
    final[:, 0] += 1
    final[:10, 1, 0] -= 3
    (loss,) = quality_losses(source, final, {"levels": 1.0}, seeds="0-39")
    assert loss.loss == pytest.approx(0.5 + 3 / 4 / 4)
    assert loss.interval[0] < loss.loss < loss.interval[1]
    assert (loss.samples, loss.seeds, loss.source, loss.final) == (40, "0-39", None, None)


def test_features_of_pairs_move_apart_with_noise_whatever_their_sizes(digits: Images, extractor: Extractor) -> None:
    def lost(final: Images) -> QualityLoss:
        yardstick = Yardstick(extractor=extractor)
        (found,) = quality_losses(digits[:50], final, {"features": 1.0}, seeds="0-49", yardstick=yardstick)
        return found

    same, little, much = lost(digits[:50]), lost(noisy(digits[:50], 5)), lost(noisy(digits[:50], 60))
    assert same.loss == 0
    assert 0 < little.loss < much.loss
    assert (much.extractor, much.source, much.final) == (extractor.name, None, None)
    cut = [picture[: 32 - place % 2] for place, picture in enumerate(digits[:50])]
    other = [picture[: 32 - place % 2] for place, picture in enumerate(noisy(digits[:50], 60))]
    (found,) = quality_losses(cut, other, {"features": 1.0}, seeds="0-49", yardstick=Yardstick(extractor=extractor))
    assert found.loss == pytest.approx(much.loss, rel=0.5)


def test_a_loss_that_may_be_too_large_is_too_large() -> None:
    known: dict[str, Any] = {
        "metric": "kid",
        "confidence": 0.95,
        "samples": 100,
        "seeds": "0-99",
        "extractor": "digits-cnn",
    }
    sure = QualityLoss(loss=0.1, interval=(0.05, 0.15), budget=0.15, **known)
    unsure = QualityLoss(loss=0.1, interval=(0.05, 0.151), budget=0.15, **known)
    raise_if_lost([sure], "rewriting")
    with pytest.raises(QualityError) as caught:
        raise_if_lost([sure, unsure], "the precision bf16 on openvino")
    assert caught.value.exit_code == 4
    assert caught.value.message == (
        "the precision bf16 on openvino costs too much: "
        "kid of digits-cnn lost 0.1 (0.05 to 0.151) over 100 pairs, allowed 0.15."
    )
    assert caught.value.hint == (
        "use a precision with more bits, allow more, or score more --samples for a narrower interval"
    )


def test_budgets_that_cannot_be_judged_are_refused_before_anything_is_built(real: Real) -> None:
    check_budgets({"kid": 0.1, "levels": 1.0, "is": 0.1}, Yardstick(real))
    check_budgets({"levels": 1.0, "is": 0.1}, Yardstick())
    for most in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(RecipeError, match="which no measurement can prove") as caught:
            check_budgets({"levels": most}, Yardstick())
        assert caught.value.hint == "give a number above 0, such as --max-loss kid=0.001"
    with pytest.raises(RecipeError, match="the loss of 'kid' needs real images to compare with") as caught:
        check_budgets({"kid": 0.1}, Yardstick())
    assert caught.value.hint == "give --data SOURCE"
    with pytest.raises(UnknownNameError, match="no metric is called 'kit'; did you mean 'kid'"):
        check_budgets({"kit": 0.1}, Yardstick(real))


def test_too_few_pairs_have_no_interval() -> None:
    images = np.zeros((30, 2, 2, 1), np.uint8)
    with pytest.raises(DataError, match="an interval needs at least 5 pairs, got 4"):
        quality_losses(images[:4], images[:4], {"levels": 1.0}, seeds="0-3")


class Truth:
    """Six pictures and what should be made of them, each of its own size."""

    name, digest = "truth", "t" * 64
    targets = tuple(np.full((12 + place, 14, 1), 100, np.uint8) for place in range(6))
    inputs = targets


def test_few_pairs_of_any_size_have_an_interval_of_decibels_lost() -> None:
    """Source 2 levels off: 42.11 dB. Final 3 and, in one of six, 4 levels off."""
    source = [one + 2 for one in Truth.targets]
    final = [one + (4 if place == 5 else 3) for place, one in enumerate(Truth.targets)]
    (loss,) = quality_losses(source, final, {"psnr": 6.0}, seeds="0-5", yardstick=Yardstick(pairs=Truth()))
    lost = np.array([20 * np.log10(3 / 2)] * 5 + [20 * np.log10(2)])
    assert loss.loss == pytest.approx(lost.mean())
    reach = 2.571 * lost.std(ddof=1) / np.sqrt(6)  # Student's quantile with 5 degrees of freedom
    assert loss.interval == pytest.approx((lost.mean() - reach, lost.mean() + reach), rel=0.01)
    assert loss.source == pytest.approx(20 * np.log10(255 / 2))
    assert (loss.data, loss.samples, loss.ok) == ("truth", 6, True)


def test_what_should_be_made_of_images_must_be_given() -> None:
    check_budgets({"psnr": 0.1, "ssim": 0.1}, Yardstick(pairs=Truth()))
    with pytest.raises(RecipeError, match="the loss of 'psnr' needs the images that should be made") as caught:
        check_budgets({"psnr": 0.1}, Yardstick())
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("give --data FOLDER")
