"""Variances of means whose users and items are crossed and both random, and of the seeds of trained rows.

A pair's value has a part of its user, one of its item and one of its own. Leaving out one user after the other
(jackknife) gives the variance due to users, V_users, and in the same way V_items and V_pairs. The parts of single pairs
are in all three, so the variance is V_users + V_items - V_pairs. The bootstrap that resamples users and items
independently (pigeonhole bootstrap) estimates V_users + V_items + V_pairs instead, and its 95 % intervals cover 98 to
99.6 % where users and items differ little.

Sources: two-way clustering, Cameron, Gelbach and Miller 2011; pigeonhole bootstrap and its bias, Owen 2007; jackknife
over clusters, MacKinnon, Nielsen and Webb 2023; degrees of freedom, Satterthwaite 1946.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Values of several rows of a leaderboard on the same pairs."""

    values: Sequence[Floats]
    """One (seeds, pairs) array per row; rows may have different numbers of seeds."""
    users: Sequence[str] | Integers
    """The user of each pair."""
    items: Sequence[str] | Integers
    """The item of each pair; one item for all pairs: items are not resampled."""
    is_linearised: bool = False
    """Whether the values are influences on a metric that is no mean over pairs."""


@dataclass(frozen=True, slots=True)
class Variance:
    """The variance of an estimate by its sources."""

    sample: float
    """Due to the sample of users and items."""
    sample_df: float
    seeds: tuple[float, ...] = ()
    """Due to the seeds of each row with several seeds: variance between the seeds / number of seeds."""
    seed_dfs: tuple[float, ...] = ()

    @property
    def total(self) -> float:
        """The sum of all parts."""
        return self.sample + sum(self.seeds)

    @property
    def df(self) -> float:
        """Degrees of freedom of the sum, after Satterthwaite."""
        parts = [(self.sample, self.sample_df), *zip(self.seeds, self.seed_dfs, strict=True)]
        squares = sum(part**2 / df for part, df in parts if part > 0)
        return self.total**2 / squares if squares > 0 else self.sample_df


class _Parts(NamedTuple):
    """The variance of a weighted sum of columns by what is left out: users, items, pairs."""

    users: float
    items: float
    pairs: float


class _SizeMoments(NamedTuple):
    """Sums over groups of products of their shares: s = size / sum of sizes, q = size^2 / sum of size^2."""

    ss: float
    sq: float
    qq: float


