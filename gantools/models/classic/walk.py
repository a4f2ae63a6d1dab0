"""A random walk on a normal distribution that is corrected step by step until it meets constraints, then stays inside.

The target is the normal distribution cut off by the constraints. A step draws nu ~ N(0, I) and moves on the ellipse
through the state and nu (``gantools.models.classic.ellipse``):

- ``elliptical``: by an angle drawn uniformly from the arc that the constraints allow. Seen from the new state it is the
  same arc, so the move is reversible, and none is refused. What has no closed form along the ellipse (a discriminator,
  sums of clipped values) is tried: a refused angle shrinks the arc, for a fixed number of tries.
- ``pcn``: by one fixed angle, refused where a constraint does not hold there. This is the preconditioned Crank-Nicolson
  proposal (Cotter et al., "MCMC methods for functions", Statistical Science 2013).

A state that violates a constraint is corrected at the beginning of each step: by drawing it towards the mean into the
ball of a least likelihood, by reflection at the walls of the range, and by the shortest step, in the distribution's own
metric, onto the linear constraint that is violated most. A move from it has to lessen the worst violation. A state that
violates none is left alone and leads to others of its kind: from there on the walk is the reversible one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, sqrt
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan

from gantools.models.classic.ellipse import Arc
from gantools.models.classic.gaussian import Gaussian

Kernel = Literal["elliptical", "pcn"]
ValueRange = Literal["clip", "truncate"]
Kind = Literal["range", "linear", "ball", "score"]
ALL: tuple[Kind, ...] = ("range", "linear", "ball", "score")
# A state: e (batch, size), which is N(0, I) before the constraints; x - mean (batch, size); moves so far and mixing so
# far (batch,); and the settings, which stay: OpenVINO reads no Scan whose body looks at a value computed outside.
Carried = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
# Walls are built this far inside the bounds, so that rounding does not carry a state over them.
_MARGIN = 1e-4
# A correction onto a clipped form divides by the share of it that still moves, but by no less than this.
_LEAST_SHARE = 0.05


@dataclass(frozen=True)
class WalkOptions:
    """How to walk.

    Attributes:
        steps: Moves.
        tries: Angles tried in a move of ``elliptical`` that can be refused.
        kernel: See the module.
        step_size: Share of the draw in a proposal of ``pcn``, beta in (0, 1].
        value_range: ``truncate``: the range is a constraint of the walk; ``clip``: the image is the state clipped to
            it, and linear constraints are those of the clipped image.
    """

    steps: int
    tries: int
    kernel: Kernel
    step_size: float
    value_range: ValueRange


class Walk(nn.Module):
    """Noise and settings by position -> image, accepted, mixing, violation.

    Args:
        gaussian: What is walked on.
        options: How.
        rows: (constraints, size) float32: signs * (rows . values - bounds) >= 0.
        signs: (constraints,) float32 of 1 and -1.
        inputs: Names of what ``forward`` gets, in order: ``latent``, ``steps_noise``, ``uniforms``, ``low``, ``high``,
            ``radius``, the bounds, and where they are ``threshold``, and ``corruption`` with its noise.
        bounds: Which of them are the bounds of ``rows``.
        discriminator: Images -> logits (batch,) or (batch, patches); none: no threshold.
    """

    rows: Tensor
    signs: Tensor

    def __init__(
        self,
        gaussian: Gaussian,
        options: WalkOptions,
        rows: Tensor,
        signs: Tensor,
        inputs: tuple[str, ...],
        bounds: tuple[str, ...],
        discriminator: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.gaussian, self.discriminator = gaussian, discriminator
        self.decoder = gaussian.space.decoder
        self.options, self.inputs, self.bounds = options, inputs, bounds
        self.settings = ("low", "high", "radius", *bounds, *(["threshold"] if discriminator is not None else []))
        self.register_buffer("rows", rows * signs[:, None], persistent=False)
        self.register_buffer("signs", signs, persistent=False)

    def forward(self, *values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Walk.

        Returns:
            image (batch, channels, height, width) float32 in [-1, 1], NCHW; accepted (batch,) float32, the share of the
            steps that moved; mixing (batch,) float32, the mean of (1 - cos t) / 2 over the angles t of the steps, 0 for
            a walk that stands and 1/2 for draws that forget where they came from; violation (batch,) float32, by how
            much the worst constraint does not hold, 0: all hold.
        """
        if not torch.compiler.is_exporting():
            self.gaussian.settle()
        given = dict(zip(self.inputs, values, strict=True))
        white, settings = given["latent"], torch.stack([given[name] for name in self.settings], 1)
        none = torch.zeros_like(white[:, 0])
        state: Carried = (white, self.gaussian.colour(white), none, none.clone(), settings)
        noise, uniforms = given["steps_noise"].transpose(0, 1), given["uniforms"].transpose(0, 1)
        if torch.compiler.is_exporting():
            state, _ = scan(self._step, state, (noise, uniforms))
        else:  # the same without its compilation, which takes seconds
            for drawn in zip(noise, uniforms, strict=True):
                state, _ = self._step(state, drawn)
        white, centered, accepted, mixing, _ = state
        vectors = self.gaussian.mean + centered
        if "corruption" in given:
            noisy = self.gaussian.mean + self.gaussian.deviation() * given["corruption_noise"]
            vectors = torch.where(given["corruption_uniforms"] < given["corruption"][:, None], noisy, vectors)
        rules = Rules(self, settings)
        violation = rules.violation(vectors, white.square().sum(1).sqrt(), ALL, margin=0.0)
        image = self.gaussian.space.decode(rules.shown(vectors))
        steps = self.options.steps
        return image, accepted / steps, mixing / steps, violation

    def _step(self, state: Carried, drawn: tuple[Tensor, Tensor]) -> tuple[Carried, Tensor]:
        """See ``Rules.step``."""
        *_, settings = state
        moved, angle = Rules(self, settings).step(state, drawn)
        return moved, angle


