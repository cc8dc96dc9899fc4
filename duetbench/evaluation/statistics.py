"""Confidence intervals of MAE and of its differences: a bootstrap over users with paired resamples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the percentile interval of its bootstrap."""

    estimate: float
    low: float
    high: float
    p: float | None = None
    """Two-sided bootstrap p-value of the hypothesis of no difference; None if the estimate is not a difference."""

    @property
    def excludes_zero(self) -> bool:
        """Whether zero is outside of the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Means of several columns over pairs, and the same means over resampled users.

    All columns see the same draws, so the difference of two columns of `draws` is a paired difference.
    """

    means: Floats  # (columns,)
    draws: Floats  # (resamples, columns)
    n_users: int

    def interval(self, column: int, *, level: float = LEVEL) -> Interval | None:
        """The mean of one column; None if there are fewer than two users, since resamples then do not vary."""
        return self._interval(float(self.means[column]), self.draws[:, column], level)

    def difference(self, column: int, other: int, *, level: float = LEVEL) -> Interval | None:
        """Mean of `column` minus mean of `other` on the same pairs; None if there are fewer than two users."""
        draws = self.draws[:, column] - self.draws[:, other]
        interval = self._interval(float(self.means[column] - self.means[other]), draws, level)
        return None if interval is None else replace(interval, p=_two_sided_p(draws))

    def _interval(self, estimate: float, draws: Floats, level: float) -> Interval | None:
        import numpy as np

        if self.n_users < 2:
            return None
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
        return Interval(estimate, float(low), float(high))


def _two_sided_p(draws: Floats) -> float:
    """The p-value of a difference, never 0: B resamples resolve 1 / (B + 1). Draws of exactly 0 count on both sides."""
    less, more = int((draws <= 0).sum()), int((draws >= 0).sum())
    return min(1.0, 2 * (1 + min(less, more)) / (1 + len(draws)))


def bootstrap(values: Floats, users: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0) -> Bootstrap:
    """Means over pairs, and the same means over resampled users with all of their pairs.

    Users and not pairs are resampled, since the errors of one user are not independent of each other.

    Args:
        values: (pairs, columns), such as the absolute errors of several cells on the same pairs.
        users: The user of each pair.
        resamples: Number of resamples; each draws as many users as there are, with replacement.

    Raises:
        ValueError: there is no pair, or not one user per pair.

    Source: cluster bootstrap, Field and Welsh 2007.
    """
    import numpy as np

    if len(values) != len(users) or not len(users):
        raise ValueError(f"expected one user per pair and at least one pair, got {len(users)} and {len(values)}")
    names, index = np.unique(np.asarray(users, dtype=str), return_inverse=True)
    sums = np.stack([np.bincount(index, weights=column, minlength=names.size) for column in values.T], axis=1)
    sizes = np.bincount(index, minlength=names.size)
    rng = np.random.default_rng(seed)
    draws = np.empty((resamples, values.shape[1]))
    for row in range(resamples):  # one weight vector at a time: a (resamples, users) matrix would not fit for Books
        weights = np.bincount(rng.integers(0, names.size, names.size), minlength=names.size)
        draws[row] = weights @ sums / (weights @ sizes)
    return Bootstrap(values.mean(axis=0), draws, int(names.size))


def shared_ranks(bootstrapped: Bootstrap) -> list[int]:
    """Ranks of the columns, 1 for the smallest mean; tied columns share a rank, and the ranks after it are skipped.

    Columns are visited in the order of their means. A column is tied with the first one of the current group if the
    interval of their difference includes zero, and is the first one of a new group otherwise. With fewer than two
    users all are tied.
    """
    order = sorted(range(len(bootstrapped.means)), key=lambda column: (bootstrapped.means[column], column))
    ranks = [0] * len(order)
    first_of_group = order[0] if order else 0
    for rank, column in enumerate(order, start=1):
        difference = bootstrapped.difference(column, first_of_group)
        if difference is not None and difference.excludes_zero:
            first_of_group = column
        ranks[column] = rank if column == first_of_group else ranks[first_of_group]
    return ranks


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
