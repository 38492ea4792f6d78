"""From a factor's value to its points: straight lines between a policy's points, clamped at both ends.

Points are hundredths, rounded half-even; all arithmetic is exact, so that every machine says the same.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from itertools import pairwise
from math import lcm

from services.tiering.rules.rounding import half_even

PREC = 60
NEAR = Decimal("1e-20")


@dataclass(frozen=True, slots=True)
class Line:
    """Straight in x. `xs` are multiplied by `scale`, which makes them whole."""

    scale: int
    xs: tuple[int, ...]
    ys: tuple[int, ...]

    def points(self, numerator: int, denominator: int) -> int:
        """Points at the value numerator / denominator (denominator above zero)."""
        x = numerator * self.scale
        xs, ys = self.xs, self.ys
        if x <= xs[0] * denominator:
            return ys[0]
        for i in range(1, len(xs)):
            if x < xs[i] * denominator:
                width = (xs[i] - xs[i - 1]) * denominator
                rise = (ys[i] - ys[i - 1]) * (x - xs[i - 1] * denominator)
                return half_even(ys[i - 1] * width + rise, width)
        return ys[-1]

    def least(self, points: int, denominator: int, low: int) -> int | None:
        """The least numerator from `low` on with at least so many points; None when there is none."""
        if self.points(low, denominator) >= points:
            return low
        xs, ys = self.xs, self.ys
        if points > ys[-1]:
            return None
        i = bisect_left(ys, points)
        rise, width = ys[i] - ys[i - 1], xs[i] - xs[i - 1]
        # Where the exact value lies half a point below, which rounds up to an even number of points and not to an odd.
        edge = ((2 * (points - ys[i - 1]) - 1) * width + 2 * rise * xs[i - 1]) * denominator
        per_unit = 2 * rise * self.scale
        return edge // per_unit + 1 if points % 2 else -(-edge // per_unit)


def line(points: tuple[tuple[Fraction, int], ...]) -> Line:
    """The line through points (x, hundredths), with ascending x."""
    scale = lcm(*(x.denominator for x, _ in points))
    return Line(scale, tuple(int(x * scale) for x, _ in points), tuple(y for _, y in points))


@dataclass(frozen=True, slots=True)
class Steps:
    """Straight in log10 x, for whole x: `steps[n]` is the least x with more than `lowest + n` hundredths.

    A policy's curve has at most 1,000 steps of a hundredth. Where they lie is computed once, with 60 digits; from
    then on points are a search among whole numbers, exact and quick.
    """

    lowest: int
    steps: tuple[int, ...]

    def points(self, x: int) -> int:
        """Points at x."""
        return self.lowest + bisect_right(self.steps, x)

    @property
    def highest(self) -> int:
        """The most points there are."""
        return self.lowest + len(self.steps)

    def least(self, points: int, low: int) -> int | None:
        """The least x from `low` on with at least so many points; None when there is none."""
        place = points - self.lowest
        if place <= 0:
            return low
        return max(low, self.steps[place - 1]) if place <= len(self.steps) else None


def log_steps(points: tuple[tuple[int, int], ...]) -> Steps:
    """The steps of a curve through points (whole x above zero, hundredths), with ascending x and y."""
    lowest, highest = points[0][1], points[-1][1]
    steps = []
    for (x0, y0), (x1, y1) in pairwise(points):
        steps += [_step(x0, x1, Fraction(2 * y + 1 - 2 * y0, 2 * (y1 - y0)), y) for y in range(y0, y1)]
    assert len(steps) == highest - lowest, "one step for each hundredth"
    return Steps(lowest, tuple(steps))


def _step(x0: int, x1: int, share: Fraction, y: int) -> int:
    """The least whole x whose points round to more than y, when y + 1/2 lies `share` of the way from x0 to x1."""
    context = Context(prec=PREC)
    ratio = context.divide(Decimal(x1), Decimal(x0))
    part = context.divide(Decimal(share.numerator), Decimal(share.denominator))
    exact = context.multiply(Decimal(x0), context.power(ratio, part))
    near = int(exact.to_integral_value())
    if abs(context.subtract(exact, Decimal(near))) < NEAR and _lies_at(near, x0, x1, share):
        return near if y % 2 else near + 1  # a tie goes to the even one
    return int(exact.to_integral_value(ROUND_CEILING))


def _lies_at(x: int, x0: int, x1: int, share: Fraction) -> bool:
    """Whether x is exactly x0 (x1 / x0)^share."""
    return Fraction(x, x0) ** share.denominator == Fraction(x1, x0) ** share.numerator
