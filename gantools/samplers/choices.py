"""What a person may choose of a sample beside its seed: settings such as truncation, and the class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import Manifest
from gantools.core.errors import InputMismatchError
from gantools.core.registry import unknown_name
from gantools.runtime.backends.base import Arrays

Label = int | str
_LABEL = "label"


def chosen_inputs(
    manifest: Manifest, count: int, settings: Mapping[str, float], label: Label | Sequence[Label] | None
) -> Arrays:
    """Choices as inputs of a graph.

    Args:
        manifest: Of the artifact: it knows which settings and classes there are.
        count: Number of samples.
        settings: Name -> value, for all samples.
        label: A class for all samples, or one for each; by name, or by number from 0. None: drawn from the seeds.

    Returns:
        One row for each sample: settings float32, and ``label`` int64.

    Raises:
        UnknownNameError: There is no such setting or class.
        InputMismatchError: A setting is out of range, there are no classes, or not as many labels as samples.
    """
    inputs: Arrays = {name: np.full(count, _checked(manifest, name, value)) for name, value in settings.items()}
    if label is not None:
        inputs[_LABEL] = _labels(manifest, count, label)
    return inputs


def classes_of(manifest: Manifest, label: object) -> int:
    """How many classes an artifact tells apart.

    Args:
        manifest: Of the artifact.
        label: What was asked for, for the message.

    Raises:
        InputMismatchError: There are none.
    """
    source = manifest.sampler.noise.get(_LABEL)
    if source is None or source.categories is None:
        raise InputMismatchError(f"'{manifest.name}' has no classes, got label {label!r}.", hint="leave the label out")
    return source.categories


def class_name(manifest: Manifest, number: int) -> str:
    """The name of a class, or its number where classes have no names."""
    names = manifest.output.classes
    return names[number] if number < len(names) else str(number)


def _checked(manifest: Manifest, name: str, value: float) -> np.float32:
    known = manifest.sampler.settings
    if not known:
        raise InputMismatchError(f"'{manifest.name}' has no settings, got '{name}'.", hint="leave the setting out")
    if name not in known:
        raise unknown_name("setting of this artifact", name, list(known))
    limits = known[name]
    if not limits.low <= value <= limits.high:
        raise InputMismatchError(
            f"setting '{name}' is {value:g}, and must lie between {limits.low:g} and {limits.high:g}.",
            hint=f"its default is {limits.default:g}",
        )
    return np.float32(value)


def _labels(manifest: Manifest, count: int, label: Label | Sequence[Label]) -> npt.NDArray[np.int64]:
    classes = classes_of(manifest, label)
    if isinstance(label, int | str | np.integer):
        return np.full(count, _number(manifest, classes, label), np.int64)
    if len(label) != count:
        raise InputMismatchError(f"there are {len(label)} labels for {count} samples.", hint="give one for each")
    return np.array([_number(manifest, classes, one) for one in label], np.int64)


def _number(manifest: Manifest, classes: int, label: Label) -> int:
    """The number of a class. A text is a name first: classes may be called "10" and "2", in that order."""
    names = manifest.output.classes
    if isinstance(label, str) and label in names:
        return names.index(label)
    if isinstance(label, str) and not label.isdecimal():
        raise unknown_name("class of this artifact", label, list(names) or [str(number) for number in range(classes)])
    if not 0 <= int(label) < classes:
        raise InputMismatchError(
            f"label {label} is none of the {classes} classes, whose numbers are 0 to {classes - 1}.",
            hint=f"classes: {', '.join(class_name(manifest, number) for number in range(classes))}",
        )
    return int(label)
