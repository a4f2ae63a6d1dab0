from pathlib import Path

import numpy as np
import pytest
import torch

from gantools.data import open_images
from gantools.models import MODELS
from gantools.models.model import Model
from gantools.train.quality import Scorer, sample

CPU = torch.device("cpu")


@pytest.fixture
def model() -> Model:
    architecture = MODELS.load("dcgan")
    torch.manual_seed(0)
    built: Model = architecture.build(architecture.Config(channels=1, latent=8, width=4))
    return built.eval()


def test_samples_depend_on_their_seeds_alone(model: Model) -> None:
    many = sample(model, range(200), CPU)
    assert many.shape == (200, 32, 32, 1)
    assert many.dtype == np.uint8
    assert np.abs(many[[150, 3]].astype(int) - sample(model, [150, 3], CPU)).max() <= 1
    assert not np.array_equal(many[0], many[1])


def test_a_score_repeats_and_is_bad_for_an_untrained_generator(
    model: Model, image_cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    references = open_images("builtin:digits", resolution=32, channels=1, cache=image_cache)
    scorer = Scorer(references, 100, "digits-cnn")
    first, second = scorer.score(model, CPU), scorer.score(model, CPU)
    assert first == second
    assert (first["samples"], first["extractor"]) == (100, "digits-cnn")
    real = np.array(references.images[:100])
    monkeypatch.setattr("gantools.train.quality.sample", lambda model, seeds, device: real)
    assert scorer.score(model, CPU)["kid"] < 0.1 * first["kid"], "real images score far better"
