"""What ``gantools optimize`` starts from and measures with: an artifact, or an ONNX file that nobody here made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from gantools.cli.output import say
from gantools.core.errors import RecipeError

if TYPE_CHECKING:
    from gantools.core.artifact import Artifact
    from gantools.core.events import OnEvent
    from gantools.core.spec import AxisRange
    from gantools.optimize.plan import Plan
    from gantools.verify.gate import Yardstick
    from gantools.verify.trials import Images

MOST_EXAMPLES = 32
SUFFIX = ".source"


@dataclass(frozen=True)
class Said:
    """Options as they were typed, which say what a foreign file does not."""

    input_range: str | None
    output_range: str | None
    input: tuple[str, ...]
    output: str | None
    calibrate: str | None


def opened(
    path: Path, said: Said, axes: Mapping[str, AxisRange], out: Path, data: str | None, on_event: OnEvent
) -> Artifact:
    """The artifact at ``path``, or the one that is made of a foreign file, beside ``out``.

    Raises:
        ArtifactError: There is none, or the file cannot be taken in.
        RecipeError: An option does not fit, or belongs to foreign files.
    """
    from gantools.core.artifact import load_artifact
    from gantools.optimize.foreign.adopt import adopt, is_foreign
    from gantools.optimize.foreign.interface import Adoption

    if not is_foreign(path):
        given = [f.name.replace("_", "-") for f in fields(said) if f.name != "calibrate" and getattr(said, f.name)]
        if given:
            raise RecipeError(
                f"--{given[0]} says something of a foreign .onnx file, and '{path}' is an artifact, which knows.",
                hint=f"leave --{given[0]} out",
            )
        return _calibrated(load_artifact(path), said)

    def examples(height: int, width: int, channels: int, scale: int | None) -> Images | None:
        import numpy as np

        from gantools.data.photos import open_pairs, open_photos

        if said.calibrate is not None:
            size = {"height": height, "width": width, "channels": channels}
            return open_photos(said.calibrate, **size, most=MOST_EXAMPLES)
        if data is not None and scale is not None and scale > 1:
            pairs = open_pairs(
                data, sizes=(height, width), channels=(channels, channels), scale=scale, most=MOST_EXAMPLES
            )
            return np.stack(pairs.inputs)
        return None

    options = Adoption(
        input_range=_range(said.input_range, "--input-range"),
        output_range=_range(said.output_range, "--output-range"),
        roles=dict(_role(text) for text in said.input),
        output=said.output,
        axes=dict(axes),
    )
    made = adopt(path, options, out.with_name(out.name + SUFFIX), examples=examples, on_event=on_event)
    _calibrated(made, said)
    say(f"{path} is now the artifact {made.path}")
    return made


def _calibrated(artifact: Artifact, said: Said) -> Artifact:
    """The artifact, if it can use the images that were given."""
    if said.calibrate is not None and artifact.manifest.sampler.image is None:
        raise RecipeError("--calibrate gives images, and this generator takes none.", hint="leave --calibrate out")
    return artifact


def yardstick_of(
    artifact: Artifact, plan: Plan, said: Said, data: str | None, extractor: str | None, on_event: OnEvent
) -> Yardstick:
    """References, extractor and pairs, opened where the plan's budget asks for them.

    Raises:
        DataError: The data cannot be used.
        UnknownNameError: No such metric or extractor.
    """
    if artifact.manifest.modality == "text":
        return _yardstick_of_texts(artifact, plan, data, extractor, on_event)
    from gantools.metrics.features import DEFAULT, load_extractor
    from gantools.runtime.session import Where
    from gantools.verify.gate import Yardstick, needs_features

    of_features = any(needs_features(name) for name in plan.max_loss)
    network = load_extractor(extractor or DEFAULT, Where(threads=plan.threads), on_event) if of_features else None
    if data is None:
        return Yardstick(extractor=network)
    output = artifact.manifest.image
    if artifact.manifest.sampler.image is not None:
        from gantools.data.photos import open_pairs

        sizes, channels = _taken(artifact)
        pairs = open_pairs(
            data,
            sizes=sizes,
            channels=(channels, output.channels),
            scale=output.scale or 1,
            inputs=said.calibrate,
            most=plan.samples,
        )
        return Yardstick(extractor=network, pairs=pairs)
    from gantools.data import open_images

    fit = artifact.manifest.recipe.get("data", {}).get("fit", "resize")  # as the training images were
    resolution, channels = output.height, output.channels
    return Yardstick(open_images(data, resolution=resolution, channels=channels, fit=fit, on_event=on_event), network)


def _yardstick_of_texts(
    artifact: Artifact, plan: Plan, data: str | None, extractor: str | None, on_event: OnEvent
) -> Yardstick:
    from gantools.data.texts import read_texts
    from gantools.metrics.text.extractors import DEFAULT, load_text_extractor
    from gantools.runtime.session import Where
    from gantools.runtime.tokens import Tokenizer
    from gantools.verify.gate import Yardstick
    from gantools.verify.sentence_losses import SentenceYardstick, needs_text_features
    from gantools.verify.text_gate import NATS, beside, texts_of

    of_features = any(needs_text_features(name) for name in beside(plan.max_loss))
    network = load_text_extractor(extractor or DEFAULT, Where(threads=plan.threads), on_event) if of_features else None
    references = read_texts(data, on_event=on_event) if data is not None else ()
    decode = Tokenizer(artifact.tokenizer()).decode
    sentences = SentenceYardstick(decode, references, data or "", network)
    # Where other figures are asked for, the data is for them, and likelihoods are of what the generator writes.
    if data is None or (beside(plan.max_loss) and NATS not in plan.max_loss):
        return Yardstick(sentences=sentences)
    real = texts_of(artifact, data, sentences.digest, references, plan.samples)
    return Yardstick(sentences=sentences, texts=real)


def _taken(artifact: Artifact) -> tuple[tuple[int | AxisRange, int | AxisRange], int]:
    """Height and width that the main graph takes, and channels."""
    _, entry = artifact.graph()
    tensor = next(one for one in entry.spec.inputs if one.name == artifact.manifest.sampler.image)
    height, width, channels = tensor.shape[1:]
    assert isinstance(channels, int)
    limits = [entry.spec.axes[size] if isinstance(size, str) else size for size in (height, width)]
    return (limits[0], limits[1]), channels


def _range(text: str | None, option: str) -> tuple[float, float] | None:
    if text is None:
        return None
    black, dots, white = text.partition("..")
    try:
        limits = (float(black), float(white))
    except ValueError:
        limits = (0.0, 0.0)
    if not dots or not limits[0] < limits[1]:
        raise RecipeError(f"{option} takes BLACK..WHITE, such as 0..1 or -1..1, got '{text}'.")
    return limits


def _role(text: str) -> tuple[str, str]:
    name, equals, role = text.rpartition("=")
    if not equals:
        raise RecipeError(f"--input takes NAME=ROLE, got '{text}'.", hint="for example --input z=normal")
    return name, role
