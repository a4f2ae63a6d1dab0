import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gantools
from gantools.core.artifact import GraphFile, load_artifact
from gantools.core.errors import ArtifactError, BackendError, ExportError, ParityError
from gantools.core.recipe import Recipe, resolve_recipe
from gantools.core.spec import AxisRange
from gantools.export.eager import backend, open_eager
from gantools.export.onnx import ExportOptions, _chosen, export
from gantools.models.build import build_model
from gantools.runtime.session import Session, Where
from gantools.samplers.feedforward import inputs_of
from gantools.train import PARTS, train
from gantools.train.checkpoint import Checkpoint, load_checkpoint


def tiny_recipe(**train_options: Any) -> Recipe:
    raw = {
        "name": "tiny",
        "model": {"name": "dcgan", "resolution": 32, "channels": 1, "latent": 8, "width": 4},
        "discriminator": {"name": "dcgan", "width": 4},
        "data": {"source": "builtin:digits"},
        "objective": {"name": "nonsaturating"},
        "train": {
            "steps": 8,
            "batch": 8,
            "learning_rate": 0.02,
            "sample_every": 0,
            "ema_half_life_images": 64,
            **train_options,
        },
        "evaluate": {"every": 0},
    }
    return resolve_recipe(raw, "tiny", PARTS)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return train(tiny_recipe(), tmp_path_factory.mktemp("train") / "run")


@pytest.fixture(scope="module")
def artifact(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "art"
    export(checkpoint, out)
    return out


def test_an_artifact_says_what_made_it_and_what_was_proved(artifact: Path, checkpoint: Checkpoint) -> None:
    manifest = load_artifact(artifact).manifest
    assert set(manifest.graphs) == {"generator", "generator_float"}
    assert manifest.parent == checkpoint.digest
    assert manifest.recipe == checkpoint.recipe.model_dump(mode="json")
    (step,) = manifest.steps
    assert {parity.graph for parity in step.parity} == {"generator", "generator_float"}
    for parity in step.parity:
        assert 2 not in parity.batch_sizes, "2 is the size that was traced"
        assert len(parity.batch_sizes) >= 3
        assert parity.max_abs <= parity.limit
    assert step.tools["torch"] == torch.__version__


def test_a_discriminator_ships_when_it_is_asked_for(checkpoint: Checkpoint, tmp_path: Path) -> None:
    opened = export(checkpoint, tmp_path / "art", ExportOptions(discriminator=True))
    assert "discriminator" in opened.manifest.graphs
    with Session.of(opened, "discriminator") as session:
        score = session.run({"image": gantools.open_artifact(opened.path).sample(range(5))})["score"]
    assert score.shape == (5,)
    assert np.ptp(score) > 0
    bare = checkpoint.recipe.model_copy(update={"discriminator": None})
    with pytest.raises(ExportError, match="the model has no discriminator"):
        _chosen(build_model(bare), ExportOptions(discriminator=True))


def test_goldens_are_the_samples_of_their_seeds(artifact: Path) -> None:
    opened = load_artifact(artifact)
    goldens = opened.manifest.goldens
    assert goldens is not None
    assert len(goldens.seeds) == 8
    stored = np.load(artifact / goldens.file, allow_pickle=False)
    assert stored.shape == (8, 32, 32, 1)
    np.testing.assert_array_equal(gantools.open_artifact(artifact).sample(goldens.seeds), stored)


def test_the_averaged_weights_are_the_default(artifact: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    export(checkpoint, tmp_path / "raw", ExportOptions(weights="raw"))
    averaged = gantools.open_artifact(artifact, graph="generator_float").sample(range(4))
    raw = gantools.open_artifact(tmp_path / "raw", graph="generator_float").sample(range(4))
    with open_eager(checkpoint, "generator_float", weights="ema") as session:
        latents = inputs_of(session.spec.inputs, load_artifact(artifact).manifest.sampler, range(4))
        expected = session.run(latents)["image"]
    np.testing.assert_allclose(averaged, expected, atol=1e-5)
    assert np.abs(raw - expected).max() > 1e-4


def test_axis_limits_can_be_changed_and_an_unknown_axis_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    limits = AxisRange(min=1, opt=1, max=3)
    made = export(checkpoint, tmp_path / "art", ExportOptions(axes={"batch": limits}))
    assert made.manifest.graphs["generator"].spec.axes["batch"] == limits
    with pytest.raises(ExportError, match="the graph has no axis 'width'"):
        export(checkpoint, tmp_path / "other", ExportOptions(axes={"width": limits}))
    assert not (tmp_path / "other").exists()


def test_a_graph_that_differs_from_the_network_never_becomes_an_artifact(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights are changed between tracing and comparing, as a faulty exporter would."""
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint.folder, broken)
    other = load_checkpoint(broken)
    build = Checkpoint.build_model

    def changed(self: Checkpoint, weights: str = "ema") -> Any:
        model = build(self, weights)
        if self.folder == broken and (broken / "traced").exists():
            with torch.no_grad():
                next(model.graphs["generator"].module.parameters()).mul_(1.5)
        (broken / "traced").touch()
        return model

    monkeypatch.setattr(Checkpoint, "build_model", changed)
    with pytest.raises(ParityError, match="graph 'generator' differs from network"):
        export(other, tmp_path / "art")
    assert not (tmp_path / "art").exists()


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(ArtifactError, match=r"weights\.pt"):
        load_checkpoint(tmp_path / "weights.pt")


@pytest.mark.parametrize("mode", ["eager", "channels_last"])
def test_the_network_runs_as_a_backend(checkpoint: Checkpoint, mode: str) -> None:
    with open_eager(checkpoint, "generator", mode=mode, threads=1) as session:
        image = session.run({"latent": np.zeros((3, 8), np.float32)})["image"]
        assert image.shape == (3, 32, 32, 1)
        assert image.dtype == np.uint8
        layers = session.layers()
        assert len(layers) >= 3
        assert {layer.precision for layer in layers} == {"fp32"}


@pytest.mark.parametrize("asked", [False, True])
def test_products_of_fp32_are_tf32_only_where_that_is_asked_for(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    """As seen from inside the network: PyTorch has it on for convolutions, and everybody else finds it as it was."""
    spec = checkpoint.build_model("ema").graphs["generator"].spec
    entry = GraphFile(file="generator", format="checkpoint", precision="fp32", spec=spec, backend="torch")
    seen = []
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", not asked)
    with Session(checkpoint.folder, entry, Where(settings={"tf32": asked})) as session:
        session._graph._module.register_forward_pre_hook(  # type: ignore[union-attr]
            lambda *_: seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        )
        session.run({"latent": np.zeros((3, 8), np.float32)})
        assert {layer.precision for layer in session.layers()} == {"fp32"}  # a CPU has no TF32
    assert seen == [(asked, asked)]
    assert torch.backends.cudnn.allow_tf32 is not asked


def test_a_mode_or_device_that_is_not_there_is_named(checkpoint: Checkpoint) -> None:
    with pytest.raises(BackendError, match="PyTorch has no mode 'faster'"):
        open_eager(checkpoint, "generator", mode="faster")
    if not torch.cuda.is_available():
        assert not backend.probe("cuda").ok
