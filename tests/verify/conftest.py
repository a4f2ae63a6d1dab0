"""Real images for metrics, and a cache of features that each module of tests has to itself."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.datasets import load_digits

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Real:
    images: Images
    digest: str
    name: str


@pytest.fixture(scope="module", autouse=True)
def user_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def digits() -> Images:
    images = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
    return np.ascontiguousarray(images.repeat(4, 1).repeat(4, 2)[..., None])
