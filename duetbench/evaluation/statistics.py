"""How sure a difference of MAE is: bootstrap over users, all cells on the same pairs and the same draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its percentile interval."""

    estimate: float
    low: float
    high: float
    p: float | None = None
    """Two-sided bootstrap p-value of `no difference`; None for what is no difference."""

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
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
        """The mean of one column; None if there are fewer than two users, since then nothing varies."""
        return self._interval(float(self.means[column]), self.draws[:, column], level)

    def difference(self, column: int, other: int, *, level: float = LEVEL) -> Interval | None:
        """Mean of `column` minus mean of `other` on the same pairs; None if there are fewer than two users."""
        draws = self.draws[:, column] - self.draws[:, other]
        found = self._interval(float(self.means[column] - self.means[other]), draws, level)
        if found is None:
            return None
        return Interval(found.estimate, found.low, found.high, _two_sided(draws))

    def _interval(self, estimate: float, draws: Floats, level: float) -> Interval | None:
        import numpy as np

        if self.n_users < 2:
            return None
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
        return Interval(estimate, float(low), float(high))


def _two_sided(draws: Floats) -> float:
    """Never 0: with B resamples nothing below 1 / (B + 1) can be told. Draws of exactly 0 count on both sides."""
    less, more = int((draws <= 0).sum()), int((draws >= 0).sum())
    return min(1.0, 2 * (1 + min(less, more)) / (1 + len(draws)))


def bootstrap(values: Floats, users: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0) -> Bootstrap:
    """Means over pairs, with users drawn whole: the ratings of one user are not independent of each other.

    Args:
        values: (pairs, columns), such as the absolute errors of several cells on the same pairs.
        users: The user of each pair.
        resamples: How many times as many users as there are get drawn with replacement.

    Raises:
        ValueError: there is no pair, or not one user per pair.

    Source: cluster bootstrap, Field and Welsh 2007.
    """
    import numpy as np

    if len(values) != len(users) or not len(users):
        raise ValueError(f"wants one user per pair and at least one pair, got {len(values)} and {len(users)}")
    names, index = np.unique(np.asarray(users, dtype=str), return_inverse=True)
    sums = np.stack([np.bincount(index, weights=column, minlength=names.size) for column in values.T], axis=1)
    sizes = np.bincount(index, minlength=names.size)
    rng = np.random.default_rng(seed)
    draws = np.empty((resamples, values.shape[1]))
    for row in range(resamples):  # one weight vector at a time: a (resamples, users) matrix would not fit for Books
        weights = np.bincount(rng.integers(0, names.size, names.size), minlength=names.size)
        draws[row] = weights @ sums / (weights @ sizes)
    return Bootstrap(values.mean(axis=0), draws, int(names.size))


def paired_difference(
    errors: Floats, others: Floats, users: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """MAE of the one minus MAE of the other on the same pairs; below zero: the one is better.

    Returns:
        None if there are fewer than two users.
    """
    import numpy as np

    return bootstrap(np.stack([errors, others], axis=1), users, resamples=resamples, seed=seed).difference(0, 1)


def shared_ranks(found: Bootstrap) -> list[int]:
    """Ranks of the columns, smallest mean first, 1-based; ties share one and the next ones are skipped.

    In the order of their means, a column shares the rank of the best one of the running group as long as its interval
    against that one includes zero; the first that does not opens a new group. With fewer than two users all tie.
    """
    order = sorted(range(len(found.means)), key=lambda column: (found.means[column], column))
    ranks = [0] * len(order)
    leader = order[0] if order else 0
    for place, column in enumerate(order, start=1):
        apart = found.difference(column, leader)
        if apart is not None and apart.excludes_zero:
            leader = column
        ranks[column] = place if column == leader else ranks[leader]
    return ranks


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for being several, same order.

    Source: Holm 1979, step down.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [0.0] * len(order)
    running = 0.0
    for step, place in enumerate(order):
        running = max(running, min(1.0, (len(order) - step) * p_values[place]))
        adjusted[place] = running
    return adjusted