@dataclass(frozen=True)
class Uncertainty:
    """Means of the columns, with the covariances of their estimates. Made by `uncertainty`."""

    means: Floats  # (columns,)
    by_users: Floats  # (columns, columns), as the next two
    by_items: Floats
    by_pairs: Floats
    seeds: Floats
    """(columns,): variance of the mean due to seeds; 0 for a column with one seed, whose interval is conditional on
    that seed."""
    n_seeds: tuple[int, ...]
    user_sums: Floats
    """(users, columns): contributions of the users to the means, which they add up to."""
    user_sizes: Floats
    """Number of pairs of each user."""
    item_sizes: Floats
    """Number of pairs of each item."""
    seed_df: int | None = None
    """Degrees of freedom of `seeds` if they are estimated from all columns together; None: each from its own."""
    is_linearised: bool = False
    """As in `Columns`: a few users may have most of the influence, which costs degrees of freedom."""

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.item_sizes)

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.user_sums)

    @property
    def df(self) -> float:
        """Degrees of freedom of the sample: the smaller number of users and of items, minus 1."""
        return (min(self.n_users, self.n_items) if self.n_items > 1 else self.n_users) - 1

    def variance(self, contrast: Floats) -> Variance:
        """The variance of a weighted sum of the columns.

        V_items - V_pairs is noisy with few repeated items, and may be negative; V_users is not larger than the true
        variance in expectation, so that it is the least. V_items as a second lower bound would make intervals of 20
        users too wide (coverage 97.7 %).

        Args:
            contrast: (columns,), such as 1 and -1 for a difference of two columns.
        """
        return self._variance(contrast, self._parts(contrast))

    def _parts(self, contrast: Floats) -> _Parts:
        import numpy as np

        used = np.flatnonzero(contrast)  # two of many columns for a difference
        weights, rows = contrast[used], used[:, None]
        return _Parts(*(float(weights @ part[rows, used] @ weights) for part in self._covariances))

    @property
    def _covariances(self) -> tuple[Floats, Floats, Floats]:
        return self.by_users, self.by_items, self.by_pairs

    def _variance(self, contrast: Floats, parts: _Parts) -> Variance:
        users, items, pairs = parts
        varied = [int(column) for column in contrast.nonzero()[0] if self.n_seeds[column] > 1]
        return Variance(
            max(users + items - pairs, users, 0.0),
            min(self.df, self._df_by_kurtosis(contrast)) if self.is_linearised else self.df,
            tuple(float(contrast[column] ** 2 * self.seeds[column]) for column in varied),
            tuple(self.n_seeds[column] - 1 for column in varied),
        )

    def tail_variance(self, contrast: Floats) -> Variance:
        """The variance for tests at small levels, whose degrees of freedom count unequal users and items for less.

        At 5 % the degrees of freedom hardly matter; at 0.1 %, as after adjustment for many pairs of rows, too many of
        them tell equal rows apart. A user with m pairs has a variance of m a + m^2 b, with a and b from V_pairs and
        V_users - V_pairs, and the sum of such terms has the degrees of freedom of Satterthwaite; likewise items.

        Source: Imbens and Kolesár 2016.
        """
        parts = self._parts(contrast)
        plain = self._variance(contrast, parts)
        of_items = max(parts.items - parts.pairs, 0.0)
        squares = parts.users**2 / _effective_df(self._user_moments, parts.pairs, max(parts.users - parts.pairs, 0.0))
        squares += of_items**2 / _effective_df(self._item_moments, 0.0, of_items)
        df = min(plain.sample_df, max(plain.sample**2 / squares, 1.0)) if squares > 0 else plain.sample_df
        seeds, dfs = plain.seeds, plain.seed_dfs
        if self.seed_df is not None and seeds:
            seeds, dfs = (sum(seeds),), (self.seed_df,)
        return replace(plain, sample_df=df, seeds=seeds, seed_dfs=dfs)

    @cached_property
    def _user_moments(self) -> _SizeMoments:
        return _moments(self.user_sizes)

    @cached_property
    def _item_moments(self) -> _SizeMoments:
        return _moments(self.item_sizes)

    def _df_by_kurtosis(self, contrast: Floats) -> float:
        """2 n / (kurtosis of the users' contributions - 1): n for normal ones, fewer where few users dominate."""
        deviations = self.user_sums @ contrast
        squares = (deviations - deviations.mean()) ** 2
        spread = float((squares**2).mean()) - float(squares.mean()) ** 2
        return max(2 * self.n_users * float(squares.mean()) ** 2 / spread, 1.0) if spread > 0 else self.df

    def with_pooled_seeds(self) -> Uncertainty:
        """The same with the variance of one seed estimated from all columns with several seeds.

        A column whose own variance is larger keeps it.
        """
        import numpy as np

        counts = np.array(self.n_seeds)
        varied = counts > 1
        if not varied.any():
            return self
        of_one = self.seeds * counts
        df = int((counts[varied] - 1).sum())
        pooled = float(((counts - 1) * of_one)[varied].sum()) / df
        seeds = np.where(varied, np.maximum(of_one, pooled) / counts, 0.0)
        return replace(self, seeds=seeds, seed_df=df)

    def contrast(self, column: int, other: int | None = None) -> Floats:
        """The weights for one column, or for `column` minus `other`."""
        import numpy as np

        weights = np.zeros(len(self.means))
        weights[column] = 1.0
        if other is not None:
            weights[other] -= 1.0
        return weights

    def only(self, columns: Sequence[int]) -> Uncertainty:
        """The same for some of the columns, in this order."""
        import numpy as np

        chosen = list(columns)
        square = np.ix_(chosen, chosen)
        return replace(
            self,
            means=self.means[chosen],
            by_users=self.by_users[square],
            by_items=self.by_items[square],
            by_pairs=self.by_pairs[square],
            seeds=self.seeds[chosen],
            n_seeds=tuple(self.n_seeds[column] for column in chosen),
            user_sums=self.user_sums[:, chosen],
        )


