"""Texts from a file to sentences: trained, resumed, exported, sampled whole and piece by piece, optimized, scored."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gantools.cli.app import app
from gantools.core.artifact import Artifact, load_artifact
from gantools.core.errors import ArtifactError, DataError, InputMismatchError, RecipeError, UnknownNameError
from gantools.core.recipe import Recipe, resolve_recipe
from gantools.export.onnx import export
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.runtime.session import Session
from gantools.samplers import open_artifact
from gantools.train import PARTS, train
from gantools.train.checkpoint import load_checkpoint
from gantools.verify.report import verify

SUBJECTS, VERBS = ("a man", "a woman", "the dog", "two cats"), ("sees", "wants", "paints", "finds")
OBJECTS = ("a red ball", "the green tree", "nothing", "an old house .")
SENTENCES = [f"{one} {verb} {other}" for one in SUBJECTS for verb in VERBS for other in OBJECTS]
VOCABULARY = 3 + len({word for line in SENTENCES for word in line.split()})
STEPS = 10


def recipe(source: Path, **train_options: object) -> Recipe:
    raw = {
        "model": {"name": "text_gru", "vocabulary": VOCABULARY, "steps": STEPS, "embedding": 8, "hidden": 24},
        "data": {"source": str(source)},
        "train": {"steps": 60, "batch": 16, "learning_rate": 2e-2, "sample_every": 30, "checkpoint_every": 30}
        | train_options,
        "evaluate": {"every": 30, "samples": 100},
    }
    return resolve_recipe(raw, "texts", PARTS)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "sentences.txt"
    path.write_text("\n".join(SENTENCES) + "\n")
    return path


@pytest.fixture(scope="module")
def run(source: Path) -> Path:
    train(recipe(source), source.parent / "run", accelerator="cpu")
    return source.parent / "run"


@pytest.fixture(scope="module")
def artifact(run: Path) -> Artifact:
    return export(load_checkpoint(run), run.parent / "art")


def test_a_training_learns_keeps_samples_and_goes_on_bit_for_bit(run: Path, source: Path, tmp_path: Path) -> None:
    losses = [
        line["G.nats"] for line in map(json.loads, (run / "log.jsonl").read_text().splitlines()) if "G.nats" in line
    ]
    assert losses[-1] < losses[0] - 0.5
    assert len((run / "samples" / "step-00000060.txt").read_text().splitlines()) == 64
    quality = load_checkpoint(run).quality
    assert quality is not None
    assert 0 < quality["nats"] < losses[0]
    assert quality["extractor"] == "ngrams"
    train(recipe(source, steps=30), tmp_path / "run", accelerator="cpu")
    train(recipe(source), tmp_path / "run", resume=True, accelerator="cpu")
    one, other = (load_checkpoint(folder, "last") for folder in (run, tmp_path / "run"))
    assert one.digest == other.digest


def test_without_a_share_all_texts_are_learned_from(run: Path) -> None:
    quality = load_checkpoint(run).quality
    assert quality is not None
    assert quality["nats_of"] == "texts that are learned from"
    assert not (run / "held_out.txt").exists()


def test_a_vocabulary_that_does_not_fit_is_refused_with_the_one_that_does(source: Path, tmp_path: Path) -> None:
    resolved = recipe(source).model_dump(mode="json")
    resolved["model"]["vocabulary"] = 500
    with pytest.raises(DataError, match=f"has {VOCABULARY} different tokens, the model is built for 500") as caught:
        train(resolve_recipe(resolved, "texts", PARTS), tmp_path / "run", accelerator="cpu")
    assert caught.value.hint == f"set model.vocabulary={VOCABULARY}"


def test_a_seed_gives_one_text_alone_in_company_whole_and_piece_by_piece(artifact: Artifact) -> None:
    with open_artifact(artifact.path) as writer:
        texts = writer.sample(range(20))
        assert len(set(texts)) > 10
        assert writer.sample([7]) == [texts[7]]
        assert [writer.sample([seed], batch=1)[0] for seed in (3, 4)] == texts[3:5]
        assert ["".join(writer.pieces(seed)) for seed in range(5)] == texts[:5]
        begun = writer.sample(range(5), prefix="the dog", settings={"temperature": 0.5})
        assert all(text.startswith("the dog") for text in begun)
        told = [list(writer.pieces(seed, prefix="the dog", settings={"temperature": 0.5})) for seed in range(5)]
        assert ["".join(parts) for parts in told] == begun
        assert all(len(parts) > 2 for parts in told)
        assert len(set(writer.sample(range(5), settings={"temperature": 0.0}))) == 1
        cut = writer.sample(range(20), steps=4)
        assert cut == [" ".join(text.split()[:4]) for text in texts]  # how long it may become changes nothing before
        with pytest.raises(InputMismatchError, match="texts of 11 tokens were asked for, and this graph makes 1 to 10"):
            writer.sample([0], steps=11)
        with pytest.raises(InputMismatchError, match="the prefix has 2 tokens, and a text at most 2"):
            writer.sample([0], steps=2, prefix="the dog")
    with open_artifact(artifact.path / "generator.onnx") as lone:
        assert lone.sample(range(3)) == texts[:3]


def test_every_runtime_writes_the_same_and_says_in_what_precision(artifact: Artifact, tmp_path: Path) -> None:
    made = optimize(artifact, Plan(target="openvino", precision="fp32"), tmp_path / "ov")
    with open_artifact(made.path) as one, open_artifact(artifact.path) as other:
        assert one.session.backend == "openvino"
        assert one.sample(range(200)) == other.sample(range(200))
    report = verify(made, artifact)
    assert report.verdict == "passed"
    (whole,) = (graph for graph in report.graphs if graph.graph == "generator")
    assert whole.attestation is not None
    assert whole.attestation.computed == {"fp32": 1.0}  # of what the loop repeats
    assert whole.attestation.layers >= 2


def test_the_graph_that_scores_prefers_what_was_learned(artifact: Artifact) -> None:
    with open_artifact(artifact.path) as writer, Session.of(artifact, "score") as score:
        known = writer.tokenizer.encode(SENTENCES[:8], STEPS)
        turned = known.copy()
        turned[:, :3] = known[:, 2::-1]
        good, bad = (score.run({"tokens": tokens})["log_likelihood"].sum(1) for tokens in (known, turned))
    assert np.all(good > bad)


def test_the_command_line_prints_streams_and_writes(artifact: Artifact, source: Path, tmp_path: Path) -> None:
    cli, path = CliRunner(), str(artifact.path)
    printed = cli.invoke(app, ["sample", path, "--seeds", "0-4"])
    assert printed.exit_code == 0, printed.output
    streamed = cli.invoke(app, ["sample", path, "--seeds", "0-4", "--stream"])
    assert printed.stdout == streamed.stdout
    assert len(printed.stdout.splitlines()) == 5
    lines = tmp_path / "texts.jsonl"
    written = cli.invoke(app, ["sample", path, "--seeds", "0-4", "--out", str(lines)])
    assert written.exit_code == 0
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [row["text"] for row in rows] == printed.stdout.splitlines()
    assert [row["seed"] for row in rows] == [0, 1, 2, 3, 4]
    document = json.loads(cli.invoke(app, ["sample", path, "--seeds", "0-4", "--json"]).stdout)
    assert document["texts"] == rows
    refused = cli.invoke(app, ["sample", path, "--stream", "--json"])
    assert refused.exit_code != 0
    scored = cli.invoke(
        app, ["evaluate", path, "--data", str(source), "--training", str(source), "--samples", "100", "--json"]
    )
    assert scored.exit_code == 0, scored.output
    cards = {card["name"]: card for card in json.loads(scored.stdout)["cards"]}
    assert {"bleu-4", "self-bleu-4", "novelty", "kid-ngrams"} <= set(cards)
    inspected = cli.invoke(app, ["inspect", path])
    assert f"text of at most {STEPS} tokens, {VOCABULARY} different ones" in inspected.stdout


def test_the_page_of_a_generator_of_texts_has_its_curve_and_its_baselines(artifact: Artifact, tmp_path: Path) -> None:
    """Training sentences are scored themselves: whole ones are copied, and the page says which."""
    (tmp_path / "real.txt").write_text("".join(f"{line}\n" for line in SENTENCES * 3))
    page = tmp_path / "page.html"
    line = ["evaluate", str(artifact.path), "--data", str(tmp_path / "real.txt"), "--samples", "100"]
    rest = ["--training", str(tmp_path / "real.txt"), "--baseline", str(artifact.path / "generator.onnx")]
    done = CliRunner().invoke(app, [*line, *rest, "--temperatures", "0.5,1.5", "--out", str(page), "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    curves = document["curve"]["curves"]
    assert [[point["temperature"] for point in curve["points"]] for curve in curves] == [[0.5, 1.0, 1.5]] * 2
    assert curves[0]["points"] == curves[1]["points"], "one generator in two files"
    values = [{card["name"]: card["value"] for card in point["cards"]} for point in curves[0]["points"]]
    assert values[0]["self-bleu-4"] > values[2]["self-bleu-4"]
    assert values[0]["bleu-4"] > values[2]["bleu-4"]
    content = page.read_text()
    with open_artifact(artifact.path) as writer:
        assert all(f">{text}</span>" in content for text in writer.sample(range(36)))
    for text in ("baseline, ", "real sentences", "the whole sentence", "BLEU-5 over self-BLEU-5", "How long sentences"):
        assert text in content
    itself = CliRunner().invoke(app, [*line, "--baseline", str(artifact.path), "--metrics", "empty"])
    assert isinstance(itself.exception, RecipeError)
    assert "is its own baseline" in str(itself.exception)
    table = CliRunner().invoke(app, [*line, "--temperatures", "0.5", "--metrics", "bleu-4,kid", "--references", "120"])
    assert table.exit_code == 0, table.output
    assert "Over temperatures, 60 sentences against 60" in table.stdout
    assert "distinct-1" not in table.stdout


def test_a_budget_of_texts_is_held_and_kept_in_the_artifact(artifact: Artifact, source: Path, tmp_path: Path) -> None:
    line = ["optimize", str(artifact.path), "--target", "openvino", "--data", str(source), "--samples", "100"]
    budgets = ["--max-loss", "bleu-4=0.05", "--max-loss", "distinct-2=0.05", "--max-loss", "kid=0.05"]
    done = CliRunner().invoke(app, [*line, *budgets, "--out", str(tmp_path / "made"), "--json"])
    assert done.exit_code == 0, done.output
    losses = load_artifact(tmp_path / "made").manifest.steps[-1].losses
    assert [(loss.metric, loss.samples, loss.extractor) for loss in losses] == [
        ("bleu-4", 100, ""),
        ("distinct-2", 100, ""),
        ("kid", 100, "ngrams"),
    ]
    assert all(loss.loss == 0.0 and loss.source == loss.final for loss in losses)
    assert "bleu-4 lost 0 (0 to 0) over 100 pairs, allowed 0.05" in done.stderr
    refused = CliRunner().invoke(app, [*line, "--max-loss", "levels=1", "--out", str(tmp_path / "refused")])
    assert isinstance(refused.exception, UnknownNameError)


OTHERS: dict[str, dict[str, Any]] = {
    "autoencoder": {"model": {"name": "text_vae", "latent": 3, "embedding": 6, "hidden": 12}},
    "conditional, policy gradient": {
        "model": {"name": "text_lstm", "latent": 2, "classes": 2, "embedding": 6, "hidden": 12},
        "discriminator": {"name": "text_cnn", "embedding": 6, "filters": 4, "widths": [1, 2]},
        "objective": {"name": "seqgan", "pretrain_steps": 4, "discriminator_steps": 2, "rollouts": 1},
    },
    "transformer, relativistic": {
        "model": {"name": "text_transformer", "width": 8, "heads": 2, "layers": 1},
        "discriminator": {"name": "text_gru", "embedding": 6, "hidden": 8},
        "objective": {"name": "relgan", "pretrain_steps": 4},
    },
}


@pytest.mark.parametrize("what", OTHERS)
def test_every_kind_of_training_ends_in_texts(what: str, tmp_path: Path) -> None:
    classes = ("men", "women")
    lines = [{"text": text, "label": classes["woman" in text]} for text in SENTENCES]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    raw = {name: dict(part) for name, part in OTHERS[what].items()}
    raw["model"] |= {"vocabulary": VOCABULARY, "steps": STEPS}
    raw["data"] = {"source": str(tmp_path / "texts.jsonl")}
    raw["train"] = {"steps": 8, "batch": 8, "sample_every": 8, "checkpoint_every": 8}
    raw["evaluate"] = {"every": 8, "samples": 100}
    checkpoint = train(resolve_recipe(raw, "texts", PARTS), tmp_path / "run", accelerator="cpu")
    terms = {name for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines() for name in json.loads(line)}
    named = {"autoencoder": "VAE.kl", "conditional, policy gradient": "G.reward", "transformer, relativistic": "G.loss"}
    assert named[what] in terms
    assert checkpoint.quality is not None
    assert ("nats" in checkpoint.quality) == (what == "transformer, relativistic")  # the others have a latent
    artifact = export(checkpoint, tmp_path / "art")
    with open_artifact(artifact.path) as writer:
        texts = writer.sample(range(4))
        assert ["".join(writer.pieces(seed)) for seed in range(4)] == texts
        if artifact.manifest.text.classes:
            assert artifact.manifest.text.classes == classes
            one, other = writer.sample(range(20), label="men"), writer.sample(range(20), label="women")
            assert one != other
            assert "".join(writer.pieces(3, label="women")) == other[3]
        if what == "autoencoder":
            walks = writer.interpolate([0, 1], 3)
            assert [len(walk) for walk in walks] == [3]
            assert walks[0][0] == texts[0]
            assert writer.encode(SENTENCES[:5]).shape == (5, 3)
            with pytest.raises(InputMismatchError, match="text 1 has 10 tokens, and there is room for 9 and an end"):
                writer.encode(["a man", "a " * 10])


@pytest.mark.parametrize(
    ("line", "error", "says"),
    [
        (["interpolate", "ART", "--seeds", "1,2"], InputMismatchError, "there is no latent to walk through"),
        (
            ["interpolate", "ART", "--text", "a", "--text", "b"],
            ArtifactError,
            "which finds the latent of a text; it holds",
        ),
        (["interpolate", "ART", "--images", "a.png"], RecipeError, "makes texts, and --images is of images"),
        (["reconstruct", "ART", "none.txt"], ArtifactError, "which finds the latent of a text; it holds"),
    ],
)
def test_what_has_no_latent_or_encoder_says_so(
    artifact: Artifact, line: list[str], error: type[Exception], says: str
) -> None:
    given = [str(artifact.path) if part == "ART" else part for part in line]
    done = CliRunner().invoke(app, given)
    assert isinstance(done.exception, error)
    assert says in str(done.exception)


def test_what_is_for_texts_is_refused_of_images_and_the_other_way_round(artifact: Artifact, tmp_path: Path) -> None:
    from tests.zoo import make_artifact

    images = make_artifact(tmp_path / "images")
    said = "makes images: a prefix and steps are for texts"
    with open_artifact(images.path) as generator, pytest.raises(InputMismatchError, match=said):
        generator.sample([0], prefix="a man")
    with pytest.raises(ArtifactError, match="makes text, not images"):
        _ = load_artifact(artifact.path).manifest.image
    with pytest.raises(ArtifactError, match="makes images, not text"):
        _ = images.manifest.text
