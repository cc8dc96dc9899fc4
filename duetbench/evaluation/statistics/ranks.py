"""Simultaneous confidence intervals of ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from duetbench.evaluation.statistics.adjustment import DRAWS, simultaneous_level, standardized_draws
from duetbench.evaluation.statistics.intervals import ALPHA

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from duetbench.evaluation.statistics.crossed import Floats, Uncertainty

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
    """Two-sided level of a single comparison in the first step."""


def rank_intervals(of: Uncertainty, *, alpha: float = ALPHA, draws: int = DRAWS, seed: int = 0) -> Ranking:
    """Intervals that contain all true ranks together with probability 1 - alpha.

    All ordered pairs of columns are tested at once. After each step the hypotheses that were rejected are left out, and
    the others are tested against the largest of the remaining statistics. A column's best rank is 1 + the number of
    columns that are certainly better, its worst one the number of columns that are not certainly worse. With fewer than
    two users every rank is possible.

    Source: Mogstad, Romano, Shaikh and Wilhelm 2024; step down: Romano and Wolf 2005.
    """
    import numpy as np

    n = len(of.means)
    better = np.zeros((n, n), dtype=bool)
    level = alpha
    if n > 1 and of.n_users > 1:
        better, level = _certainly_better(of, alpha, draws, seed)
    intervals = [RankInterval(1 + int(better[:, row].sum()), n - int(better[row].sum())) for row in range(n)]
    return Ranking(intervals, better, level)


def _certainly_better(of: Uncertainty, alpha: float, draws: int, seed: int) -> tuple[Flags, float]:
    import numpy as np

    n = len(of.means)
    pairs = [(first, second) for first in range(n) for second in range(first + 1, n)]
    contrasts = np.stack([of.contrast(first, second) for first, second in pairs])
    p_values = _one_sided_p(of, contrasts)  # of "first >= second"; of "second >= first" it is 1 - p
    both = np.concatenate([p_values, 1 - p_values])
    normal = standardized_draws(of.covariance(), contrasts, draws=draws, seed=seed)
    rejected = np.zeros(len(both), dtype=bool)
    first_level = None
    while not rejected.all():
        upper, lower = ~rejected[: len(pairs)], ~rejected[len(pairs) :]
        largest = np.maximum(
            normal[:, upper].max(axis=1, initial=-np.inf), (-normal[:, lower]).max(axis=1, initial=-np.inf)
        )
        level = simultaneous_level(largest, alpha)
        first_level = first_level or 2 * level
        new = (both <= level) & ~rejected
        if not new.any():
            break
        rejected |= new
    better = np.zeros((n, n), dtype=bool)
    for position, (first, second) in enumerate(pairs):
        better[first, second], better[second, first] = rejected[position], rejected[position + len(pairs)]
    return better, first_level or alpha


def _one_sided_p(of: Uncertainty, contrasts: Floats) -> Floats:
    """The p-values of the hypotheses that a contrast is not negative; small if it is certainly negative."""
    import numpy as np
    from scipy.stats import t

    variances = [of.variance(contrast) for contrast in contrasts]
    estimates = contrasts @ of.means
    ses, dfs = np.sqrt([part.total for part in variances]), np.array([part.df for part in variances])
    certain = np.copysign(np.where(estimates == 0, 0.0, np.inf), estimates)  # of a difference that does not vary
    statistics = np.divide(estimates, ses, out=certain, where=ses > 0)
    p_values: Floats = t.cdf(statistics, dfs)
    return p_values
