"""Published image sets by name: where they are to be had, under which licence, and which bytes they are.

Every digest is one that other public projects hold too, beside the MD5 of the set's own page where it has one; for the
facades that is TensorFlow Datasets alone. A set that is offered as pickles, which are programs, is taken in its plain
form: CIFAR-10 as binary records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from gantools.core.cache import user_cache
from gantools.core.errors import DataError
from gantools.core.registry import Table, unknown_name
from gantools.data.sources import Source, open_source


@dataclass(frozen=True)
class PublishedFile:
    """A file of a set.

    Attributes:
        name: What it is called on disk.
        sha256: Of its bytes.
        size_bytes: For the progress bar, and for who has to plan.
        urls: Where it is to be had, tried in order.
    """

    name: str
    sha256: str
    size_bytes: int
    urls: tuple[str, ...]


@dataclass(frozen=True)
class PublishedSet:
    """A set.

    Attributes:
        title: One line about it.
        licence: Its terms, as far as they are stated.
        citation: What a paper that uses it cites.
        homepage: Where it is described.
        files: Everything that is downloaded.
        splits: Split -> what ``open_images`` reads, relative to the folder of the set; the first is the default.
        classes: Names of its classes, where the files hold numbers alone.
        unpack: Makes in the folder what ``splits`` names; none: nothing to do.
        elsewhere: Folders in which a package of an operating system puts it.
    """

    title: str
    licence: str
    citation: str
    homepage: str
    files: tuple[PublishedFile, ...]
    splits: Mapping[str, str]
    classes: tuple[str, ...] = ()
    unpack: Callable[[Path], None] | None = field(default=None, repr=False)
    elsewhere: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Of everything that is downloaded."""
        return sum(file.size_bytes for file in self.files)


PUBLISHED: Table[PublishedSet] = Table(
    "published image set",
    {
        "fashion-mnist": "gantools.data.published:FASHION_MNIST",
        "mnist": "gantools.data.published:MNIST",
        "cifar-10": "gantools.data.cifar:CIFAR_10",
        "cmp-facades": "gantools.data.published:CMP_FACADES",
    },
)
_IDX_SPLITS = {"train": "train-images-idx3-ubyte.gz", "test": "t10k-images-idx3-ubyte.gz"}


def open_published(rest: str, stack: ExitStack) -> Source:
    """``NAME[:SPLIT]`` of what ``gantools data get`` downloaded, or a package of the system brought along.

    Raises:
        UnknownNameError: There is no such set or split.
        DataError: It is not on this machine.
    """
    name, _, split = rest.partition(":")
    published = PUBLISHED.load(name)
    split = split or next(iter(published.splits))
    if split not in published.splits:
        raise unknown_name(f"split of '{name}'", split, list(published.splits))
    from gantools.data.arrays import ArraySource

    opened = open_source(str(located(name, published) / published.splits[split]), stack)
    return opened.with_classes(published.classes) if isinstance(opened, ArraySource) and published.classes else opened


def folder_of(name: str) -> Path:
    """Where ``gantools data get`` puts a set."""
    return user_cache() / "datasets" / name


def located(name: str, published: PublishedSet) -> Path:
    """The folder in which a set lies on this machine.

    Raises:
        DataError: It is nowhere.
    """
    folders = [folder_of(name), *map(Path, published.elsewhere)]
    found = next((folder for folder in folders if is_whole(folder, published)), None)
    if found is None:
        raise DataError(
            f"'{name}' is not on this machine; looked in {', '.join(map(str, folders))}.",
            hint=f"gantools data get {name}",
        )
    return found


def is_whole(folder: Path, published: PublishedSet) -> bool:
    """Whether every split of a set lies in a folder."""
    return all(_file_of(folder / path).is_file() for path in published.splits.values())


def _file_of(path: Path) -> Path:
    """The archive, for a folder inside one."""
    return next((parent for parent in (path, *path.parents) if parent.is_file()), path)


def _idx_files(addresses: tuple[str, ...], digests: Mapping[str, tuple[str, int]]) -> tuple[PublishedFile, ...]:
    return tuple(
        PublishedFile(name, sha256, size, tuple(f"{address}{name}" for address in addresses))
        for name, (sha256, size) in digests.items()
    )


FASHION_MNIST = PublishedSet(
    title="60,000 + 10,000 grey pictures of clothes, 28x28, 10 classes",
    licence="MIT",
    citation='Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms", 2017, arXiv:1708.07747',  # noqa: E501
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    files=_idx_files(
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        {
            "train-images-idx3-ubyte.gz": (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                26421880,
            ),
            "train-labels-idx1-ubyte.gz": ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29515),
            "t10k-images-idx3-ubyte.gz": ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4422102),
            "t10k-labels-idx1-ubyte.gz": ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5148),
        },
    ),
    splits=_IDX_SPLITS,
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    elsewhere=("/usr/share/datasets/fashion-mnist",),
)

MNIST = PublishedSet(
    title="60,000 + 10,000 grey handwritten digits, 28x28, 10 classes",
    licence="no formal licence; often given as CC BY-SA 3.0",
    citation='LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998',
    homepage="http://yann.lecun.com/exdb/mnist/",
    files=_idx_files(
        ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
        {
            "train-images-idx3-ubyte.gz": ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9912422),
            "train-labels-idx1-ubyte.gz": ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28881),
            "t10k-images-idx3-ubyte.gz": ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1648877),
            "t10k-labels-idx1-ubyte.gz": ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4542),
        },
    ),
    splits=_IDX_SPLITS,
)

CMP_FACADES = PublishedSet(
    title="400 + 106 rectified photographs of facades (A) and their label maps (B), 256x256, for unpaired translation",
    licence="free to use with citation, no formal licence",
    citation='Tylecek, Sara, "Spatial Pattern Templates for Recognition of Objects with Regular Structure", 2013',
    homepage="https://cmp.felk.cvut.cz/~tylecr1/facade/",
    files=(
        PublishedFile(
            "facades.zip",
            "9a31ebf3a31b9b5cd195dd5bf62e9308e00cb94604d1019e3889ac84248695c0",
            35135868,
            (
                "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets/facades.zip",
                "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets/facades.zip",
            ),
        ),
    ),
    splits={name: f"facades.zip/facades/{name}" for name in ("trainA", "trainB", "testA", "testB")},
)
