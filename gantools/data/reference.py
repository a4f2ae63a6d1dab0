"""``builtin:python-reference``: sentences about Python that every CPython brings along, for first trainings and tests.

They are from the language reference (``pydoc_data.topics``) and from the docstrings of the standard library; both are
of the Python Software Foundation and under the PSF licence. What is not plain prose is left out: grammar, examples,
names of functions, numbers. The sentences depend on the version of Python and on nothing else.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from gantools.core.errors import DataError
from gantools.core.kept import kept_path, read_kept, write_kept

FORMAT = 1  # to be raised when the same documentation would give other sentences
SHORTEST, LONGEST = 4, 24  # words
# Modules that say most, and that no distribution of Python puts into a package of its own.
MODULES = (
    "argparse", "ast", "asyncio", "base64", "bdb", "calendar", "cmd", "codecs", "collections", "configparser",
    "contextlib", "csv", "datetime", "difflib", "doctest", "email", "enum", "fractions", "functools", "gettext",
    "heapq", "http", "importlib", "inspect", "ipaddress", "json", "locale", "logging", "mailbox", "multiprocessing",
    "optparse", "os", "pathlib", "pickle", "pickletools", "pkgutil", "platform", "plistlib", "pprint", "queue",
    "random", "sched", "selectors", "shelve", "shutil", "smtplib", "socket", "socketserver", "ssl", "statistics",
    "string", "subprocess", "tarfile", "tempfile", "textwrap", "threading", "trace", "traceback", "typing",
    "unittest", "urllib", "uuid", "warnings", "weakref", "xmlrpc", "zipfile",
)  # fmt: skip

_CODE = re.compile(r"::=|>>>|\*\*\*|===|---|\+--|~~~")
_ITEM = re.compile(r"(?:[*•-]|\d+\.|\[\d+\])\s+")
_CLEANED = [
    (re.compile(r"^(?:(?:New|Changed) in version [\d.]+|Deprecated since version [^:]*|Note): *"), ""),
    (re.compile(r"\bi\.e\.,?"), "that is,"),
    (re.compile(r"\be\.g\.,?"), "for example,"),
    (re.compile(r"\*{1,2}([A-Za-z][\w -]*)\*{1,2}"), r"\1"),  # *emphasis*, **strong emphasis**
    (re.compile(r":\w+:`~?([A-Za-z]+)`"), r"\1"),  # :class:`name`
    (re.compile(r"[\"'`]{1,2}([A-Za-z]+)(?:\(\))?[\"'`]{1,2}"), r"\1"),  # "name", ``name``, 'name()'
    (re.compile(r"\s*\([^()]*\)(?=[\s,.;:])"), ""),
    (re.compile(r"\s*\[\d+\]"), ""),  # footnotes
    (re.compile(r"\s+"), " "),
]
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
_BETWEEN = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"])")
_WORD = r"(?:[a-z]+|[A-Z][a-z]*|[A-Z]+s?)(?:['-][A-Za-z][a-z]*)*"
_PLAIN = re.compile(rf"[A-Z](?:[a-z]*|[A-Z]*)(?:['-][A-Za-z][a-z]*)*(?:[,;:]? {_WORD})+[.!?]")
_MARK = re.compile(r"([,;:.!?])")


def python_reference() -> list[str]:
    """The sentences: each once, in lower case, with marks as words of their own. They are kept for the next time.

    Raises:
        DataError: This Python has been stripped of its documentation.
    """
    library = Path(sysconfig.get_paths()["stdlib"])
    facts = {"format": FORMAT, "python": sys.version, "library": str(library)}
    kept = kept_path("texts", facts, ".txt")
    content = read_kept(kept, "the sentences are collected again")
    if content is None:
        content = "\n".join(collected(library)).encode()
        write_kept(kept, content, "sentences about Python are")
    return content.decode().split("\n")


def collected(library: Path) -> list[str]:
    """The sentences, collected anew.

    Args:
        library: Folder of the standard library.

    Raises:
        DataError: This Python has been stripped of its documentation.
    """
    texts = _texts(library)
    found = [sentence for text in texts for paragraph in _paragraphs(text) for sentence in _sentences(paragraph)]
    return list(dict.fromkeys(found))


def _texts(library: Path) -> Iterator[str]:
    try:
        topics = importlib.import_module("pydoc_data.topics").topics
    except ImportError as err:
        raise DataError(
            "'builtin:python-reference' is made of 'pydoc_data.topics', which this Python has not.",
            hint="use a Python that is complete, or a file of your own texts",
        ) from err
    for name in sorted(topics):
        yield topics[name]
    for module in MODULES:
        folder = library / module
        for file in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]:
            if file.is_file() and "test" not in file.relative_to(library).parts:
                yield from _docstrings(ast.parse(file.read_bytes()))


def _docstrings(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    if text := ast.get_docstring(node):
        yield text
    if isinstance(node, ast.Module | ast.ClassDef):
        for inner in node.body:
            if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _docstrings(inner)


def _paragraphs(text: str) -> Iterator[str]:
    """What stands between empty lines, or is an item of a list, each as one line."""
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        stripped = line.strip()
        item = _ITEM.match(stripped)
        if (item or not stripped) and lines:
            yield " ".join(lines)
            lines = []
        if stripped:
            lines.append(stripped[item.end() :] if item else stripped)


def _sentences(paragraph: str) -> Iterator[str]:
    """The sentences of a paragraph that are prose."""
    if _CODE.search(paragraph):
        return
    paragraph = paragraph.translate(_QUOTES)
    for pattern, instead in _CLEANED:
        paragraph = pattern.sub(instead, paragraph)
    for sentence in _BETWEEN.split(paragraph):
        if SHORTEST <= len(sentence.split()) <= LONGEST and _PLAIN.fullmatch(sentence):
            yield _MARK.sub(r" \1", sentence).lower()
