"""Simultaneous confidence intervals of ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from duetbench.evaluation.statistics.adjustment import holm
from duetbench.evaluation.statistics.intervals import ALPHA, difference_p
from duetbench.evaluation.statistics.sign_flip import users_needed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from duetbench.evaluation.statistics.crossed import Uncertainty

    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RankInterval:
    """The ranks that are compatible with the data; 1 is the smallest mean."""

    best: int
    worst: int


class Ranking(NamedTuple):
    """Rank intervals of all columns, and what they follow from."""

    intervals: list[RankInterval]
    is_better: Flags
    """(columns, columns): whether the mean of the first is smaller than that of the second, beyond doubt."""
    level: float
    """Level of a single pair in the first step."""


def rank_intervals(of: Uncertainty, *, alpha: float = ALPHA) -> Ranking:
    """Intervals that contain all true ranks together with probability 1 - alpha.

    All ordered pairs of columns are tested at once, with Holm's step down. A column's best rank is 1 + the number of
    columns that are certainly better, its worst one the number of columns that are not certainly worse. With fewer
    users than `users_needed` for the number of pairs every rank is possible.

    The critical values of the max-t method (Romano and Wolf 2005) would be 3 % smaller, but they depend on the
    estimated covariance of all columns: with 129 users they told equal columns apart on 6 to 8 % of boards, not 5 %.
    The seeds of one column are too few for tests at small levels, so that their variance is that of all columns.

    Source: Mogstad, Romano, Shaikh and Wilhelm 2024; step down: Holm 1979.
    """
    import numpy as np

    n = len(of.means)
    first, second = np.triu_indices(n, 1)
    better, level = np.zeros((n, n), dtype=bool), alpha / max(len(first), 1)
    if n > 1 and of.n_users >= users_needed(len(first), alpha):
        pooled = of.with_pooled_seeds()
        contrasts = [of.contrast(int(a), int(b)) for a, b in zip(first, second, strict=True)]
        # the two-sided p-value of a pair with its direction: at most one of its two one-sided hypotheses is false
        p_values = [p for contrast in contrasts if (p := difference_p(pooled, contrast)) is not None]
        certain, estimates = np.array(holm(p_values)) < alpha, of.means[first] - of.means[second]
        better[first, second] = certain & (estimates < 0)
        better[second, first] = certain & (estimates > 0)
    intervals = [RankInterval(1 + int(better[:, row].sum()), n - int(better[row].sum())) for row in range(n)]
    return Ranking(intervals, better, level)
