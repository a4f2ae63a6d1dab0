"""Sentences and their latents: encoded, decoded and walked between, in Python and by the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gantools.cli.app import app
from gantools.core.errors import DataError
from gantools.core.recipe import resolve_recipe
from gantools.export.onnx import export
from gantools.samplers import open_artifact
from gantools.train import PARTS, train
from tests.e2e.test_texts import SENTENCES, STEPS, VOCABULARY


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variational autoencoder that has learned enough for a latent to say something of the sentence."""
    folder = tmp_path_factory.mktemp("coded")
    (folder / "sentences.txt").write_text("\n".join(SENTENCES) + "\n")
    model = {"name": "text_vae", "latent": 8, "embedding": 12, "hidden": 32, "word_dropout": 0.9}
    raw = {
        "model": {**model, "vocabulary": VOCABULARY, "steps": STEPS},
        "objective": {"name": "text_elbo", "beta": 0.02},
        "data": {"source": str(folder / "sentences.txt")},
        "train": {"steps": 300, "batch": 16, "learning_rate": 1e-2, "sample_every": 0},
        "evaluate": {"every": 0},
    }
    checkpoint = train(resolve_recipe(raw, "texts", PARTS), folder / "run", accelerator="cpu")
    return export(checkpoint, folder / "art").path


def test_sentences_are_encoded_decoded_and_walked_between(coded: Path, tmp_path: Path) -> None:
    cli, many = CliRunner(), tmp_path / "many.txt"
    many.write_text("\n".join([*SENTENCES, "a man sees " * 5]) + "\n")
    with open_artifact(coded) as writer:
        again = writer.reconstruct(SENTENCES)
        assert len(set(again)) > 2, "the latent says something of the sentence"
        loose = writer.reconstruct(SENTENCES, settings={"temperature": 1.0})
        ((first, *_, last),) = writer.interpolate_between([SENTENCES[0], SENTENCES[-1]], 4)
        assert (first, last) == (again[0], again[-1])
    done = cli.invoke(app, ["reconstruct", str(coded), str(many), "--count", "100"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        line for text, other in zip(SENTENCES, again, strict=True) for line in (text, f"  {other}")
    ]
    equal = sum(text == other for text, other in zip(SENTENCES, again, strict=True))
    assert f"{equal} of 64 texts came back as they were" in done.stderr
    assert "1 of 65 texts have more than 9 tokens and are left out" in done.stderr
    lines = ["reconstruct", str(coded), str(many), "--count", "100", "--set", "temperature=1"]
    done = cli.invoke(app, [*lines, "--out", str(tmp_path / "pairs.jsonl"), "--json"])
    rows = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    assert rows == [{"text": text, "reconstruction": other} for text, other in zip(SENTENCES, loose, strict=True)]
    assert json.loads(done.stdout)["texts"] == rows


def test_a_walk_is_printed_a_sentence_a_line(coded: Path, tmp_path: Path) -> None:
    cli = CliRunner()
    with open_artifact(coded) as writer:
        ways = writer.interpolate([3, 7, 9], 4)
        assert [ways[0][0], ways[1][-1]] == [writer.sample([3])[0], ways[1][-1]]
        between = writer.interpolate_between(SENTENCES[:2], 3)
    done = cli.invoke(app, ["interpolate", str(coded), "--seeds", "3,7,9", "--steps", "4"])
    assert done.stdout == "\n".join([*ways[0], "", *ways[1], ""])
    given = [part for text in SENTENCES[:2] for part in ("--text", text)]
    done = cli.invoke(
        app, ["interpolate", str(coded), *given, "--steps", "3", "--out", str(tmp_path / "way.txt"), "--json"]
    )
    assert (tmp_path / "way.txt").read_text().splitlines() == between[0]
    found = json.loads(done.stdout)
    assert (found["between"], found["steps"]) == (SENTENCES[:2], 3)
    assert found["texts"][2] == {"way": 0, "step": 2, "text": between[0][2]}


def test_texts_that_are_all_too_long_are_refused(coded: Path, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("a man sees " * 5 + "\n")
    done = CliRunner().invoke(app, ["reconstruct", str(coded), str(tmp_path / "long.txt")])
    assert isinstance(done.exception, DataError)
    assert "all 1 texts" in str(done.exception)
