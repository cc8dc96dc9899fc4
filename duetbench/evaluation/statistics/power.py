"""Minimum detectable effects, and the sample with which a difference would be detected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from duetbench.evaluation.statistics.intervals import ALPHA

if TYPE_CHECKING:
    from duetbench.evaluation.statistics.crossed import Variance

POWER = 0.8


def minimum_detectable_effect(variance: Variance, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The true difference that a two-sided test at level alpha detects with this power.

    (t(1 - alpha/2) + t(power)) * standard error, with the degrees of freedom of the variance.

    Args:
        alpha: Level of the single comparison, after adjustment for others.
    """
    return _quantiles(variance.df, alpha, power) * math.sqrt(variance.total)


def _quantiles(df: float, alpha: float, power: float) -> float:
    from scipy.stats import t

    return float(t.ppf(1 - alpha / 2, df) + t.ppf(power, df))


class NeededSample(NamedTuple):
    """What must be added so that a difference of the observed size would be detected."""

    users: int | None
    """Additional users, with their items; None: more users alone are not enough."""
    seeds: int | None
    """Additional seeds per row; None: more seeds alone are not enough, or no row has several."""
    together: bool
    """True: both are needed, as neither is enough alone; False: either is."""


def needed_sample(
    difference: float, variance: Variance, *, n_users: int, n_seeds: int, alpha: float = ALPHA, power: float = POWER
) -> NeededSample | None:
    """The number of users or seeds to add; None if the difference is zero.

    The variance of the sample falls in proportion to the number of users (with items in the same proportion), that of
    the seeds in proportion to the number of seeds. Degrees of freedom are those of the larger sample's normal limit.

    Args:
        difference: The observed difference, taken for the true one.
        n_seeds: The smaller number of seeds of the two rows.
    """
    if difference == 0:
        return None
    target = (difference / _quantiles(math.inf, alpha, power)) ** 2
    by_seeds = sum(variance.seeds)
    users = _additional(n_users, variance.sample, target - by_seeds)
    seeds = _additional(n_seeds, by_seeds, target - variance.sample)
    if users is not None or seeds is not None or by_seeds <= 0:
        return NeededSample(users, seeds, together=False)
    return NeededSample(
        _additional(n_users, variance.total, target), _additional(n_seeds, variance.total, target), together=True
    )


def _additional(n: int, variance: float, allowed: float) -> int | None:
    """The number to add to n so that a variance falls to `allowed` in proportion to the number."""
    if allowed <= 0 or variance <= 0:
        return None
    return max(1, math.ceil(n * variance / allowed) - n)
