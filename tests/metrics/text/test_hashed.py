import zlib

import numpy as np
import pytest

from gantools.core.errors import DataError, UnknownNameError
from gantools.core.events import Progress
from gantools.metrics import METRICS
from gantools.metrics.text.extractors import TEXT_EXTRACTORS, load_text_extractor
from gantools.metrics.text.hashed import HashedNgrams, hashed_ngrams
from tests.metrics.text.by_definition import written


def lines(seed: int, count: int, words: int = 40) -> list[str]:
    return [" ".join(sentence) for sentence in written(seed, count, words=words, longest=12, shortest=3)]


def cosine(one: str, other: str) -> float:
    rows = HashedNgrams().features([one, other])
    return float(rows[0] @ rows[1]) / HashedNgrams.width


def test_rows_have_a_mean_square_of_one() -> None:
    rows = hashed_ngrams().features(lines(0, 50))
    assert rows.shape == (50, 512)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.square(rows).mean(1), 1.0, rtol=1e-5)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    some = lines(1, 30)
    np.testing.assert_array_equal(HashedNgrams().features(some)[7:9], HashedNgrams().features(some[7:9]))


def test_a_row_of_one_letter_is_where_the_hash_says() -> None:
    """One word of one letter: one n-gram of words and one of characters, each half of the square."""
    expected = np.zeros(512)
    for gram in (b" a", b"\0 a "):
        code = zlib.crc32(gram)
        expected[code % 512] += 1.0 if code >= 2**31 else -1.0
    np.testing.assert_allclose(HashedNgrams().features(["a"])[0], expected * np.sqrt(512 / 2), rtol=1e-6)


def test_what_shares_words_is_nearer_and_their_order_counts() -> None:
    dog = "a dog runs over the green field"
    assert cosine(dog, dog) == pytest.approx(1.0, abs=1e-5)
    assert cosine(dog, "a dog runs over the red field") > cosine(dog, "a cat sits under the red table") > 0.0
    assert cosine(dog, "field green the over runs dog a") < 0.95
    assert cosine(dog, "a doog runs over the green field") > 0.6  # pieces of words survive a wrong letter


def test_white_space_alone_is_a_row_of_zeros() -> None:
    assert not HashedNgrams().features(["", "  \n"]).any()


def test_the_features_tell_sets_of_sentences_apart() -> None:
    extractor, kid = HashedNgrams(), METRICS.load("kid")
    real, same = kid.statistics(extractor.features(lines(2, 300))), kid.statistics(extractor.features(lines(3, 300)))
    other = kid.statistics(extractor.features(lines(4, 300, words=15)))
    assert kid.value(other, real) > 10 * abs(kid.value(same, real))


def test_progress_is_told() -> None:
    heard: list[object] = []
    HashedNgrams().features(lines(5, 1500), on_event=heard.append)
    assert heard == [Progress("features", done, 1500, "texts") for done in (1000, 1500)]


def test_extractors_are_opened_by_name() -> None:
    assert load_text_extractor("ngrams").name == "ngrams"
    assert len(load_text_extractor("ngrams").sha256) == 64
    with pytest.raises(UnknownNameError, match="no text feature extractor is called 'minilmm'; did you mean 'minilm'"):
        load_text_extractor("minilmm")
    assert len([TEXT_EXTRACTORS.load(name) for name in TEXT_EXTRACTORS]) == 2


def test_what_is_no_list_of_texts_is_refused() -> None:
    with pytest.raises(DataError, match="features need a list of texts, got none"):
        HashedNgrams().features([])
    with pytest.raises(DataError, match="features need a list of texts, got one string"):
        HashedNgrams().features("a dog")
