"""Charts as positions in a view box: linear and logarithmic axes, ticks, lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from duetbench.leaderboard.report.views import Chart, Tick

WIDTH, HEIGHT = 640.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 10.0, 34.0
"""Margins around the area of the points."""


@dataclass(frozen=True)
class Axis:
    """Maps values to positions.

    Args:
        low: Value at `start`.
        high: Value at `end`; greater than `low`.
        start: Position of `low`.
        end: Position of `high`.
        is_log: Whether equal ratios have equal distances; both values are then positive.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """The position of a value, with one decimal."""
        low, high, value = map(self._scaled, (self.low, self.high, value))
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.is_log else value

    def ticks(self, text: Callable[[float], str]) -> list[Tick]:
        """Round values within the axis with their texts."""
        return [Tick(self.at(value), text(value)) for value in self._round_values()]

    def _round_values(self) -> list[float]:
        if self.is_log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            factors = (1.0,) if last - first > 2 else (1.0, 2.0, 5.0)
            values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
        else:
            step = _step(self.high - self.low)
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            values = [number * step for number in range(first, last + 1)]
        return [value for value in values if self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)]


def _step(span: float) -> float:
    """A round distance of ticks: about five of them in the span."""
    power = 10.0 ** math.floor(math.log10(span / 5))
    return next((factor * power for factor in (1, 2, 5) if span / (factor * power) <= 6), 10 * power)


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """The smallest and the largest value with some room around them; never equal."""
    low, high = min(values), max(values)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room


def line(points: Sequence[tuple[float, float]]) -> str:
    """Positions as the `points` of a line."""
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def curve(title: str, points: Sequence[tuple[float, float]], *, is_marked: bool = False) -> Chart | None:
    """A small chart of a quantity over the updates of a training; None without two points."""
    known = [(x, y) for x, y in points if math.isfinite(y)]
    if len(known) < 2:
        return None
    width, height = 260.0, 130.0
    x = Axis(known[0][0], max(known[-1][0], known[0][0] + 1), 40.0, width - 8)
    y = Axis(*padded([value for _, value in known]), height - 20, 8.0)
    shown = _thinned(known)
    lines = [("curve marked" if is_marked else "curve", line([(x.at(at), y.at(value)) for at, value in shown]))]
    description = f"{title}: from {known[0][1]:.3g} to {known[-1][1]:.3g} over {known[-1][0]:g} updates"
    x_ticks = [Tick(x.at(at), f"{at:g}") for at in (known[0][0], known[-1][0])]
    return Chart(title, "", "", width, height, x_ticks, y.ticks("{:.3g}".format), (), lines, description)


def _thinned(points: Sequence[tuple[float, float]], n: int = 120) -> list[tuple[float, float]]:
    step = max(1, math.ceil(len(points) / n))
    return [*points[:-1:step], points[-1]]
