"""Does an adversarial training of texts beat maximum likelihood? Captions and news, every objective, three seeds.

    GANTOOLS_DATA=... python benchmarks/text_quality.py --out /tmp/texts [--data coco] [--seeds 0,1,2] [--rows mle,vae]

Under GANTOOLS_DATA lie ``text/coco/{train,test}.txt``, 10,000 captions each, and ``text/emnlp``: ``valid_10k.txt``,
which is trained on, and ``test_10k.txt``, as many sentences of news. Words are split as NLTK's ``word_tokenize``
does, for the training and for the scores, as in Texygen's table. The adversarial trainings begin with what maximum
likelihood has learned from the same seed.

One temperature says little, since every model of texts can be made duller and surer (Caccia et al., "Language GANs
Falling Short", ICLR 2020). So each model is sampled at several, 10,000 sentences each, and what counts is its curve:
BLEU against the test set over self-BLEU. The table tells, at temperatures 1 and 0.7, how much higher in BLEU-5 a model
is than the curve of maximum likelihood of the same seed is where that has the same self-BLEU-5.

A training is a process with one thread. What is there already is not made again, so the benchmark can be stopped and
goes on. One line for each training goes to ``--record``; the table to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from alone import train_alone

SAMPLES = 10_000
FRESH = range(1_000_000, 1_000_000 + SAMPLES)  # seeds
TEMPERATURES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
FILES = {"coco": ("coco/train.txt", "coco/test.txt"), "emnlp": ("emnlp/valid_10k.txt", "emnlp/test_10k.txt")}
SIZES = {"coco": {"vocabulary": 4660, "steps": 24}, "emnlp": {"vocabulary": 5559, "steps": 42}}
# Nothing here asks for top-k or top-p, so no candidates need to be sorted.
_UNITS = {"embedding": 128, "hidden": 256, "dropout": 0.5, "candidates": 1}
_GENERATOR = {"name": "text_lstm", **_UNITS}
# Seven passes over the sentences, where held-out likelihood is best.
_LIKELIHOOD = {"steps": 1200, "learning_rate": 3e-3, "betas": [0.9, 0.999]}
_BEFORE = {"pretrain_steps": 0, "discriminator_steps": 500}
_GAME = {"learning_rate": 5e-5, "discriminator_learning_rate": 1e-3, "betas": [0.5, 0.999]}

ROWS: dict[str, dict[str, Any]] = {
    "mle": {
        "model": _GENERATOR,
        "objective": {"name": "likelihood"},
        "train": _LIKELIHOOD,
    },
    "vae": {
        "model": {"name": "text_vae", **_UNITS, "latent": 32},
        "objective": {"name": "text_elbo"},
        "train": _LIKELIHOOD,
    },
    "seqgan": {
        "model": _GENERATOR,
        "discriminator": {"name": "text_cnn"},
        "objective": {"name": "seqgan", "rollouts": 1, **_BEFORE},
        "train": {"steps": 600, **_GAME},
    },
    "scratchgan": {
        "model": _GENERATOR,
        "discriminator": {"name": "text_gru", "every_place": True, "dropout": 0.1},
        "objective": {"name": "scratchgan", **_BEFORE},
        "train": {"steps": 900, **_GAME},
    },
    "relgan": {
        "model": _GENERATOR,
        "discriminator": {"name": "text_cnn"},
        "objective": {"name": "relgan", "anneal_steps": 250, "pretrain_steps": 0},
        "train": {"steps": 250, **_GAME, "learning_rate": 1e-4, "discriminator_learning_rate": 1e-4},
    },
}


def prepare(data: str, out: Path) -> dict[str, Path]:
    """The two sets with a space between words, as files."""
    from gantools.metrics.text.splitters import split_lines

    made = {}
    for kind, file in zip(("train", "test"), FILES[data], strict=True):
        path = made[kind] = out / f"{data}-{kind}.txt"
        if not path.exists():
            lines = (Path(os.environ["GANTOOLS_DATA"]) / "text" / file).read_text(encoding="utf-8").splitlines()
            path.write_text("".join(" ".join(words) + "\n" for words in split_lines(lines, "treebank")))
    return made


def recipe_of(data: str, row: str, seed: int, source: Path, start: Path | None) -> dict[str, Any]:
    """The recipe of a training, as data."""
    parts = {key: dict(value) for key, value in ROWS[row].items()}
    parts["model"] |= SIZES[data]
    steps = parts["train"]["steps"]
    loop = {"batch": 64, "ema_half_life_images": 2000, "keep": 1, "seed": seed, "sample_every": 0, "compile": "off"}
    loop |= {"precision": "bf16", "checkpoint_every": max(100, steps // 4)}
    if start is not None:
        loop["start_from"] = str(start)
    return {
        "name": row,
        **parts,
        "data": {"source": str(source)},
        "train": {**loop, **parts["train"]},
        "evaluate": {"every": 0, "extractor": "ngrams"},
    }


def train_one(data: str, row: str, seed: int, out: Path) -> dict[str, Any]:
    """Train, export, sample at every temperature, score. To be run in a new process."""
    import torch

    from gantools.core.recipe import resolve_recipe
    from gantools.export.onnx import export
    from gantools.samplers import open_artifact
    from gantools.train import PARTS, train
    from gantools.train.checkpoint import load_checkpoint

    torch.set_num_threads(1)
    files = prepare(data, out.parent)
    start = out.parent / f"{data}-mle-{seed}" / "run" if "discriminator" in ROWS[row] else None
    recipe = resolve_recipe(recipe_of(data, row, seed, files["train"], start), row, PARTS)
    started = time.process_time()
    train(recipe, out / "run", resume=(out / "run").exists(), accelerator="cpu")
    spent = time.process_time() - started
    checkpoint = load_checkpoint(out / "run", "last")
    artifact = export(checkpoint, out / "artifact") if not (out / "artifact").exists() else None
    path = out / "artifact" if artifact is None else artifact.path
    real = {kind: [line.split() for line in file.read_text().splitlines()] for kind, file in files.items()}
    curve = []
    with open_artifact(path) as writer:
        for temperature in TEMPERATURES:
            texts = writer.sample(FRESH, settings={"temperature": temperature})
            curve.append({"temperature": temperature, **scores([text.split() for text in texts], real)})
            if temperature == 1.0:
                (out / "samples.txt").write_text("\n".join(texts[:1000]) + "\n")
    latent = bool(recipe.model.options.get("latent"))
    return {
        "schema": 1,
        "benchmark": "text_quality",
        "data": data,
        "row": row,
        "seed": seed,
        "cpu_s": round(spent, 1),
        "steps": checkpoint.step,
        "parameters": sum(p.numel() for p in checkpoint.build_model().nets["G"].parameters()),
        "test_nats": None if latent else test_nats(path, files["test"]),
        "last_terms": last_terms(out / "run" / "log.jsonl"),
        "curve": curve,
        "recipe": checkpoint.recipe.model_dump(mode="json"),
    }


def scores(samples: list[list[str]], real: dict[str, list[list[str]]]) -> dict[str, Any]:
    """What is told of samples: lists of four are for n = 2 to 5."""
    from gantools.metrics.text.bleu import sentence_bleu
    from gantools.metrics.text.self_bleu import sentence_self_bleu

    samples = [words for words in samples if words] or [[""]]
    known = {tuple(words) for words in real["train"]}
    return {
        "bleu": sentence_bleu(samples, real["test"]).mean(1).round(4).tolist(),
        "bleu_train": sentence_bleu(samples, real["train"]).mean(1).round(4).tolist(),
        "self_bleu": sentence_self_bleu(samples).mean(1).round(4).tolist(),
        "copied": float(np.mean([tuple(words) in known for words in samples])),
        "distinct": len({tuple(words) for words in samples}) / len(samples),
        "length": float(np.mean([len(words) for words in samples])),
        "sentences": len(samples),
    }


def test_nats(path: Path, test: Path) -> float:
    """-log p of a token of the test set, in nats, by the graph that scores; tokens that nobody knows do not count."""
    from gantools.core.artifact import load_artifact
    from gantools.core.tokens import END, UNKNOWN
    from gantools.runtime.session import Session
    from gantools.runtime.tokens import Tokenizer

    artifact = load_artifact(path)
    total = count = 0.0
    with Session.of(artifact, "score") as session:
        tokens = Tokenizer(artifact.tokenizer()).encode(test.read_text().splitlines(), artifact.manifest.text.steps)
        for start in range(0, len(tokens), 64):
            part = tokens[start : start + 64]
            ended = (part == END).cumsum(1)
            counted = (ended - (part == END) == 0) & (part != UNKNOWN)
            total -= float(session.run({"tokens": part})["log_likelihood"][counted].sum())
            count += float(counted.sum())
    return total / count


def last_terms(log: Path) -> dict[str, float]:
    """The losses at the end of a training."""
    found: dict[str, float] = {}
    for line in map(json.loads, log.read_text().splitlines()):
        found |= {key: value for key, value in line.items() if "." in key and isinstance(value, int | float)}
    return found


def run_all(data: str, rows: list[str], seeds: list[int], out: Path, jobs: int, record: Path) -> None:
    """Train whatever is missing; maximum likelihood of a seed comes before what begins with it."""

    def one(row: str, seed: int) -> None:
        folder = out / f"{data}-{row}-{seed}"
        if (folder / "result.json").exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        words = ["--one", row, "--data", data, "--seeds", str(seed), "--out", str(folder)]
        line = train_alone(words, folder, jobs)
        if line is None:
            return
        (folder / "result.json").write_text(json.dumps(line))
        with record.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{data} {row} {seed}: {at(line, 1.0)['bleu']} {at(line, 1.0)['self_bleu']}", file=sys.stderr)

    prepare(data, out)
    for seed in seeds:
        if "mle" in rows:
            one("mle", seed)
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda row, seed=seed: one(row, seed), [row for row in rows if row != "mle"]))


def at(line: dict[str, Any], temperature: float) -> dict[str, Any]:
    """The scores at a temperature."""
    found: dict[str, Any] = next(point for point in line["curve"] if point["temperature"] == temperature)
    return found


def advantage(point: dict[str, Any], curve: list[dict[str, Any]]) -> float | None:
    """BLEU-5 of a point less that of a curve where it has the same self-BLEU-5; none: it has not."""
    known = sorted((other["self_bleu"][-1], other["bleu"][-1]) for other in curve)
    where, values = zip(*known, strict=True)
    if not where[0] <= point["self_bleu"][-1] <= where[-1]:
        return None
    return float(point["bleu"][-1] - np.interp(point["self_bleu"][-1], where, values))


def points_of(data: str, out: Path) -> dict[str, dict[str, Any]]:
    """What is a point and no curve: the training sentences, and published samples as Texygen's table scores them."""
    real = {
        kind: [line.split() for line in (out / f"{data}-{kind}.txt").read_text().splitlines()]
        for kind in ("train", "test")
    }
    found = {"training sentences": scores(real["train"], real)}
    if data == "coco":
        from text_bleu import published

        folder = Path(os.environ["GANTOOLS_DATA"]) / "text" / "third-party-samples"
        table = published((folder / "texygen_evaluation.md").read_text(encoding="utf-8"))
        for name in ("SeqGAN", "LeakGAN", "RankGAN", "MaliGAN"):
            found[f"{name} (published)"] = {"bleu": table["test", name], "self_bleu": table["self", name]}
    return found


