"""How often do runtimes write different sentences from the same numbers? And were those sentences ties, or errors?

    [GANTOOLS_DATA=...] python benchmarks/text_parity.py [RUN | --random] [--count 10000] [--record FILE]

Sentences by PyTorch, by ONNX Runtime and by OpenVINO, all in fp32, from the same uniform numbers, nothing set. RUN is
the run folder of a training. Without it a GRU of 512 units is trained for 400 steps: on the captions in
``$GANTOOLS_DATA/text/coco/train.txt``, 5,000 words, or without those on ``builtin:python-reference``, 4,000 words. With
``--random`` nothing is trained: random weights over 5,000 words.

The generator draws in two ways: with two numbers a token, which is how it ships, and with the first of them alone as
baseline: one inverse distribution function over all tokens, summed over blocks of 64 and then inside of one.

Of every sentence that differs, the first token that does is looked at. Its number lies at some distance from the end of
a share that the two runtimes must have seen on different sides of it: shares by PyTorch's logits in fp32, summed in
double precision, the distance in those of the number, which is in (0, 1). Rounding errors are below some 1e-6. What
computes something else is off by far more. Nothing is timed, so that it does not matter what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import combinations
from math import ceil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from gantools.core.artifact import GraphFile
from gantools.core.atomic import write_atomic
from gantools.core.recipe import resolve_recipe
from gantools.core.spec import AxisRange
from gantools.core.tokens import BEGIN, END, UNKNOWN
from gantools.export.onnx import write_onnx
from gantools.models import MODELS
from gantools.models.model import Model
from gantools.models.text import choice
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session, Where
from gantools.samplers.feedforward import inputs_of
from gantools.timing.environment import LoadWatch, default_threads, environment
from gantools.train import PARTS, train
from gantools.train.checkpoint import Checkpoint, load_checkpoint

BATCH, BLOCK, VOCABULARY = 250, 64, 5000
SIZES = {"steps": 32, "embedding": 256, "hidden": 512}
ONE, TWO = "one number", "two numbers"
Tokens = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def by_one_number(weights: Tensor, uniform: Tensor) -> Tensor:
    """The baseline: weights (batch, n), uniform (batch, 2), of which it takes the first -> (batch,) int64."""
    blocks = ceil(weights.shape[1] / BLOCK)
    cut = F.pad(weights, (0, blocks * BLOCK - weights.shape[1])).reshape(-1, blocks, BLOCK)
    reached = cut.sum(2).cumsum(1)
    wanted = reached[:, -1:] * uniform[:, :1].clamp(max=1.0 - 2.0**-23)
    behind = reached <= wanted
    block = behind.long().sum(1)
    inside = cut.gather(1, block[:, None, None].expand(-1, 1, BLOCK)).squeeze(1).cumsum(1)
    left = wanted - (reached * behind.float()).amax(1, keepdim=True)
    left = torch.minimum(left, inside[:, -1:] * (1.0 - 2.0**-23))
    return block * BLOCK + (inside <= left).long().sum(1)


def from_one_number(shares: Doubles, numbers: Floats, pair: tuple[int, int]) -> float:
    """How far the number was from what separates two tokens: shares (n,), numbers (2,)."""
    low, high = sorted(pair)
    ends = np.cumsum(shares)[low:high]
    return float(abs(ends - numbers[0]).min())


def from_two_numbers(shares: Doubles, numbers: Floats, pair: tuple[int, int]) -> float:
    """The same where the first number chooses the block and the second the token, each from the last one on."""
    size = ceil(len(shares) ** 0.5)
    blocks = np.pad(shares, (0, -len(shares) % size)).reshape(-1, size)
    (one, place), (other, second) = (divmod(token, size) for token in sorted(pair))
    parts, number, low, high = blocks.sum(1), numbers[0], one, other
    if one == other:
        parts, number, low, high = blocks[one] / blocks[one].sum(), numbers[1], place, second
    ends = np.cumsum(parts[::-1])[::-1][low + 1 : high + 1]
    return float(abs(ends - number).min())


WAYS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Doubles, Floats, tuple[int, int]], float]]] = {
    ONE: (by_one_number, from_one_number),
    TWO: (choice.inverse, from_two_numbers),
}


def random_model() -> Model:
    """What nobody has trained: all tokens are almost equally likely."""
    torch.manual_seed(0)
    row = MODELS.load("text_gru")
    model: Model = row.build(row.Config(vocabulary=VOCABULARY, **SIZES)).eval()
    return model


def trained_run(folder: Path, steps: int) -> Path:
    """A run folder after a short training."""
    captions = Path(os.environ.get("GANTOOLS_DATA", "")) / "text" / "coco" / "train.txt"
    source, vocabulary = (str(captions), VOCABULARY) if captions.is_file() else ("builtin:python-reference", 4000)
    raw = {
        "model": {"name": "text_gru", "vocabulary": vocabulary, **SIZES},
        "data": {"source": source, "tokenizer": "word"},
        "train": {"steps": steps, "batch": 32, "learning_rate": 2e-3, "precision": "fp32", "checkpoint_every": steps},
        "evaluate": {"every": steps, "samples": 200},
    }
    train(resolve_recipe(raw, "parity", PARTS), folder / "run", accelerator="cpu")
    return folder / "run"


def batches_of(model: Model, count: int) -> list[Arrays]:
    """What the seeds 0 to ``count`` say."""
    graph = model.graphs["generator"]
    sizes = {"steps": graph.spec.axes["steps"].max}
    starts = range(0, count, BATCH)
    return [
        inputs_of(graph.spec.inputs, model.sampler, range(start, min(start + BATCH, count)), sizes) for start in starts
    ]


def sentences(model: Model, batches: list[Arrays], folder: Path, threads: int) -> dict[str, Tokens]:
    """Runtime -> tokens (count, steps)."""
    graph = model.graphs["generator"]
    spec = graph.spec.with_axis("batch", AxisRange(min=1, opt=16, max=BATCH))
    write_onnx(graph, spec, folder / "generator.onnx")
    with torch.inference_mode():
        made: Any = [graph.module(*(torch.from_numpy(given[one.name]) for one in spec.inputs)) for given in batches]
    found = {"torch": np.concatenate([tokens.numpy() for tokens in made])}
    entry = GraphFile(file="generator.onnx", format="onnx", precision="fp32", spec=spec)
    for backend in ("onnxruntime", "openvino"):
        with Session(folder / entry.file, entry, Where(backend=backend, threads=threads)) as session:
            found[backend] = np.concatenate([session.run(given)["tokens"] for given in batches])
    return found


def shares_of(model: Model, given: Arrays, row: int, tokens: Tokens, place: int) -> Doubles:
    """Of every token at a place of a sentence (steps,) int32: (vocabulary,)."""
    net: Any = model.nets["G"]
    known = [torch.from_numpy(given[name][row : row + 1]) if name in given else None for name in ("latent", "label")]
    with torch.no_grad():
        logits = net(torch.from_numpy(tokens[None].astype(np.int64)), *known)[0, place].double()
    logits[[BEGIN, UNKNOWN]] = -torch.inf
    shares: Doubles = logits.softmax(0).numpy()
    return shares


def distances(model: Model, batches: list[Arrays], one: Tokens, other: Tokens, way: str) -> list[float]:
    """Of every sentence that differs between two runtimes."""
    found = []
    for row in np.nonzero((one != other).any(1))[0]:
        place = int(np.nonzero(one[row] != other[row])[0][0])
        given, within = batches[row // BATCH], int(row % BATCH)
        shares = shares_of(model, given, within, one[row], place)
        pair = int(one[row, place]), int(other[row, place])
        found.append(WAYS[way][1](shares, given["uniforms"][within, place], pair))
    return found


def compared(model: Model, count: int, folder: Path, threads: int) -> list[dict[str, Any]]:
    """A row for each way to draw and each pair of runtimes."""
    batches, rows = batches_of(model, count), []
    for way, (inverse, _) in WAYS.items():
        with patch.object(choice, "inverse", inverse):
            found = sentences(model, batches, folder, threads)
        words = float((found["torch"] != END).sum(1).mean())
        for one, other in combinations(found, 2):
            off = distances(model, batches, found[one], found[other], way)
            rows.append(
                {
                    "way": way,
                    "pair": [one, other],
                    "sentences": count,
                    "mean_tokens": round(words, 2),
                    "differ": len(off),
                    "median_distance": float(np.median(off)) if off else None,
                    "largest_distance": max(off) if off else None,
                }
            )
            told = f"at most {max(off):.1e} from the end of a share" if off else ""
            print(f"{way:12} {one:12} {other:12} {len(off):4} of {count} differ  {told}", file=sys.stderr)
    return rows


def told_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """What was trained, on what, for how long, and how well it predicts."""
    recipe = checkpoint.recipe.model_dump(mode="json")
    return {
        "weights": "trained",
        "model": recipe["model"],
        "source": "/".join(Path(recipe["data"]["source"]).parts[-2:]),
        "training_steps": checkpoint.step,
        "nats": (checkpoint.quality or {}).get("nats"),
    }


def main() -> None:
    """Draw, compare, print a line, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--random", action="store_true", help="Instead of a training.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=400, help="Of the training.")
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    threads, watch = default_threads(), LoadWatch()
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.random:
            model, told = random_model(), {"weights": "random", "model": {"vocabulary": VOCABULARY, **SIZES}}
        else:
            checkpoint = load_checkpoint(given.run or trained_run(folder, given.steps))
            model, told = checkpoint.build_model(), told_of(checkpoint)
        rows = compared(model, given.count, folder, threads)
    line = json.dumps(
        {
            "schema": 1,
            "benchmark": "text_parity",
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **told,
            "threads": threads,
            "environment": environment().model_dump(mode="json"),
            "load": watch.stop().model_dump(mode="json"),
            "rows": rows,
        }
    )
    if given.record:
        before = given.record.read_bytes() if given.record.exists() else b""
        write_atomic(given.record, before + line.encode() + b"\n")
    print(line)


if __name__ == "__main__":
    main()
