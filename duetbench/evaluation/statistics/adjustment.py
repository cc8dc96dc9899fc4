"""Adjustment of p-values for several comparisons."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for multiple comparisons, same order.

    Source: Holm 1979, step down.
    """
    order = sorted(range(len(p_values)), key=lambda position: p_values[position])
    adjusted = [0.0] * len(order)
    running = 0.0
    for step, position in enumerate(order):
        running = max(running, min(1.0, (len(order) - step) * p_values[position]))
        adjusted[position] = running
    return adjusted
