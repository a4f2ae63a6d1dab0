"""The folder beside OUT where a run keeps what is finished, so that another run can go on with it."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.atomic import write_atomic
from gantools.core.errors import ArtifactError, RecipeError

_STATE = "state.json"
# A network runs ahead of the encoder, and may have begun further pieces when one is finished.
_STATES = 8


class Work:
    """``.OUT.pieces`` beside OUT.

    Args:
        out: The file or folder to come.
        resume: Whether what is there may be used.

    Raises:
        RecipeError: There is something from an earlier run, and nobody said whether to use it.
    """

    def __init__(self, out: Path, *, resume: bool) -> None:
        self.out = out
        self.folder = out.parent / f".{out.name}.pieces"
        if self.has_finished() and not resume:
            raise RecipeError(
                f"'{self.folder}' holds what an earlier run to '{out}' has finished.",
                hint="give --resume to go on, or delete that folder to begin again",
            )

    def has_finished(self) -> bool:
        """Whether anything is there to go on with."""
        return (self.folder / _STATE).is_file() and any(
            path.is_file() and path.name != _STATE and not path.name.endswith(".partial")
            for path in self.folder.rglob("*")
        )

    def begin(self, facts: dict[str, Any], plan: dict[str, Any]) -> dict[str, Any]:
        """Note down what this run does, or find that it is what the earlier one did.

        Args:
            facts: What has to be equal.
            plan: What is measured, and taken from the earlier run if there was one.

        Returns:
            The plan to use.

        Raises:
            RecipeError: The earlier run did something else.
            ArtifactError: The disk refused.
        """
        wanted = json.loads(json.dumps(facts))
        if self.has_finished():
            state = json.loads((self.folder / _STATE).read_text())
            if other := sorted(key for key in wanted if state["facts"].get(key) != wanted[key]):
                raise RecipeError(
                    f"the earlier run to '{self.out}' had another {', another '.join(other)}.",
                    hint=f"run it as before, or delete '{self.folder}' to begin again",
                )
            found: dict[str, Any] = state["plan"]
            return found
        shutil.rmtree(self.folder, ignore_errors=True)
        write_atomic(self.folder / _STATE, json.dumps({"facts": wanted, "plan": plan}, indent=2).encode())
        return plan

    def earlier_plan(self) -> dict[str, Any] | None:
        """The plan of an earlier run that is to be gone on with."""
        if not self.has_finished():
            return None
        found: dict[str, Any] = json.loads((self.folder / _STATE).read_text())["plan"]
        return found

    def keep_state(self, piece: int, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keep what is carried into a piece, and forget what was carried into those long finished.

        A recurrent network carries a state along, and so does what steadies frames.
        """
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **state)
        write_atomic(self._state_file(piece), stream.getvalue())
        for old in range(piece - _STATES, -1, -1):
            if not self._state_file(old).is_file():
                break
            self._state_file(old).unlink()

    def last_state(self, pieces: int) -> int:
        """The last piece, of so many, whose state is there to begin with."""
        return next((one for one in range(pieces, 0, -1) if self._state_file(one).is_file()), 0)

    def state(self, piece: int) -> dict[str, npt.NDArray[Any]]:
        """What is carried into it; nothing into the first one."""
        if piece == 0:
            return {}
        with np.load(self._state_file(piece), allow_pickle=False) as found:
            return dict(found)

    def _state_file(self, piece: int) -> Path:
        return self.folder / f"{piece:06d}.state.npz"

    def appear(self, made: Path) -> None:
        """Give what was made its name, and forget the rest.

        Raises:
            ArtifactError: The disk refused.
        """
        try:
            made.replace(self.out)
        except OSError as err:
            raise ArtifactError(f"cannot write '{self.out}': {err.strerror}.") from err
        shutil.rmtree(self.folder, ignore_errors=True)

    def drop_if_empty(self) -> None:
        """Leave no folder behind in which nothing is finished. A second call does nothing."""
        if not self.has_finished():
            shutil.rmtree(self.folder, ignore_errors=True)
