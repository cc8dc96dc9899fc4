"""Minimum detectable effects, and the sample with which a difference would be detected."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from duetbench.evaluation.statistics.intervals import ALPHA, critical_value

if TYPE_CHECKING:
    from duetbench.evaluation.statistics.crossed import Variance

POWER = 0.8
MAX_NEEDED = 100_000
"""More users or seeds than this are no realistic answer."""


def minimum_detectable_effect(
    variance: Variance, *, alpha: float = ALPHA, power: float = POWER, largest: float = math.inf
) -> float | None:
    """The true difference that a two-sided test at level alpha detects with this power.

    None: nothing varies, or the difference would be above `largest`.

    Args:
        variance: That of the test (`Uncertainty.tail_variance`).
        alpha: Level of the single comparison, after adjustment for others.
        largest: The largest possible difference.

    Source: noncentral t, as statsmodels' TTestPower; the wrong direction, which is negligible, is left out.
    """
    if variance.total <= 0:
        return None
    effect = _noncentrality(variance.df, alpha, power) * math.sqrt(variance.total)
    return effect if effect <= largest else None


def _noncentrality(df: float, alpha: float, power: float) -> float:
    """The ratio of effect and standard error that is detected with this power."""
    from scipy.optimize import brentq

    critical = critical_value(df, alpha)
    high = critical + 2.0
    while _power(high, critical, df) < power:
        high *= 2
    return float(brentq(lambda ratio: _power(ratio, critical, df) - power, 0.0, high, xtol=1e-4))


def _power(ratio: float, critical: float, df: float) -> float:
    """The probability that a noncentral t statistic is above its critical value."""
    from scipy.special import nctdtr, ndtr

    return 1 - float(nctdtr(df, ratio, critical) if df < _NORMAL_DF else ndtr(critical - ratio))


_NORMAL_DF = 10_000
"""Degrees of freedom from which Student's t is normal for this purpose."""


class NeededSample(NamedTuple):
    """What must be added so that a difference of the observed size would be detected, rounded up to two digits."""

    users: int | None
    """Additional users, with their items; None: no number up to MAX_NEEDED is enough without more seeds."""
    seeds: int | None
    """Additional seeds per row; None: no number is enough without more users, or no row has several."""
    together: bool
    """True: both are needed, as neither is enough alone; False: either is."""


def needed_sample(
    difference: float, variance: Variance, *, n_users: int, n_seeds: int, alpha: float = ALPHA, power: float = POWER
) -> NeededSample | None:
    """The number of users or seeds to add; None if the difference is zero or nothing varies.

    The variance of the sample falls in proportion to the number of users (with items in the same proportion), that of
    the seeds in proportion to the number of seeds. Degrees of freedom grow in the same proportions.

    Args:
        difference: The observed difference, taken for the true one.
        variance: That of the test (`Uncertainty.tail_variance`).
        n_seeds: The smaller number of seeds of the two rows.
    """
    if difference == 0 or variance.total <= 0:
        return None

    def detects(users: float = 1.0, seeds: float = 1.0) -> bool:
        return _detects(difference, _scaled(variance, users, seeds), alpha, power)

    users = _additional(n_users, lambda factor: detects(users=factor))
    seeds = _additional(n_seeds, lambda factor: detects(seeds=factor)) if variance.seeds else None
    if users is not None or seeds is not None or not sum(variance.seeds):
        return NeededSample(users, seeds, together=False)
    return NeededSample(
        _additional(n_users, lambda factor: detects(factor, factor)),
        _additional(n_seeds, lambda factor: detects(factor, factor)),
        together=True,
    )


def _scaled(variance: Variance, users: float, seeds: float) -> Variance:
    """The variance with so many times the users, and so many times the seeds."""
    return replace(
        variance,
        sample=variance.sample / users,
        sample_df=variance.sample_df * users,
        seeds=tuple(part / seeds for part in variance.seeds),
        seed_dfs=tuple(df * seeds for df in variance.seed_dfs),
    )


def _detects(difference: float, variance: Variance, alpha: float, power: float) -> bool:
    ratio, critical = abs(difference) / math.sqrt(variance.total), critical_value(variance.df, alpha)
    return ratio > critical and _power(ratio, critical, variance.df) >= power


_ROUND = (*range(1, 100), *(n * unit for unit in (10, 100, 1000) for n in range(10, 100)), MAX_NEEDED)
"""The numbers of at most two digits and zeros, ascending."""


def _additional(n: int, is_enough: Callable[[float], bool]) -> int | None:
    """The smallest number to add to n with which a larger sample is enough, rounded up to two digits.

    Args:
        is_enough: Of the larger sample / the present one; true of all samples from some size on.
    """
    position = bisect_left(_ROUND, True, key=lambda more: is_enough((n + more) / n))
    return _ROUND[position] if position < len(_ROUND) else None
