"""CIFAR-10 from its binary records, which hold no code, to one ``.npz`` for each split."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np

from gantools.core.atomic import write_atomic
from gantools.core.errors import DataError
from gantools.data.published import PublishedFile, PublishedSet

ARCHIVE = "cifar-10-binary.tar.gz"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SPLITS = {
    "train": tuple(f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)),
    "test": ("cifar-10-batches-bin/test_batch.bin",),
}
EDGE = 32
RECORD_BYTES = 1 + 3 * EDGE * EDGE  # a label, then all red, all green and all blue values, row by row
MOST_RECORDS = 100_000  # in one member; the real ones hold 10,000


def unpack(folder: Path) -> None:
    """Write ``train.npz`` and ``test.npz`` beside the archive, unless they are there.

    Raises:
        DataError: The archive holds something else.
    """
    if all((folder / f"{split}.npz").is_file() for split in SPLITS):
        return
    wanted = {name: split for split, names in SPLITS.items() for name in names}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(folder / ARCHIVE, "r:gz") as archive:
            for member in archive:  # in the order they lie: going back would unpack everything again
                if member.name in wanted and member.isreg() and member.size <= MOST_RECORDS * RECORD_BYTES:
                    stream = archive.extractfile(member)
                    found[member.name] = stream.read() if stream else b""
    except (OSError, EOFError, tarfile.TarError) as err:
        raise _other(folder, str(err)) from err
    if missing := sorted(set(wanted) - set(found)):
        raise _other(folder, f"{', '.join(missing)} is not in it")
    for split, names in SPLITS.items():
        content = b"".join(found[name] for name in names)
        if len(content) % RECORD_BYTES:
            raise _other(folder, f"its records are not {RECORD_BYTES} bytes long")
        records = np.frombuffer(content, np.uint8).reshape(-1, RECORD_BYTES)
        images = records[:, 1:].reshape(-1, 3, EDGE, EDGE).transpose(0, 2, 3, 1)
        file = io.BytesIO()
        np.savez(file, images=np.ascontiguousarray(images), labels=records[:, 0], classes=np.array(CLASSES))
        write_atomic(folder / f"{split}.npz", file.getvalue())


def _other(folder: Path, reason: str) -> DataError:
    return DataError(f"'{folder / ARCHIVE}' is not CIFAR-10: {reason}.", hint="gantools data get cifar-10")


CIFAR_10 = PublishedSet(
    title="50,000 + 10,000 colour photographs, 32x32, 10 classes",
    licence="no formal licence; free to use with citation",
    citation='Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009',
    homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    files=(
        PublishedFile(
            ARCHIVE,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            170052171,
            ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
        ),
    ),
    splits={split: f"{split}.npz" for split in SPLITS},
    unpack=unpack,
)
