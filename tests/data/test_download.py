"""Against a real server on this machine: the client, the digests and the errors are those of a real download."""

import gzip
import hashlib
import io
import struct
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantools.core.errors import DataError, UnknownNameError
from gantools.core.events import Event, Note, Progress
from gantools.core.registry import Table
from gantools.data import cifar, published
from gantools.data.download import get
from gantools.data.published import PUBLISHED, PublishedFile, PublishedSet

CONTENT = np.random.default_rng(0).integers(0, 256, 3_000_000, np.uint8).tobytes()
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/file.bin":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.fixture
def closed_port() -> str:
    """An address at which nobody listens: the port of a server that was closed."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        return f"http://127.0.0.1:{running.server_address[1]}/file.bin"


def publish(monkeypatch: pytest.MonkeyPatch, *urls: str, digest: str = DIGEST, **fields: Any) -> None:
    """Put a set 'tiny' of one file into the table."""
    files = (PublishedFile("file.bin", digest, len(CONTENT), urls),)
    tiny = PublishedSet("a file", "none", "nobody", "", files, {"train": "file.bin"}, **fields)
    monkeypatch.setattr(published, "TINY", tiny, raising=False)
    table = Table[PublishedSet]("published image set", {"tiny": "gantools.data.published:TINY"})
    monkeypatch.setattr("gantools.data.download.PUBLISHED", table)


def test_a_file_with_the_right_digest_appears_once(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(monkeypatch, f"{server}/file.bin")
    events: list[Event] = []
    folder = get("tiny", on_event=events.append)
    assert folder == tmp_path / "xdg" / "gantools" / "datasets" / "tiny"
    assert [path.name for path in folder.iterdir()] == ["file.bin"]
    assert (folder / "file.bin").read_bytes() == CONTENT
    progress = [event for event in events if isinstance(event, Progress)]
    assert (progress[-1].done, progress[-1].total, progress[-1].unit) == (len(CONTENT), len(CONTENT), "bytes")
    publish(monkeypatch, "http://127.0.0.1:1/nowhere")
    assert get("tiny") == folder, "it is there already"
    assert get("tiny", tmp_path / "xdg" / "gantools" / "datasets" / "tiny") == folder


def test_the_next_address_is_tried(
    server: str, closed_port: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(monkeypatch, closed_port, f"{server}/gone", f"{server}/file.bin")
    assert (get("tiny", tmp_path / "out") / "file.bin").read_bytes() == CONTENT


def test_every_reason_is_in_one_sentence_and_the_way_around_in_the_hint(
    server: str, closed_port: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(monkeypatch, closed_port, f"{server}/gone", f"{server}/file.bin", digest="ab" * 32)
    with pytest.raises(DataError) as caught:
        get("tiny", tmp_path / "out")
    assert caught.value.message == (
        f"'file.bin' cannot be had: {closed_port}: cannot be reached; {server}/gone: answers 404 Not Found; "
        f"{server}/file.bin: sends another file, its SHA-256 is not abababababab…."
    )
    assert caught.value.hint == (
        f"put it at {tmp_path / 'out' / 'file.bin'} by other means, then: gantools data get tiny"
    )
    assert list((tmp_path / "out").iterdir()) == [], "nothing half is left"


def test_a_file_put_there_by_hand_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    publish(monkeypatch, "http://127.0.0.1:1/nowhere")
    (tmp_path / "file.bin").write_bytes(b"another")
    with pytest.raises(DataError, match=rf"file.bin' has digest \w+, the published file has {DIGEST[:12]}"):
        get("tiny", tmp_path)
    (tmp_path / "file.bin").write_bytes(CONTENT)
    assert get("tiny", tmp_path) == tmp_path


def test_a_folder_that_cannot_be_written_is_one_sentence(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(monkeypatch, f"{server}/file.bin")
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write '.*file.bin'"):
        get("tiny", tmp_path / "out")


def test_what_a_package_of_the_system_brought_is_not_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "brought").mkdir()
    (tmp_path / "brought" / "file.bin").write_bytes(b"packed otherwise, so of another digest")
    publish(monkeypatch, "http://127.0.0.1:1/nowhere", elsewhere=(str(tmp_path / "brought"),))
    events: list[Event] = []
    assert get("tiny", on_event=events.append) == tmp_path / "brought"
    assert [event.text for event in events if isinstance(event, Note)] == [
        f"'tiny' is in '{tmp_path / 'brought'}' already, from a package of the system; nothing is downloaded."
    ]


def test_every_published_set_is_complete() -> None:
    assert len(PUBLISHED) >= 4
    for name in PUBLISHED:
        found = PUBLISHED.load(name)
        assert found.files
        assert found.splits
        assert all((found.title, found.licence, found.citation, found.homepage)), name
        for file in found.files:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.size_bytes > 1000
            assert all(url.startswith(("https://", "http://")) and url.endswith(file.name) for url in file.urls)
            assert Path(file.name).name == file.name


def test_a_published_set_that_is_not_here_says_how_to_get_it(opened: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'mnist' is not on this machine; looked in .*xdg") as caught:
        opened("dataset:mnist")
    assert caught.value.hint == "gantools data get mnist"
    with pytest.raises(UnknownNameError, match="did you mean 'mnist'"):
        opened("dataset:minst")
    with pytest.raises(UnknownNameError, match="no split of 'mnist' is called 'trian'; did you mean 'train'"):
        opened("dataset:mnist:trian")


def test_a_published_set_names_its_classes(opened: Any, tmp_path: Path) -> None:
    folder = tmp_path / "xdg" / "gantools" / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        images_head = struct.pack(">HBB3I", 0, 8, 3, 12, 28, 28)
        labels_head = struct.pack(">HBBI", 0, 8, 1, 12)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images_head + bytes(12 * 28 * 28)))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels_head + bytes(range(10)) + b"\0\0"))
    images = opened("dataset:fashion-mnist:test", channels=1, labels=True)
    assert images.classes[9] == "Ankle boot"
    assert images.labels[9] == 9
    assert images.name == "dataset:fashion-mnist:test"


def cifar_archive(folder: Path, records: int = 3, **changes: bytes) -> list[bytes]:
    """A small archive of the real layout; the content of each member by the real order."""
    rng = np.random.default_rng(0)
    names = [name for split in cifar.SPLITS.values() for name in split]
    contents = [
        np.hstack([rng.integers(0, 10, (records, 1)), rng.integers(0, 256, (records, 3072))]).astype(np.uint8).tobytes()
        for _ in names
    ]
    with tarfile.open(folder / cifar.ARCHIVE, "w:gz") as archive:
        for name, content in reversed(list(zip(names, contents, strict=True))):
            stored = changes.get(Path(name).stem, content)
            member = tarfile.TarInfo(name)
            member.size = len(stored)
            archive.addfile(member, io.BytesIO(stored))
    return contents


def test_cifar_records_become_images_with_labels(opened: Any, tmp_path: Path) -> None:
    contents = cifar_archive(tmp_path)
    cifar.unpack(tmp_path)
    train = opened(tmp_path / "train.npz", resolution=32, labels=True)
    assert train.images.shape == (15, 32, 32, 3)
    assert train.classes == cifar.CLASSES
    second = contents[0][3073 : 2 * 3073]
    assert train.labels[1] == second[0]
    for channel in range(3):
        plane = second[1 + channel * 1024 : 1 + (channel + 1) * 1024]
        assert train.images[1, :, :, channel].tobytes() == plane
    assert opened(tmp_path / "test.npz", resolution=32).images[0, 0, 0, 0] == contents[5][1]
    (tmp_path / cifar.ARCHIVE).unlink()
    cifar.unpack(tmp_path)  # nothing to do


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"data_batch_2": b"\0" * 3000}, "records are not 3073 bytes long"), (None, "is not CIFAR-10")],
)
def test_an_archive_that_is_not_cifar_is_refused(changes: Any, message: str, tmp_path: Path) -> None:
    if changes is None:
        (tmp_path / cifar.ARCHIVE).write_bytes(b"nothing")
    else:
        cifar_archive(tmp_path, **changes)
    with pytest.raises(DataError, match=message):
        cifar.unpack(tmp_path)
    with tarfile.open(tmp_path / cifar.ARCHIVE, "w:gz"):
        pass
    with pytest.raises(DataError, match=r"data_batch_1.bin, .* is not in it"):
        cifar.unpack(tmp_path)