class Rules:
    """The constraints of a call as tensors, and a step under them.

    Args:
        walk: What is called.
        settings: (batch, settings) float32, in the order of ``walk.settings``.
    """

    def __init__(self, walk: Walk, settings: Tensor) -> None:
        gaussian, options = walk.gaussian, walk.options
        self.gaussian, self.options, self.discriminator = gaussian, options, walk.discriminator
        self.mean, self.rows = gaussian.mean, walk.rows
        self.low, self.high, self.radius = settings[:, 0], settings[:, 1], settings[:, 2] * sqrt(gaussian.space.size)
        self.threshold = None if walk.discriminator is None else settings[:, -1]
        self.truncates = options.value_range == "truncate"
        self.constrained = len(walk.bounds) > 0
        if self.constrained:
            self.limits = settings[:, 3 : 3 + len(walk.bounds)] * walk.signs
            # A form moves by |pulled|^2 for a step of ``pulled`` on e, which is ``shifted`` on x.
            self.pulled = gaussian.pull(walk.rows)
            self.shifted = gaussian.colour(self.pulled)
            self.squares = self.pulled.square().sum(1)
            self.shares = walk.rows * self.shifted / self.squares[:, None]
        tried = ALL if options.kernel == "pcn" else ("linear", "score") if not self.truncates else ("score",)
        absent = {"linear": not self.constrained, "score": self.threshold is None, "range": not self.truncates}
        self.tried = tuple(kind for kind in tried if not absent.get(kind, False))

    def shown(self, vectors: Tensor) -> Tensor:
        """What is seen of (batch, size): clipped to the range."""
        return torch.minimum(torch.maximum(vectors, self.low[:, None]), self.high[:, None])

    def violation(self, vectors: Tensor, distance: Tensor, kinds: tuple[Kind, ...], *, margin: float) -> Tensor:
        """By how much the worst constraint of these kinds does not hold.

        Args:
            vectors: (batch, size), what is not yet clipped.
            distance: |e| (batch,).
            kinds: Which constraints to look at.
            margin: How far inside they are to hold.

        Returns:
            (batch,) float32, at least 0: in values for ranges and forms, in logits for scores, and for the ball as a
            share of the typical distance from the mean.
        """
        worst = (self.low - self.high).clamp_min(0)
        if "range" in kinds and self.truncates:
            outside = torch.maximum(self.low[:, None] - vectors, vectors - self.high[:, None])
            worst = torch.maximum(worst, outside.amax(1) + margin)
        if "linear" in kinds and self.constrained:
            lack = self.limits - F.linear(vectors if self.truncates else self.shown(vectors), self.rows)
            worst = torch.maximum(worst, lack.amax(1) + margin)
        if "ball" in kinds:
            worst = torch.maximum(worst, (distance - self.radius) / sqrt(self.gaussian.space.size) + margin)
        if "score" in kinds and self.discriminator is not None and self.threshold is not None:
            logits = self.discriminator(self.gaussian.space.decode(self.shown(vectors)))
            score = logits.mean(1) if logits.ndim == 2 else logits
            worst = torch.maximum(worst, self.threshold - score + margin)
        return worst

    def step(self, state: Carried, drawn: tuple[Tensor, Tensor]) -> tuple[Carried, Tensor]:
        """Correct, then move.

        Args:
            state: See ``Carried``.
            drawn: nu (batch, size) N(0, 1), uniforms (batch, tries).

        Returns:
            The next state, and something for ``scan`` to stack.
        """
        white, centered, accepted, mixing, settings = state
        noise, uniforms = drawn
        white, centered = self._corrected(white, centered)
        toward = self.gaussian.colour(noise)
        here, there, mixed = white.square().sum(1), noise.square().sum(1), (white * noise).sum(1)
        worst = self.violation(self.mean + centered, here.sqrt(), self.tried, margin=_MARGIN)
        if self.options.kernel == "pcn":
            angle = torch.full_like(accepted, asin(self.options.step_size))
            tries = 1
        else:
            arc = self._arc(centered, toward, here, there, mixed)
            angle = arc.first(uniforms[:, 0])
            tries = self.options.tries if self.tried else 1
        found = torch.zeros_like(angle)  # no angle: the state stays
        for k in range(tries):
            if k:
                angle = arc.shrink(angle, uniforms[:, k])
            cosine, sine = torch.cos(angle), torch.sin(angle)
            tried = self.mean + centered * cosine[:, None] + toward * sine[:, None]
            distance = (here * cosine**2 + 2 * mixed * cosine * sine + there * sine**2).clamp_min(0).sqrt()
            then = self.violation(tried, distance, self.tried, margin=_MARGIN)
            # Better by more than rounding: where clipping makes a demand impossible, whole regions are equally bad.
            better = (then <= 0) | (then < worst - _MARGIN)
            found = torch.where((found == 0) & better, angle, found)
        cosine, sine = torch.cos(found), torch.sin(found)
        moved: Carried = (
            white * cosine[:, None] + noise * sine[:, None],
            centered * cosine[:, None] + toward * sine[:, None],
            accepted + (found != 0).float(),
            mixing + (1 - cosine) / 2,
            settings.clone(),
        )
        return moved, angle.clone()

    def _arc(self, centered: Tensor, toward: Tensor, here: Tensor, there: Tensor, mixed: Tensor) -> Arc:
        """The angles that the constraints with a closed form allow."""
        arc = Arc(here)
        arc.ball((self.radius * (1 - _MARGIN)).square(), here, there, mixed)
        if not self.truncates:
            return arc
        floor, ceiling = self.low[:, None] + _MARGIN, self.high[:, None] - _MARGIN
        arc.linear(self.mean + centered - floor, self.mean - centered - floor, toward)
        arc.linear(ceiling - self.mean - centered, ceiling - self.mean + centered, -toward)
        if self.constrained:
            at_mean = F.linear(self.mean[None], self.rows) - self.limits - _MARGIN
            form = F.linear(centered, self.rows)
            arc.linear(at_mean + form, at_mean - form, F.linear(toward, self.rows))
        return arc

    def _corrected(self, white: Tensor, centered: Tensor) -> tuple[Tensor, Tensor]:
        """A state nearer to the constraints, one kind after the other; unchanged where none is violated."""
        distance = white.square().sum(1).sqrt()
        outside = distance > self.radius * (1 - _MARGIN / 2)
        share = torch.where(outside, self.radius * (1 - 2 * _MARGIN) / distance.clamp_min(_MARGIN), 1.0)[:, None]
        white, centered = white * share, centered * share
        if self.truncates:
            vectors, low, high = self.mean + centered, self.low[:, None], self.high[:, None]
            # Reflected, not clipped: from a wall the walk would not get away, and for a feature that depends on no
            # other, the reflection at a wall through its mean is a draw of what is wanted.
            below, above = vectors < low + _MARGIN / 2, vectors > high - _MARGIN / 2
            mirrored = torch.where(below, 2 * low - vectors, 2 * high - vectors)
            inside = torch.minimum(torch.maximum(mirrored, low + 2 * _MARGIN), high - 2 * _MARGIN)
            change = torch.where(below | above, inside - vectors, 0.0)
            white, centered = white + self.gaussian.whiten(change), centered + change
        return self._projected(white, centered) if self.constrained else (white, centered)

    def _projected(self, white: Tensor, centered: Tensor) -> tuple[Tensor, Tensor]:
        """The shortest step in e onto the linear constraint that is furthest from holding."""
        vectors = self.mean + centered
        form = F.linear(vectors if self.truncates else self.shown(vectors), self.rows)
        lack = torch.where(form < self.limits + _MARGIN / 2, self.limits + 2 * _MARGIN - form, 0.0)
        away = lack / self.squares.sqrt()
        step = torch.where(away >= away.amax(1, keepdim=True), lack, 0.0) / self.squares
        if not self.truncates:  # only what is not clipped moves the form: a step of Newton's
            moving = ((vectors > self.low[:, None]) & (vectors < self.high[:, None])).float()
            step = step / F.linear(moving, self.shares).clamp_min(_LEAST_SHARE)
        return white + step @ self.pulled, centered + step @ self.shifted
