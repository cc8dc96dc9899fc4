"""Intervals and p-values of means and of their differences, from variances and Student's t."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duetbench.evaluation.statistics.sign_flip import EXACT_USERS, sign_flip_p

if TYPE_CHECKING:
    from duetbench.evaluation.statistics.crossed import Floats, Uncertainty, Variance

ALPHA = 0.05
"""Level of significance of tests, and 1 - level of intervals."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval."""

    estimate: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero is outside of the interval."""
        return self.low > 0 or self.high < 0


def interval(of: Uncertainty, contrast: Floats, *, alpha: float = ALPHA) -> Interval | None:
    """The interval of a weighted sum of the columns at level 1 - alpha; None if there are fewer than two users."""
    if of.n_users < 2:
        return None
    estimate = float(contrast @ of.means)
    half = half_width(of.variance(contrast), alpha)
    return Interval(estimate, estimate - half, estimate + half)


def half_width(variance: Variance, alpha: float) -> float:
    """Half of the width of a two-sided interval at level 1 - alpha."""
    from scipy.stats import t

    quantile = float(t.ppf(1 - alpha / 2, variance.df))
    return quantile * math.sqrt(variance.total)


def difference_p(of: Uncertainty, contrast: Floats) -> float | None:
    """The two-sided p-value of the hypothesis that a difference is zero; None if there are fewer than two users.

    With at most EXACT_USERS users it is the larger one of two: that of the t statistic, which knows items and seeds but
    relies on an approximation, and that of the exact test of users, which relies on symmetry only.
    """
    from scipy.stats import t

    if of.n_users < 2:
        return None
    estimate, variance = abs(float(contrast @ of.means)), of.tail_variance(contrast)
    if variance.total <= 0:
        p = 1.0 if estimate == 0 else 0.0
    else:
        p = 2 * float(t.sf(estimate / math.sqrt(variance.total), variance.df))
    return max(p, sign_flip_p(of.user_sums @ contrast)) if of.n_users <= EXACT_USERS else p
