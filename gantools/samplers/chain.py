"""Several artifacts of one generator in order of preference: the first that opens here, and why the others did not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gantools.core.artifact import Artifact
from gantools.core.errors import ArtifactError, BackendError, MissingDependencyError
from gantools.runtime.session import Session, Where


def first_that_opens(
    artifacts: Sequence[Artifact], graph: str | None, where: Where
) -> tuple[Artifact, Session, tuple[str, ...]]:
    """Open one artifact of several.

    Args:
        artifacts: In order of preference. One alone raises its own error.
        graph: A graph other than their main one.
        where: Who runs it.

    Returns:
        The artifact, its opened graph, and one sentence for each that was passed over.

    Raises:
        BackendError: None opens here. Every reason is in the message.
        MissingDependencyError: There is but one, and its runtime is not installed.
        ArtifactError: They are not the same generator, or there is none.
        UnknownNameError: No such graph or backend.
    """
    _check_family(artifacts, graph)
    passed_over: list[str] = []
    for artifact in artifacts:
        try:
            return artifact, Session.of(artifact, graph, where), tuple(passed_over)
        except (BackendError, MissingDependencyError) as err:
            if len(artifacts) == 1:
                raise
            passed_over.append(f"'{artifact.path}' is passed over: {err.message}")
    reasons = "\n  ".join(passed_over)
    raise BackendError(
        f"none of the {len(artifacts)} artifacts opens here:\n  {reasons}",
        hint="'gantools doctor' says what this machine can run",
    )


def _check_family(artifacts: Sequence[Artifact], graph: str | None) -> None:
    """The same inputs, the same seeds, the same kind of sample: else an application would not get what it expects."""
    if not artifacts:
        raise ArtifactError("there are no artifacts to choose from.", hint="give one or more")
    first, *others = [(artifact, _family(artifact, graph)) for artifact in artifacts]
    for other, family in others:
        if different := [name for name, value in family.items() if value != first[1][name]]:
            raise ArtifactError(
                f"'{other.path}' is not the same generator as '{first[0].path}': {', '.join(different)} differ.",
                hint="give artifacts that 'gantools optimize' made of one parent",
            )


def _family(artifact: Artifact, graph: str | None) -> dict[str, Any]:
    """What an application sees of a generator, and how it came to be before it was optimized."""
    manifest, spec = artifact.manifest, artifact.graph(graph)[1].spec
    return {
        "how seeds become inputs": manifest.sampler.model_copy(update={"graph": ""}),
        "samples": (manifest.modality, manifest.output),
        "inputs": [(tensor.name, tensor.dtype, tensor.shape) for tensor in spec.inputs],
        "origins": (manifest.recipe, [step for step in manifest.steps if step.stage != "optimize"]),
        "outputs": [(tensor.name, tensor.dtype, tensor.shape) for tensor in spec.outputs],
    }
