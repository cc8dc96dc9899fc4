from __future__ import annotations

import numpy as np
import pytest

from duetbench.evaluation.statistics import Columns, Uncertainty, smallest_gain, uncertainty
from duetbench.evaluation.statistics.intervals import interval

USERS = [f"u{row // 4}" for row in range(400)]
ITEMS = [f"i{row % 50}" for row in range(400)]


def _of(*means: float, seed: int = 0) -> Uncertainty:
    rng = np.random.default_rng(seed)
    return uncertainty(Columns([rng.normal(mean, 1, (1, 400)) for mean in means], USERS, ITEMS))


def test_gain_over_one_control_is_the_difference() -> None:
    of = _of(0.0, 1.0)
    gain, plain = smallest_gain(of, 0, [1], lower_is_better=True), interval(of, of.contrast(1, 0))
    assert gain is not None
    assert plain is not None
    assert (gain.interval.estimate, gain.interval.low) == pytest.approx((plain.estimate, plain.low))
    assert gain.interval.high == pytest.approx(plain.high)


def test_strongest_control_counts() -> None:
    of = _of(0.0, 2.0, 0.5)
    gain = smallest_gain(of, 0, [1, 2], lower_is_better=True)
    assert gain is not None
    assert gain.control == 2
    assert gain.interval.estimate == pytest.approx(of.means[2] - of.means[0])


def test_gain_is_positive_where_higher_is_better() -> None:
    gain = smallest_gain(_of(1.0, 0.0, 0.2), 0, [1, 2], lower_is_better=False)
    assert gain is not None
    assert gain.control == 2
    assert gain.interval.low > 0


def test_no_control_is_no_gain() -> None:
    assert smallest_gain(_of(0.0, 1.0), 0, [], lower_is_better=True) is None


def test_a_control_that_agrees_exactly_leaves_no_interval() -> None:
    values = np.random.default_rng(0).normal(0, 1, (1, 400))
    of = uncertainty(Columns([values, values, values + 1], USERS, ITEMS))
    assert smallest_gain(of, 0, [1, 2], lower_is_better=True) is None


@pytest.mark.slow
def test_interval_holds_the_true_gain_however_many_controls_are_equal() -> None:
    covered, n = 0, 400
    for seed in range(n):
        gain = smallest_gain(_of(*[0.0] * 6, seed=seed), 0, range(1, 6), lower_is_better=True)
        assert gain is not None
        covered += gain.interval.low <= 0 <= gain.interval.high
    assert 0.93 <= covered / n <= 1
