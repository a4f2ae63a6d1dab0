"""Is our BLEU that of the papers? Texygen's samples of five text models, scored again, beside its published table.

    GANTOOLS_DATA=... python benchmarks/text_bleu.py [--record FILE]

Under GANTOOLS_DATA lie ``text/coco/{train,test}.txt`` and ``text/third-party-samples``: the captions, the samples that
Texygen (github.com/geek-ai/Texygen) published, and its table. Its figures are of 10,000 samples, all 10,000 sentences
of a file as references, words as NLTK's ``word_tokenize`` splits them, and NLTK's smoothing method 1. Three figures
each: BLEU against the test set, BLEU against the training set, and self-BLEU, for n = 2 to 5. The training sentences
themselves are scored too, against the test set and each other, which is what a perfect copy of their distribution would
have. It is less than one half of the test set has against the other: the two files are not of one distribution.

Then the time for BLEU-2 to BLEU-5 and self-BLEU-2 to self-BLEU-5 of 10,000 samples against 10,000 references, from
lists of words, in one thread. Where NLTK is installed, it scores a few of the same samples: the largest difference of a
sentence's BLEU, and how long NLTK would take for all.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gantools.core.atomic import write_atomic
from gantools.core.optional import require
from gantools.metrics.interval import split
from gantools.metrics.metric import Doubles
from gantools.metrics.text import TEXT_METRICS
from gantools.metrics.text.bleu import ORDERS, sentence_bleu
from gantools.metrics.text.metric import Texts
from gantools.metrics.text.self_bleu import sentence_self_bleu
from gantools.metrics.text.splitters import Sentences, split_lines
from gantools.timing.environment import LoadWatch, environment

SPLITTER = "treebank"
MODELS = {"SeqGAN": "seq", "MaliGAN": "maligan", "RankGAN": "rank", "LeakGAN": "leakgan", "MLE": "mle"}
TABLES = {"test": "On test dataset:", "train": "On training dataset:", "self": "Mode Collapse (Self-BLEU):"}
REPEATS = 7
BY_NLTK = 20


def published(page: str) -> dict[tuple[str, str], list[float]]:
    """(kind, model) -> BLEU-2 to BLEU-5, read from the three tables of Texygen's page."""
    found = {}
    for kind, title in TABLES.items():
        lines = [line.strip().strip("|").split("|") for line in page.split(title)[1].strip().splitlines()[:6]]
        names = [cell.strip() for cell in lines[0][1:]]
        rows = {line[0].strip(): [float(cell) for cell in line[1:] if cell.strip()] for line in lines[2:]}
        for name, values in zip(names, zip(*(rows[f"BLEU{order}"] for order in ORDERS), strict=True), strict=True):
            found[kind, name] = list(values)
    return found


def read(path: Path) -> list[list[str]]:
    """The sentences of a file, one a line."""
    return split_lines(path.read_text(encoding="utf-8").splitlines(), SPLITTER)


def compared(folder: Path) -> list[dict[str, Any]]:
    """Every figure of the table that has samples, beside ours."""
    samples = folder / "third-party-samples"
    told = published((samples / "texygen_evaluation.md").read_text(encoding="utf-8"))
    references = {kind: read(folder / "coco" / f"{kind}.txt") for kind in ("test", "train")}
    rows = []
    for model, name in MODELS.items():
        sentences = read(samples / f"texygen_coco_{name}.txt")
        for kind in TABLES:
            scores = sentence_self_bleu(sentences) if kind == "self" else sentence_bleu(sentences, references[kind])
            ours, theirs = scores.mean(1), np.array(told[kind, model])
            rows.append(
                {
                    "model": model,
                    "against": kind,
                    "samples": len(sentences),
                    "ours": [round(float(value), 5) for value in ours],
                    "published": told[kind, model],
                    "largest_difference": round(float(abs(ours - theirs).max()), 5),
                }
            )
            shown = "  ".join(f"{value:.4f} ({other:.3f})" for value, other in zip(ours, theirs, strict=True))
            print(f"{model:8} {kind:5} {shown}", file=sys.stderr)
    return rows


