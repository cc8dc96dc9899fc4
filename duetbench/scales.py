"""Rating scales: their labels as numbers and as texts, their steps, and the map from one scale to another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

MAX_LABELS = 101
"""Labels of the longest scale, 0 to 100. Numbers with more values are amounts, or measured on no scale."""

_DECIMALS = 6
"""Decimals that a label may have; float32 columns hold no more."""
_SNAP = 1e-6
"""A number that is closer than this to a label of a scale is that label: maps between scales round."""


def normalized(labels: Iterable[float]) -> tuple[float, ...]:
    """The labels as plain numbers: whole ones as int, so that texts and JSON show decimals only where they exist."""
    return tuple(int(label) if float(label).is_integer() else float(label) for label in labels)


def label_text(label: float) -> str:
    """The label as people write it: `10`, `0.5`, `-3`; never in scientific notation."""
    text = f"{float(label):.{_DECIMALS}f}"
    return text.rstrip("0").rstrip(".")


def step_of(labels: Sequence[float]) -> float | None:
    """The distance between neighbours; None if it is not the same everywhere."""
    steps = {round(high - low, _DECIMALS) for low, high in itertools.pairwise(labels)}
    return steps.pop() if len(steps) == 1 else None


def steps_text(labels: Sequence[float]) -> str:
    """What the ends of a scale leave open, to be read after them: ` in steps of 0.5`, ` (one of 0, 4, 10)`.

    Empty for steps of 1 between whole numbers.
    """
    step = step_of(labels)
    if step is None:
        return f" (one of {', '.join(map(label_text, labels))})"
    is_plain = step == 1 and float(labels[0]).is_integer()
    return "" if is_plain else f" in steps of {label_text(step)}"


def scale_text(labels: Sequence[float]) -> str:
    """The scale in words: `1 to 5`, `0.5 to 5 in steps of 0.5`, `0 to 10 (one of 0, 4, 10)`."""
    return f"{label_text(labels[0])} to {label_text(labels[-1])}{steps_text(labels)}"


def parse_labels(text: str) -> tuple[float, ...]:
    """The labels of `1,2,3,4,5`, or of a range with an optional step: `1:10`, `0.5:5:0.5`.

    Raises:
        ValueError: it is neither, or has fewer than 2 or more than MAX_LABELS labels.
    """
    numbers = [_decimal(part) for part in text.split(":" if ":" in text else ",")]
    if ":" not in text:
        return _checked(sorted(set(numbers)))
    if len(numbers) not in (2, 3):
        raise ValueError("a range is FROM:TO or FROM:TO:STEP")
    low, high, step = (*numbers, Decimal(1))[:3]
    if step <= 0 or low >= high or (high - low) % step:
        raise ValueError("a range goes up, in whole steps above 0")
    return _checked(_grid(low, high, step))


def grid_of(values: Iterable[float]) -> tuple[float, ...]:
    """The shortest scale in equal steps, from the lowest to the highest value, that has all of the values.

    Raises:
        ValueError: it has fewer than 2 or more than MAX_LABELS labels.
    """
    numbers = sorted({_decimal(f"{value:.{_DECIMALS}f}") for value in values})
    unit = 10**_DECIMALS
    step = math.gcd(*(int((number - numbers[0]) * unit) for number in numbers)) if numbers else 0
    return _checked(_grid(numbers[0], numbers[-1], Decimal(step) / unit) if step else numbers)


def nearest(value: float, labels: Sequence[float]) -> float:
    """The nearest label; in the middle between two, up to rounding, the upper one."""
    return min(labels, key=lambda label: (round(abs(label - value), 9), -label))


def mapped(value: float, source: Sequence[float], target: Sequence[float]) -> float:
    """The value on another scale, where the ends of the one are those of the other; a label remains exact."""
    share = (value - source[0]) / (source[-1] - source[0])
    moved = target[0] + share * (target[-1] - target[0])
    label = nearest(moved, target)
    return float(label if abs(label - moved) < _SNAP else moved)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{text.strip()!r} is not a number") from None
    if not number.is_finite() or round(number, _DECIMALS) != number:
        raise ValueError(f"{text.strip()!r} has more than {_DECIMALS} decimals, or is not finite")
    return number


def _grid(low: Decimal, high: Decimal, step: Decimal) -> list[Decimal]:
    n = int((high - low) / step) + 1
    if n > MAX_LABELS:
        raise ValueError(f"{n:,} labels are more than {MAX_LABELS}")
    return [low + position * step for position in range(n)]


def _checked(labels: Sequence[Decimal]) -> tuple[float, ...]:
    if not 2 <= len(labels) <= MAX_LABELS:
        raise ValueError(f"a scale has 2 to {MAX_LABELS} labels, got {len(labels):,}")
    return normalized(map(float, labels))