def show(data: str, rows: list[str], seeds: list[int], out: Path) -> None:
    """The table of all results in a folder, and the picture of their curves."""
    from gantools.core.atomic import write_atomic
    from gantools.media.grid import png_bytes
    from gantools.media.plots import Line, line_plot

    found = {
        row: [
            json.loads(path.read_text())
            for seed in seeds
            if (path := out / f"{data}-{row}-{seed}" / "result.json").exists()
        ]
        for row in rows
    }
    base = {line["seed"]: line["curve"] for line in found.get("mle", ())}
    print(
        "| | seeds | BLEU-2 | -3 | -4 | -5 | self-BLEU-2 | -3 | -4 | -5 "
        "| BLEU-5 above likelihood's curve | copied | nats | CPU s |"
    )
    print("|---|---" + "|---" * 12 + "|")
    for row, lines in found.items():
        for temperature in (1.0, 0.7) if lines else ():
            points = [at(line, temperature) for line in lines]
            cells = [_spread([point[kind][n] for point in points]) for kind in ("bleu", "self_bleu") for n in range(4)]
            gains = [advantage(at(line, temperature), base[line["seed"]]) for line in lines if line["seed"] in base]
            told = [gain for gain in gains if gain is not None]
            cells.append("0" if row == "mle" else _spread(told, signed=True) if told else "off the curve")
            cells.append(_spread([point["copied"] for point in points]))
            nats = [line["test_nats"] for line in lines if line["test_nats"] is not None]
            cells += [_spread(nats) if nats else "", f"{statistics.median(line['cpu_s'] for line in lines):.0f}"]
            print(f"| {row}, temperature {temperature:g} | {len(lines)} | {' | '.join(cells)} |")
    others = points_of(data, out)
    first: list[dict[str, Any]] = next(iter(base.values()), [])
    for name, point in others.items():
        cells = [f"{value:.3f}" for kind in ("bleu", "self_bleu") for value in point[kind]]
        gain = advantage(point, first) if first else None
        print(f"| {name} | | {' | '.join(cells)} | {'' if gain is None else f'{gain:+.3f}'} | | | |")
    curves = []
    for row, lines in found.items():
        if lines:
            mean = sorted(
                (
                    np.mean([at(line, t)["self_bleu"][-1] for line in lines]),
                    np.mean([at(line, t)["bleu"][-1] for line in lines]),
                )
                for t in TEMPERATURES
            )
            curves.append(Line(row, *(list(values) for values in zip(*mean, strict=True))))
    drawn = {name: others[name] for name in list(others)[:3]}  # more would need more colours than there are
    single = [Line(name, [point["self_bleu"][-1]], [point["bleu"][-1]]) for name, point in drawn.items()]
    picture = line_plot(
        [*curves, *single], title=f"{data}: BLEU-5 over self-BLEU-5, temperatures 0.5 to 1", width=800, height=520
    )
    write_atomic(out / f"{data}.png", png_bytes(picture))
    print(out / f"{data}.png", file=sys.stderr)


def _spread(values: list[float], *, signed: bool = False) -> str:
    kind = "+.3f" if signed else ".3f"
    middle = f"{statistics.median(values):{kind}}"
    return middle if len(values) == 1 else f"{middle} ({min(values):{kind}} to {max(values):{kind}})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", choices=list(FILES), default="coco")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--record", type=Path, default=Path(__file__).parent / "results" / "text_quality.jsonl")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    numbers = [int(seed) for seed in given.seeds.split(",")]
    if given.one:
        print(json.dumps(train_one(given.data, given.one, numbers[0], given.out)))
    else:
        given.out.mkdir(parents=True, exist_ok=True)
        run_all(given.data, given.rows.split(","), numbers, given.out, given.jobs, given.record)
        show(given.data, given.rows.split(","), numbers, given.out)
