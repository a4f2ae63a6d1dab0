"""The models of a server by name, and their exchange for new ones while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import final

from gantools.core.artifact import load_artifact
from gantools.core.errors import GantoolsError
from gantools.core.events import Note, OnEvent
from gantools.serve.model import Model
from gantools.serve.refused import RefusedError


@final
class Repository:
    """Opened models. Callers look a model up for each request, so that an exchange is seen by the next one.

    Args:
        sources: Name -> artifact.
        open_model: Opens one.

    Raises:
        GantoolsError: One does not open; those before it are closed again.
    """

    def __init__(self, sources: Mapping[str, Path], open_model: Callable[[str, Path], Model]) -> None:
        self._sources, self._open = dict(sources), open_model
        self._models: dict[str, Model] = {}
        try:
            for name, path in self._sources.items():
                self._models[name] = open_model(name, path)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Model]:
        return iter(list(self._models.values()))

    def __len__(self) -> int:
        return len(self._models)

    def get(self, name: str) -> Model:
        """The model that is called so, as it is now.

        Raises:
            RefusedError: 404: there is none.
        """
        found = self._models.get(name)
        if found is None:
            raise RefusedError(404, f"no model is called '{name[:80]}'; there are {', '.join(self._models)}.")
        return found

    def reload(self, on_event: OnEvent) -> None:
        """Open what has changed on disk, put it in the place of what was, and let that finish what waits for it.

        A model that does not open any more stays as it was, which is told.
        """
        for name, path in self._sources.items():
            old = self._models[name]
            try:
                digest = load_artifact(path).digest
                if digest == old.generator.artifact.digest:
                    on_event(Note(f"{name}: unchanged"))
                    continue
                new = self._open(name, path)
            except GantoolsError as err:
                on_event(Note(f"{name}: stays as it was. {err.message}", "warning"))
                continue
            self._models[name] = new
            old.close()
            on_event(Note(f"{name}: now {digest[:12]}"))

    def close(self) -> None:
        """Let all finish what waits for them, and free them."""
        for model in self._models.values():
            model.close()