def of_real(folder: Path) -> list[dict[str, Any]]:
    """What real sentences have: the training set against the test set, halves of the test set, and each on its own."""
    train, test = (read(folder / "coco" / f"{kind}.txt") for kind in ("train", "test"))
    few = test[: len(test) // 2 * 2]
    scores = {
        "train against test": sentence_bleu(train, test),
        "train, every second, against every second of test": sentence_bleu(train[::2], few[1::2]),
        "test, every second, against the others": sentence_bleu(few[::2], few[1::2]),
        "train against itself": sentence_self_bleu(train),
        "test against itself": sentence_self_bleu(test),
    }
    return [
        {"what": name, "samples": found.shape[1], "ours": [round(float(value), 5) for value in found.mean(1)]}
        for name, found in scores.items()
    ]


def seconds(work: Callable[[], object]) -> dict[str, Any]:
    """How long some work takes: the median and all of several times, after one that is not counted."""
    work()
    found = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return {"median_s": round(float(np.median(found)), 4), "all_s": [round(value, 4) for value in found]}


def timed(samples: Sentences, references: Sentences) -> dict[str, Any]:
    """The four BLEU and the four self-BLEU, and the same with their intervals."""

    def with_intervals() -> None:
        texts, groups = Texts(samples, references), split(len(samples))
        for name in ("bleu", "self-bleu"):
            TEXT_METRICS.load(name).figures(texts, groups)

    return {
        "samples": len(samples),
        "references": len(references),
        "bleu_2_to_5": seconds(lambda: sentence_bleu(samples, references)),
        "self_bleu_2_to_5": seconds(lambda: sentence_self_bleu(samples)),
        "both_with_intervals": seconds(with_intervals),
    }


def by_nltk(samples: Sentences, references: Sentences) -> dict[str, Any] | None:
    """BLEU-5 of the first samples by NLTK, beside ours; None where it is not installed."""
    if find_spec("nltk") is None:
        return None
    library = require("nltk.translate.bleu_score", extra="dev", why="to compare with")
    smoothing, started = library.SmoothingFunction().method1, time.perf_counter()
    found: Doubles = np.array(
        [
            library.sentence_bleu(references, sample, (0.2,) * 5, smoothing_function=smoothing)
            for sample in samples[:BY_NLTK]
        ]
    )
    each_s = (time.perf_counter() - started) / BY_NLTK
    ours = sentence_bleu(samples[:BY_NLTK], references, (5,))[0]
    return {
        "version": require("nltk", extra="dev", why="to compare with").__version__,
        "sentences": BY_NLTK,
        "largest_difference": float(abs(found - ours).max()),
        "seconds_a_sentence": round(each_s, 4),
    }


def main() -> None:
    """Compare, time, print a line, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    folder, watch = Path(os.environ["GANTOOLS_DATA"]) / "text", LoadWatch()
    rows = compared(folder)
    samples = read(folder / "third-party-samples" / "texygen_coco_seq.txt")
    references = read(folder / "coco" / "test.txt")
    largest = max(row["largest_difference"] for row in rows)
    print(f"largest difference of {len(rows) * len(ORDERS)} figures: {largest}", file=sys.stderr)
    line = json.dumps(
        {
            "schema": 1,
            "benchmark": "text_bleu",
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment().model_dump(mode="json"),
            "splitter": SPLITTER,
            "figures": len(rows) * len(ORDERS),
            "largest_difference": largest,
            "rows": rows,
            "real": of_real(folder),
            "timing": timed(samples, references),
            "nltk": by_nltk(samples, references),
            "load": watch.stop().model_dump(mode="json"),
        }
    )
    if given.record:
        before = given.record.read_bytes() if given.record.exists() else b""
        write_atomic(given.record, before + line.encode() + b"\n")
    print(line)


if __name__ == "__main__":
    main()
