"""Reach a library that belongs to an extra, or say in one sentence how to get it; and tell which are there."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from gantools.core.errors import MissingDependencyError
from gantools.core.version import VERSION


def require(module: str, *, extra: str, why: str) -> ModuleType:
    """Import ``module``, or raise with the install command.

    Only the absence of the library itself is translated; an import error inside it is a real fault and stays.

    Args:
        module: Dotted module name, for example ``"openvino"``.
        extra: The extra of gantools that installs it.
        why: What needs it, as a clause: ``"to run OpenVINO graphs"``.

    Raises:
        MissingDependencyError: The library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as err:
        top = module.partition(".")[0]
        if err.name is None or err.name.partition(".")[0] != top:
            raise
        raise MissingDependencyError(
            f"'{top}' is needed {why}, and is not installed.", hint=f"pip install 'gantools[{extra}]'"
        ) from err


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """Distribution -> version, of those that are installed. Imports none of them.

    Several distributions can give one module (``onnxruntime`` and ``onnxruntime-gpu``), so name all of them.
    """
    found, wanted = {}, tuple(distributions)
    for name in wanted:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if "gantools" in wanted:  # also where it runs from a checkout that nobody installed
        found["gantools"] = VERSION
    return found
