"""Tables of names. A row is a string "module:attribute", so a table costs nothing until a row is loaded."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, cast

from gantools.core.errors import UnknownNameError

T = TypeVar("T")


def unknown_name(kind: str, name: str, known: list[str]) -> UnknownNameError:
    """The error for a name that is not among ``known``, with the near match and the full list."""
    near = difflib.get_close_matches(name, known, n=1)
    guess = f"; did you mean '{near[0]}'?" if near else "."
    return UnknownNameError(f"no {kind} is called '{name}'{guess}", hint=f"known: {', '.join(known)}")


class Table(Mapping[str, str], Generic[T]):
    """Names of one kind of part and where each lives.

    Args:
        kind: What a row is, in the singular, as errors shall say it: ``"backend"``.
        rows: name -> ``"package.module:attribute"``.
    """

    def __init__(self, kind: str, rows: Mapping[str, str]) -> None:
        self.kind = kind
        self._rows = dict(rows)

    def __getitem__(self, name: str) -> str:
        if name not in self._rows:
            raise unknown_name(self.kind, name, list(self._rows))
        return self._rows[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def load(self, name: str) -> T:
        """Import and return the part called ``name``.

        Raises:
            UnknownNameError: No row has this name.
            MissingDependencyError: The part needs an extra that is not installed.
        """
        module, _, attribute = self[name].partition(":")
        return cast("T", getattr(importlib.import_module(module), attribute))
