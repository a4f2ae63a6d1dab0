"""How StyleGAN2 is trained: the non-saturating game with mixed styles, lazy R1, and path length regularization.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, sections 3.1 and 3.2. Adam is not
told of lazy phases here: a net with one of them every k steps takes k + 1 optimizer steps where it would take k, so its
learning rate is to be multiplied by c = k / (k + 1) and its betas raised to the power of c, in the recipe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Protocol, runtime_checkable

import torch
from pydantic import Field
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.losses.adversarial import nonsaturating_game
from gantools.losses.objectives.adversarial import Adversarial, AdversarialConfig
from gantools.losses.objectives.objective import Batch, Loss, Nets, ObjectiveRow, Phase

_PATH = "path_length"


@runtime_checkable
class Styled(Protocol):
    """A generator in two steps, so that each layer can be given a style of its own.

    Attributes:
        layers: Number of styles that an image is made of.
    """

    layers: int

    def styles(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Latents (batch, latent) and labels (batch,) int64 -> styles (batch, style) float32."""
        ...

    def images(self, styles: Sequence[Tensor], noise: Tensor | None = None) -> Tensor:
        """A style (batch, style) for each layer, and noise -> images (batch, channels, height, width)."""
        ...


class StyleGAN2Config(AdversarialConfig):
    """Options of ``stylegan2``.

    Attributes:
        r1_gamma: Weight of the gradient penalty on real images. Karras et al. 2020 ("Training Generative Adversarial
            Networks with Limited Data") start at 0.0002 * resolution**2 / batch.
        mixing: Probability that the images of a step have the styles of two latents, one for the layers before a
            random one and the other from there on.
        path_weight: Weight of the path length penalty; 0: none.
        path_every: Steps between two penalties, each of which then counts for all of them.
        path_decay: How fast the moving average of path lengths, to which they are held, follows.
        path_shrink: The penalty sees the first 1 / this of a batch, for it costs twice as much as a generator update.
    """

    r1_gamma: float = Field(default=1.0, ge=0)
    mixing: float = Field(default=0.9, ge=0, le=1)
    path_weight: float = Field(default=2.0, ge=0)
    path_every: int = Field(default=4, ge=1)
    path_decay: float = Field(default=0.01, gt=0, le=1)
    path_shrink: int = Field(default=2, ge=1)


class StyleGAN2(Adversarial):
    """Nets ``"G"``, which is ``Styled``, and ``"D"``. Phases: D, D_r1, G, G_path."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__(config, nonsaturating_game(0.0))
        self.options = config
        if config.path_weight:
            self.phases = (*self.phases, Phase("G_path", updates=("G",), every=config.path_every, twice=True))
            self.state = {**self.state, _PATH: torch.zeros(())}

    def parts(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        """The loss of a phase; see ``Objective``."""
        generator = _styled(nets["G"])
        if phase.name == "G_path":
            yield self._path(phase, generator, batch, rng)
            return
        if phase.name != "D_r1":
            # The images that every phase of the game will find made, with the first phase's random numbers.
            with torch.set_grad_enabled(not batch.due or "G" in batch.due):
                batch.once(
                    "fake",
                    lambda: generator.images(self._mixed_styles(generator, batch.noise, rng), batch.noise.get("noise")),
                )
        yield from super().parts(phase, nets, batch, rng)

    def check(self, nets: Nets) -> None:
        """Refuse a generator whose layers cannot have styles of their own, and what ``Adversarial`` refuses."""
        _styled(nets["G"])
        super().check(nets)

    def _mixed_styles(self, generator: Styled, given: Mapping[str, Tensor], rng: torch.Generator) -> list[Tensor]:
        """A style for each layer (Karras et al. 2019, section 3.1): one, or those of two latents."""
        latent, label = given["latent"], given.get("label")
        mixed = float(torch.rand((), generator=rng)) < self.options.mixing
        cut = int(torch.randint(1, generator.layers, (), generator=rng)) if mixed else generator.layers
        styles = [generator.styles(latent, label)] * cut
        if mixed:
            other = torch.randn(latent.shape, generator=rng).to(latent.device)
            styles += [generator.styles(other, label)] * (generator.layers - cut)
        return styles

    def _path(self, phase: Phase, generator: Styled, batch: Batch, rng: torch.Generator) -> Loss:
        """Equation 4: E (|J_w^T y| - a)^2 with y ~ N(0, 1), and a the moving average of |J_w^T y|.

        y is divided by the image's edge, and the length is the root of the mean over layers, as in the authors' code:
        so neither changes with the resolution. In float32: it is differentiated twice.
        """
        count = max(1, len(batch.real) // self.options.path_shrink)
        given = {name: value[:count] for name, value in batch.noise.items()}
        with torch.autocast(batch.real.device.type, enabled=False):
            styles = torch.stack(self._mixed_styles(generator, given, rng), 1)
            images = generator.images(styles.unbind(1), given.get("noise"))
            direction = torch.randn(images.shape, generator=rng).to(images.device) / sqrt(images[0, 0].numel())
            (gradient,) = torch.autograd.grad((images * direction).sum(), styles, create_graph=True)
            lengths = gradient.square().sum(2).mean(1).sqrt()
        target = self.state[_PATH].lerp_(lengths.detach().mean(), self.options.path_decay)
        penalty = (lengths - target.clone()).square().mean()
        terms = {"G.path": penalty.detach(), "G.path_length": lengths.detach().mean()}
        return Loss(penalty * (self.options.path_weight * phase.every), terms)


def _styled(generator: nn.Module) -> Styled:
    if not isinstance(generator, Styled):
        raise RecipeError(
            "the objective 'stylegan2' gives each layer a style, and the model's generator has none.",
            hint="set model.name=stylegan2, or objective.name=nonsaturating",
        )
    return generator


stylegan2 = ObjectiveRow(StyleGAN2Config, StyleGAN2, nets=("G", "D"))