def uncertainty(columns: Columns) -> Uncertainty:
    """Means and covariances of columns on the same pairs.

    Raises:
        ValueError: there is no column or no pair, or not one user and one item per pair.
    """
    import numpy as np

    sizes = {values.shape[1] for values in columns.values} | {len(columns.users), len(columns.items)}
    if len(sizes) != 1 or not columns.values or not len(columns.users):
        raise ValueError("expected at least one column and one pair, and one user and one item per pair")
    averages = np.stack([values.mean(axis=0) for values in columns.values], axis=1)  # (pairs, columns)
    means = averages.mean(axis=0)
    users, items = _codes(columns.users), _codes(columns.items)
    both = np.unique(users * (items.max() + 1) + items, return_inverse=True)[1]
    residuals = averages - means
    n_items = int(items.max()) + 1
    by_pairs = _jackknife(residuals, both)
    return Uncertainty(
        means,
        _jackknife(residuals, users),
        _jackknife(residuals, items) if n_items > 1 else by_pairs,
        by_pairs,
        np.array(
            [values.mean(axis=1).var(ddof=1) / len(values) if len(values) > 1 else 0 for values in columns.values]
        ),
        tuple(len(values) for values in columns.values),
        _sums(averages, users) / len(users),
        np.bincount(users).astype(float),
        np.bincount(items).astype(float),
        is_linearised=columns.is_linearised,
    )


def _moments(sizes: Floats) -> _SizeMoments:
    shares, squared = sizes / sizes.sum(), sizes**2 / (sizes**2).sum()
    return _SizeMoments(float(shares @ shares), float(shares @ squared), float(squared @ squared))


def _effective_df(sizes: _SizeMoments, of_pair: float, of_group: float) -> float:
    """Degrees of freedom of a sum over groups, at least 1. A group's term is s of_pair + q of_group, see _SizeMoments.

    Args:
        sizes: Of the numbers of pairs of the groups.
        of_pair: Variance of the mean of all pairs due to single pairs.
        of_group: Variance of the mean of all pairs due to groups.
    """
    squares = of_pair**2 * sizes.ss + 2 * of_pair * of_group * sizes.sq + of_group**2 * sizes.qq
    return max((of_pair + of_group) ** 2 / squares - 1, 1.0) if squares > 0 else 1.0


def _codes(names: Sequence[str] | Integers) -> Integers:
    import numpy as np

    codes: Integers = np.unique(np.asarray(names), return_inverse=True)[1]
    return codes


def _sums(values: Floats, groups: Integers) -> Floats:
    import numpy as np

    return np.stack([np.bincount(groups, weights=column) for column in values.T], axis=1)


def _jackknife(residuals: Floats, groups: Integers) -> Floats:
    """The covariance of the means from leaving out one group after the other; zero for a single group.

    Args:
        residuals: (pairs, columns), with mean 0.
    """
    import numpy as np

    sizes = np.bincount(groups)
    n = len(sizes)
    if n < 2:
        return np.zeros((residuals.shape[1],) * 2)
    shifts = _sums(residuals, groups) / (len(residuals) - sizes)[:, None]
    shifts -= shifts.mean(axis=0)
    covariance: Floats = (n - 1) / n * shifts.T @ shifts
    return covariance
