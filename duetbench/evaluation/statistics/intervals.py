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

_ROUNDING = 1e-10
"""Standard errors below this, relative to the largest mean, are zero up to the rounding of floats."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval."""

    estimate: float
    low: float
    high: float


def interval(of: Uncertainty, contrast: Floats, *, alpha: float = ALPHA) -> Interval | None:
    """The interval of a weighted sum of the columns at level 1 - alpha.

    None if there are fewer than two users, or if nothing varies between them: two pairs that happen to agree do not
    make a certain value.
    """
    if of.n_users < 2:
        return None
    estimate, variance = float(contrast @ of.means), of.variance(contrast)
    if not varies(of, variance):
        return None
    half = half_width(variance, alpha)
    return Interval(estimate, estimate - half, estimate + half)


def half_width(variance: Variance, alpha: float) -> float:
    """Half of the width of a two-sided interval at level 1 - alpha."""
    return critical_value(variance.df, alpha) * math.sqrt(variance.total)


def critical_value(df: float, alpha: float) -> float:
    """The value that the absolute t statistic exceeds with probability alpha.

    The functions of `scipy.special` are those behind `scipy.stats.t`, whose checks of arguments take 50 times longer.
    """
    from scipy.special import stdtrit

    return float(stdtrit(df, 1 - alpha / 2))


def varies(of: Uncertainty, variance: Variance) -> bool:
    """Whether a variance is more than the rounding of floats."""
    scale = max(1.0, float(abs(of.means).max()))
    return math.sqrt(variance.total) > _ROUNDING * scale


def difference_p(of: Uncertainty, contrast: Floats) -> float | None:
    """The two-sided p-value of the hypothesis that a difference is zero; None if there are fewer than two users.

    With at most EXACT_USERS users it is the larger one of two: that of the t statistic, which knows items and seeds but
    relies on an approximation, and that of the exact test of users, which relies on symmetry only. A standard error of
    zero is no evidence, however many users there are: with few users or ratings without decimals it is chance. Then
    the exact test alone counts; users that all differ in the same direction have a p-value of 2^(1 - users).
    """
    from scipy.special import stdtr

    if of.n_users < 2:
        return None
    estimate, variance = abs(float(contrast @ of.means)), of.tail_variance(contrast)
    if not varies(of, variance):
        return _p_without_variance(of.user_sums @ contrast)
    p = 2 * float(stdtr(variance.df, -estimate / math.sqrt(variance.total)))
    return max(p, sign_flip_p(of.user_sums @ contrast)) if of.n_users <= EXACT_USERS else p


def _p_without_variance(differences: Floats) -> float:
    """The p-value of the exact test of users whose differences are equal, or zero."""
    clear = abs(differences) > _ROUNDING * max(1.0, float(abs(differences).max()))
    same = (differences[clear] > 0).all() or (differences[clear] < 0).all()
    return min(1.0, 2.0 ** (1 - int(clear.sum()))) if same and clear.any() else 1.0
