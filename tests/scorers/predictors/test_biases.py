"""Damped biases and medians."""

from __future__ import annotations

import statistics
from random import Random

import numpy as np
import pytest

from duetbench.scorers.predictors.biases import damped_medians


@pytest.mark.parametrize(
    ("values", "damping", "expected"),
    [
        ([1.0, 2.0, 3.0], 0, 2.0),
        ([1.0, 2.0, 3.0], 1, 1.0),  # 0, 1, 2, 3: every number from 1 to 2 is a median
        ([1.0, 2.0, 3.0], 3, 0.0),
        ([-3.0, -2.0, 1.0], 0, -2.0),
        ([-3.0, -2.0, 1.0], 1, 0.0),
        ([1.0, 3.0], 0, 1.0),
        ([-1.0, 3.0], 0, 0.0),
    ],
)
def test_damped_median_by_hand(values: list[float], damping: float, expected: float) -> None:
    assert damped_medians(np.zeros(len(values), dtype=int), np.array(values), damping).tolist() == [expected]


def test_damped_medians_minimise_the_absolute_error() -> None:
    random = Random(0)
    for damping in (0, 1, 2, 5):
        values = [random.uniform(-2, 2) for _ in range(random.randint(1, 9))]
        result = damped_medians(np.zeros(len(values), dtype=int), np.array(values), damping)[0]
        padded = [*values, *[0.0] * damping]
        best = statistics.median_low(padded)
        assert sum(abs(v - result) for v in padded) == pytest.approx(sum(abs(v - best) for v in padded))


def test_owners_are_independent() -> None:
    owner, values = np.array([1, 0, 1, 1, 0]), np.array([1.0, -4.0, 2.0, 3.0, -2.0])
    assert damped_medians(owner, values, 0).tolist() == [-2.0, 2.0]
