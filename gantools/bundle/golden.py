"""What a bundle is compared with where it runs: noise bit for bit, and samples of some seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.bundle.source import Source
from gantools.core.atomic import write_atomic
from gantools.core.errors import BackendError
from gantools.media.grid import png_bytes, save_grid
from gantools.runtime.philox import normals, uniforms, words
from gantools.samplers import open_artifact
from gantools.samplers.generator import Generator
from gantools.samplers.image_to_image import ImageToImage

SEEDS = (0, 1, 2, 3, 2**53 + 1, 2**64 - 1)
"""Whose samples are kept. The last two are no numbers that JavaScript counts exactly."""
STREAMS = (0, 1, 2**32 - 1)
COUNT = 14
# The first word of seed 15053 in stream 0 is below 2**16, and the twelfth of seed 1191 at least 2**32 - 2**16: there
# normal numbers come from the quantile function itself, not from its table.
OUTER = (15053, 1191)
_IMAGES, _FRAMES = 2, 3


def noise_vectors() -> list[dict[str, Any]]:
    """Words, and uniform and normal numbers as the bits of their float32, of some seeds and streams."""
    pairs = [(seed, stream) for seed in SEEDS for stream in STREAMS] + [(seed, 0) for seed in OUTER]
    return [
        {
            "seed": str(seed),
            "stream": stream,
            "words": words([seed], stream, COUNT)[0].tolist(),
            "uniforms": uniforms([seed], stream, (COUNT,))[0].view(np.uint32).tolist(),
            "normals": normals([seed], stream, (COUNT,))[0].view(np.uint32).tolist(),
        }
        for seed, stream in pairs
    ]


def write_golden(source: Source, folder: Path) -> None:
    """Write ``golden/``: ``noise.json``, ``golden.json`` and the samples it names.

    Raises:
        BackendError: ONNX Runtime does not open the graph.
    """
    golden = folder / "golden"
    golden.mkdir()
    (golden / "noise.json").write_text(json.dumps(noise_vectors()) + "\n")
    images = _given_images(source) if source.makes_images_of_images else None
    try:
        with open_artifact(source.artifact.path, backend="onnxruntime", device="cpu") as generator:
            if images is not None and source.film:
                samples, images = _film(source, generator, images)
                seeds: Sequence[int] = range(len(samples))
            else:
                seeds = SEEDS if images is None else range(len(images))
                inputs = {} if images is None else {str(source.artifact.manifest.sampler.image): images}
                samples = np.concatenate(list(generator.stream(seeds, inputs=inputs)))
            texts = generator.tokenizer.decode(samples) if source.is_text else None
    except BackendError as err:
        raise BackendError(
            f"there are no samples to compare with: {err.message}",
            hint="ONNX Runtime has no bf16 on CPUs; bundle the artifact in fp32, fp16 or int8",
        ) from err
    np.save(golden / "samples.npy", samples, allow_pickle=False)
    if images is not None:
        np.save(golden / "image.npy", images, allow_pickle=False)
        write_atomic(golden / "image.png", png_bytes(images[0]))
    if texts is None:
        save_grid(golden / "samples.png", samples)
    facts = {
        "seeds": [str(seed) for seed in seeds],
        "samples": "samples.npy",
        "image": None if images is None else "image.npy",
        "texts": texts,
    }
    (golden / "golden.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _film(source: Source, generator: Generator, images: npt.NDArray[np.uint8]) -> tuple[Any, npt.NDArray[np.uint8]]:
    """What a network of films makes, and the frames (n, height, width, channels) that it is made of."""
    if source.film == "between":  # two frames, one behind the other in channels
        images = np.concatenate(np.split(images[:1], 2, axis=-1))
        return ImageToImage(generator).run(np.concatenate([images[:1], images[1:]], axis=-1)), images
    return ImageToImage(generator).run(images), images


def _given_images(source: Source) -> npt.NDArray[np.uint8]:
    """Images for a graph of images: examples of the artifact, or else noise; (n, height, width, channels) uint8."""
    manifest = source.artifact.manifest
    if manifest.examples and source.artifact.path.is_dir():
        known: npt.NDArray[np.uint8] = np.load(source.artifact.folder / manifest.examples.file, allow_pickle=False)
        return np.ascontiguousarray(known[: _FRAMES if source.film else _IMAGES])
    tensor = next(one for one in source.graph.spec.inputs if one.name == manifest.sampler.image)
    shape = tensor.row(source.graph.spec.sizes("opt"))
    count = _FRAMES if source.film == "in turn" else 1
    return (words(range(count), 0, int(np.prod(shape))) >> np.uint64(24)).astype(np.uint8).reshape(count, *shape)
