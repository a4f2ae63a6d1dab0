import numpy as np
import pytest

from gantools.core.errors import DataError
from gantools.data.labels import labels_of_folders, labels_of_numbers, labels_of_texts


@pytest.mark.parametrize(
    ("names", "values", "classes"),
    [
        (["dog/1.png", "cat/2.png", "dog/3.png"], [1, 0, 1], ("cat", "dog")),
        (["pets/dog/1.png", "pets/cat/2.png"], [1, 0], ("cat", "dog")),
        (["a/b/dog/1.png", "a/b/cat/x/2.png", "a/b/cat/y/3.png"], [1, 0, 0], ("cat", "dog")),
        (["train/1.png", "aeroplane/2.png"], [1, 0], ("aeroplane", "train")),  # a train may be a class
    ],
    ids=["top folders", "a folder around all", "deeper folders do not count", "one split name is a class"],
)
def test_the_class_of_an_image_is_the_top_folder_that_differs(
    names: list[str], values: list[int], classes: tuple[str, ...]
) -> None:
    labels = labels_of_folders(names, "photos")
    assert labels.values.tolist() == values
    assert labels.classes == classes


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat/1.png", "2.png"], "'2.png' in 'photos' lies in no folder of a class"),
        (["1.png", "2.png"], "all images of 'photos' lie in one folder"),
        (["cats/1.png", "cats/2.png"], "all images of 'photos' lie in one folder"),
        (["cats/1.png", "cats/old/2.png"], "'cats/1.png' in 'photos' lies in no folder of a class"),
        (["train/cat/1.png", "test/dog/2.png"], "the folders of 'photos' are splits: test, train"),
        (["all/Train/cat/1.png", "all/val/dog/2.png"], "the folders of 'photos' are splits: Train, val"),
    ],
)
def test_folders_that_are_no_classes_are_an_error(names: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        labels_of_folders(names, "photos")
    assert caught.value.hint


def test_numbers_stay_what_they_are_and_other_texts_are_numbered() -> None:
    numbers = labels_of_texts(["10", "2", "2"], (), "x")
    assert numbers.values.tolist() == [10, 2, 2]
    assert len(numbers.classes) == 11
    texts = labels_of_texts(["dog", "2", "cat"], (), "x")
    assert (texts.values.tolist(), texts.classes) == ([2, 0, 1], ("2", "cat", "dog"))


def test_names_of_classes_limit_the_numbers() -> None:
    assert labels_of_numbers(np.array([1, 0], np.uint8), ("a", "b"), "x").classes == ("a", "b")
    with pytest.raises(DataError, match="labels of 'x' go from 0 to 2, expected 0 to at most 1"):
        labels_of_numbers(np.array([2, 0], np.uint8), ("a", "b"), "x")


def test_an_unsigned_label_of_any_size_is_refused_and_does_not_wrap() -> None:
    with pytest.raises(DataError, match=str(2**64 - 1)):
        labels_of_numbers(np.array([2**64 - 1, 0], np.uint64), (), "x")
