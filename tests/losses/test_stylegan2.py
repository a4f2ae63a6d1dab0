from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.losses.objectives.objective import Batch, Loss, Phase
from gantools.losses.objectives.stylegan2 import StyleGAN2, StyleGAN2Config

SIZE = 4


class Linear(nn.Module):
    """A generator whose image is a matrix times the mean of its styles, with a style that begins as the latent."""

    def __init__(self, layers: int = 3) -> None:
        super().__init__()
        self.layers = layers
        torch.manual_seed(0)
        self.matrix = nn.Parameter(2.0 * nn.init.orthogonal_(torch.empty(SIZE**2, SIZE**2)))
        self.scale = nn.Parameter(torch.ones(()))
        self.latents: list[Tensor] = []
        self.cuts: list[list[Tensor]] = []

    def styles(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        self.latents.append(latent)
        return self.scale * (latent if label is None else latent + label[:, None])

    def images(self, styles: Sequence[Tensor], noise: Tensor | None = None) -> Tensor:
        self.cuts.append(list(styles))
        flat = torch.stack(list(styles)).mean(0) @ self.matrix.T
        return flat.reshape(-1, 1, SIZE, SIZE) + (0 if noise is None else noise.mean())


class Judge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(SIZE**2, 1)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.linear(image.flatten(1)).squeeze(1)
        return logits


def nets(layers: int = 3) -> dict[str, nn.Module]:
    return {"G": Linear(layers), "D": Judge()}


def batch(size: int = 8, **noise: Tensor) -> Batch:
    torch.manual_seed(1)
    return Batch(torch.randn(size, 1, SIZE, SIZE), {"latent": torch.randn(size, SIZE**2), **noise})


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def phase_of(objective: StyleGAN2, name: str) -> Phase:
    return next(phase for phase in objective.phases if phase.name == name)


def lengths_by_hand(layers: int, count: int, mixing: bool) -> Tensor:
    """|J^T y| of ``Linear``: each layer's Jacobian is the orthogonal matrix times 2 / layers."""
    numbers = rng()
    torch.rand((), generator=numbers)  # whether to mix
    assert not mixing
    y = torch.randn(count, 1, SIZE, SIZE, generator=numbers) / SIZE
    lengths: Tensor = torch.linalg.vector_norm(y.flatten(1), dim=1) * 2 / layers
    return lengths


@pytest.mark.parametrize(("layers", "shrink"), [(1, 2), (3, 2), (3, 1), (1, 100)])
def test_the_path_length_of_a_linear_generator_is_its_closed_form(layers: int, shrink: int) -> None:
    objective = StyleGAN2(StyleGAN2Config(mixing=0.0, path_shrink=shrink, path_decay=0.25, path_weight=3.0))
    loss = objective.loss(phase_of(objective, "G_path"), nets(layers), batch(), rng())
    lengths = lengths_by_hand(layers, max(1, 8 // shrink), mixing=False)
    target = 0.25 * lengths.mean()
    penalty = (lengths - target).square().mean()
    assert loss.terms["G.path_length"].item() == pytest.approx(lengths.mean().item(), rel=1e-5)
    assert loss.terms["G.path"].item() == pytest.approx(penalty.item(), rel=1e-4)
    assert loss.value is not None
    assert loss.value.item() == pytest.approx(3.0 * 4 * penalty.item(), rel=1e-4), "it stands for path_every steps"
    assert objective.state["path_length"].item() == pytest.approx(target.item(), rel=1e-5)


def test_the_average_path_length_is_remembered() -> None:
    objective = StyleGAN2(StyleGAN2Config(mixing=0.0, path_decay=0.5))
    seen = [objective.loss(phase_of(objective, "G_path"), nets(), batch(), rng(k)).terms for k in range(3)]
    first, second, third = (terms["G.path_length"].item() for terms in seen)
    expected = ((0.5 * first) * 0.5 + 0.5 * second) * 0.5 + 0.5 * third
    assert objective.state["path_length"].item() == pytest.approx(expected, rel=1e-5)


def test_phases_are_those_of_the_paper() -> None:
    phases = StyleGAN2(StyleGAN2Config()).phases
    assert [(phase.name, phase.updates, phase.every) for phase in phases] == [
        ("D", ("D",), 1),
        ("D_r1", ("D",), 16),
        ("G", ("G",), 1),
        ("G_path", ("G",), 4),
    ]
    plain = StyleGAN2(StyleGAN2Config(r1_gamma=0, path_weight=0))
    assert [phase.name for phase in plain.phases] == ["D", "G"]
    assert dict(plain.state) == {}


def test_images_are_made_once_for_the_game() -> None:
    objective, parts, given = StyleGAN2(StyleGAN2Config(mixing=0.0)), nets(), batch()
    generator: Any = parts["G"]
    for phase in objective.phases[:3]:
        objective.loss(phase, parts, given, rng())
    assert len(generator.cuts) == 1
    assert torch.equal(generator.latents[0], given.noise["latent"])


def test_styles_of_two_latents_meet_at_a_random_layer() -> None:
    cuts, mixed, trials = set(), 0, 200
    objective, parts = StyleGAN2(StyleGAN2Config(mixing=0.5)), nets(layers=4)
    generator: Any = parts["G"]
    for seed in range(trials):
        given = batch()
        objective.loss(objective.phases[0], parts, given, rng(seed))
        styles = generator.cuts.pop()
        assert len(styles) == 4
        same = [torch.equal(style, given.noise["latent"]) for style in styles]
        cut = same.count(True)
        assert same == [True] * cut + [False] * (4 - cut)
        assert all(torch.equal(style, styles[-1]) for style in styles[cut:])
        mixed += cut < 4
        cuts.add(cut)
    assert cuts == {1, 2, 3, 4}
    assert abs(mixed / trials - 0.5) < 0.15


def test_mixing_is_a_function_of_the_random_numbers_given() -> None:
    def drawn(seed: int) -> Loss:
        objective = StyleGAN2(StyleGAN2Config(mixing=1.0))
        return objective.loss(objective.phases[0], nets(), batch(), rng(seed))

    torch.manual_seed(5)
    assert drawn(0).terms["D.fake"] == drawn(0).terms["D.fake"]
    assert drawn(0).terms["D.fake"] != drawn(1).terms["D.fake"]


def test_noise_and_labels_reach_the_generator_cut_to_the_images_that_are_penalized() -> None:
    objective, parts = StyleGAN2(StyleGAN2Config(mixing=1.0)), nets()
    generator: Any = parts["G"]
    given = batch(label=torch.arange(8), noise=torch.randn(8, 3))
    objective.loss(phase_of(objective, "G_path"), parts, given, rng())
    assert [len(latent) for latent in generator.latents] == [4, 4]
    first = generator.cuts[0][0]
    assert torch.allclose(first, given.noise["latent"][:4] + torch.arange(4)[:, None])


def test_a_generator_without_styles_is_refused_in_one_sentence() -> None:
    objective, parts = StyleGAN2(StyleGAN2Config()), nets() | {"G": nn.Linear(2, 2)}
    with pytest.raises(RecipeError, match="gives each layer a style, and the model's generator has none"):
        objective.loss(objective.phases[0], parts, batch(), rng())
