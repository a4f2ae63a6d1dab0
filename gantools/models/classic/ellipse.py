"""Which part of an ellipse is allowed: the arc around its start on which linear and quadratic inequalities hold.

A state z and a draw nu ~ N(0, I) span the ellipse z cos t + nu sin t, which passes through the state at t = 0 (Murray,
Adams and MacKay, "Elliptical slice sampling", 2010). Along it a linear form is g(t) = s + p cos t + q sin t, and
the square of the distance from the origin is one of the angle 2 t. With w = cot(t / 2), g(t) = 0 becomes

    g(0) w^2 + 2 q w + g(pi) = 0,

and w falls steadily as t grows from 0 to 2 pi. So the first exit on the way forwards is the largest root of all
inequalities, and on the way backwards the smallest: two reductions and two arctangents for any number of inequalities,
where the literature sorts angles (Gessner, Kanjilal and Hennig, "Integrals over Gaussians under linear domain
constraints", AISTATS 2020, section 3).
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

_NEVER = 1e30  # a root that no reduction chooses; half of it is told apart in 16 bits, too
_TINY = 1e-20


def crossings(now: Tensor, opposite: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Where g(t) = s + p cos t + q sin t leaves g >= 0, seen from t = 0 in both directions.

    Args:
        now: g(0) = s + p, at least 0.
        opposite: g(pi) = s - p.
        slope: g'(0) = q.

    Returns:
        cot(t / 2) at the first exit forwards, t in (0, 2 pi), and at the first backwards, t in (-2 pi, 0). Where g has
        no root they are smaller than all others, and larger.
    """
    inside = slope.square() - now * opposite
    crosses = inside >= 0
    # Of the two forms of each root the one without a difference of nearly equal numbers.
    long = slope.abs() + inside.clamp_min(0).sqrt()
    near, far = long / now.clamp_min(_TINY), opposite / long.clamp_min(_TINY)
    rising = slope > 0
    forwards = torch.where(rising, -far, near)
    backwards = torch.where(rising, -near, far)
    return torch.where(crosses, forwards, -_NEVER), torch.where(crosses, backwards, _NEVER)


class Arc:
    """The allowed angles around 0, narrowed by one set of inequalities after the other.

    Args:
        like: (batch,) float32, for its size.

    Attributes:
        lower: (batch,) in [-2 pi, 0].
        upper: (batch,) in [0, 2 pi].
    """

    def __init__(self, like: Tensor) -> None:
        self.lower, self.upper = torch.full_like(like, -2 * pi), torch.full_like(like, 2 * pi)

    def linear(self, now: Tensor, opposite: Tensor, slope: Tensor) -> None:
        """Stay where g >= 0 for g = s + p cos t + q sin t: (batch, inequalities) each; see ``crossings``.

        An inequality that does not hold at 0 may not get worse.
        """
        shift = (-now).clamp_min(0)
        forwards, backwards = crossings(now + shift, opposite + shift, slope)
        self._cut(forwards.amax(1), backwards.amin(1), 1.0)

    def ball(self, limit: Tensor, state: Tensor, draw: Tensor, mixed: Tensor) -> None:
        """Stay where |z cos t + nu sin t|^2 <= limit, or at most |z|^2 where that is more.

        Args:
            limit: (batch,).
            state: |z|^2 (batch,).
            draw: |nu|^2 (batch,).
            mixed: z nu (batch,).
        """
        limit = torch.maximum(limit, state)
        forwards, backwards = crossings(limit - state, limit - draw, -mixed)
        self._cut(forwards, backwards, 0.5)

    def _cut(self, forwards: Tensor, backwards: Tensor, turn: float) -> None:
        upper, lower = (pi - 2 * torch.atan(forwards)) * turn, (-pi - 2 * torch.atan(backwards)) * turn
        none = 2 * pi
        self.upper = torch.minimum(self.upper, torch.where(forwards > -_NEVER / 2, upper, none))
        self.lower = torch.maximum(self.lower, torch.where(backwards < _NEVER / 2, lower, -none))

    def first(self, uniform: Tensor) -> Tensor:
        """A first angle, uniform on the arc, or on the circle where nothing narrows it: (batch,) U(0, 1) -> (batch,).

        A circle is cut open at its first angle, which may be refused; an arc is open already. Seen from any point of
        either, the same cut is equally likely, so that further angles from ``shrink`` keep the walk reversible (Murray
        et al. 2010, section 2.2; Neal, "Slice sampling", 2003, section 4.2).
        """
        whole = (self.upper - self.lower) > 3 * pi  # 4 pi; arcs that end have 2 pi at most
        angle = torch.where(whole, 2 * pi * uniform, self.lower + uniform * (self.upper - self.lower))
        self.lower = torch.where(whole, angle - 2 * pi, self.lower)
        self.upper = torch.where(whole, angle, self.upper)
        return angle

    def shrink(self, refused: Tensor, uniform: Tensor) -> Tensor:
        """The next angle after ``refused``, nearer to 0: (batch,) each."""
        self.upper = torch.where(refused > 0, refused, self.upper)
        self.lower = torch.where(refused > 0, self.lower, refused)
        return self.lower + uniform * (self.upper - self.lower)
