"""The last k interactions before a moment, for any user or item, by binary search in sorted arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from duetbench.data.rows import IntArray

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HistoryQueries:
    """Who asks about what, and when: parallel arrays."""

    user: IntArray
    item: IntArray
    rank: IntArray
    """Rank in time, in the same ranking as the indexed rows; rows of one rank are simultaneous."""


@dataclass(frozen=True, slots=True)
class HistoryLookup:
    """What an index found, one entry per question."""

    window: IntArray
    """(questions, k) positions in the indexed rows, oldest first, filled up in front with -1."""
    average: FloatArray
    """Mean rating over all that lies before; NaN where nothing does."""
    count: IntArray
    """How many lie before in all."""


class HistoryIndex:
    """Both histories of any (user, item, moment): what the user rated before, and who else rated the item.

    A row that pairs the user with the item itself belongs to neither history.

    Args:
        rows: User, item and rank of the indexed rows, ranks >= 0.
        rating: Their ratings.
    """

    def __init__(self, rows: HistoryQueries, rating: FloatArray) -> None:
        # One rank beyond the last: a question may come after everything.
        self._n_ranks = int(rows.rank.max(initial=-1)) + 2
        self._n_items = int(rows.item.max(initial=-1)) + 1
        self._rows = rows
        self._by_user = _Grouped(rows.user, rows.rank, rating, self._n_ranks)
        self._by_item = _Grouped(rows.item, rows.rank, rating, self._n_ranks)
        self._pairs, codes = np.unique(self._pair(rows.user, rows.item), return_inverse=True)
        self._by_pair = _Grouped(codes, rows.rank, rating, self._n_ranks)

    def _pair(self, user: IntArray, item: IntArray) -> IntArray:
        known = item < self._n_items
        return np.where(known, user.astype(np.int64) * self._n_items + item, -1)

    def before(self, asked: HistoryQueries, *, k: int) -> tuple[HistoryLookup, HistoryLookup]:
        """The user's and the item's history before each question, with windows of `k` rows."""
        own = self._own(asked)
        user = self._by_user.before(asked.user, asked.rank)
        item = self._by_item.before(asked.item, asked.rank)
        return (
            self._side(self._by_user, user, own, self._rows.item, asked.item, k),
            self._side(self._by_item, item, own, self._rows.user, asked.user, k),
        )

    def _own(self, asked: HistoryQueries) -> _Span:
        """What the user and the item had with each other before; nothing once the data is deduplicated."""
        pair = self._pair(asked.user, asked.item)
        code = np.searchsorted(self._pairs, pair)
        is_known = code < len(self._pairs)
        is_known[is_known] = self._pairs[code[is_known]] == pair[is_known]
        return self._by_pair.before(np.where(is_known, code, len(self._pairs)), asked.rank)

    @staticmethod
    def _side(grouped: _Grouped, found: _Span, own: _Span, partner: IntArray, asked: IntArray, k: int) -> HistoryLookup:
        count = found.count - own.count
        total = found.total - own.total
        average = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
        window = grouped.windows(found, k)
        shared = np.flatnonzero(own.count)
        if len(shared):
            window[shared] = _without(grouped, found.at(shared), own.count[shared], partner, asked[shared], k)
        # The running sums reach across owners: rounding keeps their last digits out of a prompt.
        return HistoryLookup(window, np.round(average, 9), count)


def _without(
    grouped: _Grouped, found: _Span, n_own: IntArray, partner: IntArray, excluded: IntArray, k: int
) -> IntArray:
    """(questions, k) windows that leave out the rows of one partner each; `n_own` says how many there are."""
    spare = int(n_own.max())
    rows = grouped.windows(found, k + spare)
    rows[partner[rows] == excluded[:, None]] = -1
    to_the_right = np.argsort(rows >= 0, axis=1, kind="stable")[:, spare:]
    return np.take_along_axis(rows, to_the_right, axis=1)


@dataclass(frozen=True, slots=True)
class _Span:
    """For each question the stretch of a group that lies before it."""

    start: IntArray
    stop: IntArray
    total: FloatArray
    """Sum of the ratings there."""

    @property
    def count(self) -> IntArray:
        return self.stop - self.start

    def at(self, chosen: IntArray) -> _Span:
        return _Span(self.start[chosen], self.stop[chosen], self.total[chosen])


class _Grouped:
    """Rows sorted by owner and rank, with offsets and running sums."""

    def __init__(self, owner: IntArray, rank: IntArray, rating: FloatArray, n_ranks: int) -> None:
        self._n_ranks = n_ranks
        self._order = np.lexsort((rank, owner))
        self._keys = self._key(owner[self._order], rank[self._order])
        self._starts = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=0))))
        self._sums = np.concatenate(([0.0], np.cumsum(rating[self._order])))

    def _key(self, owner: IntArray, rank: IntArray) -> IntArray:
        return owner.astype(np.int64) * self._n_ranks + np.minimum(rank, self._n_ranks - 1)

    def before(self, owner: IntArray, rank: IntArray) -> _Span:
        """The rows of each owner before each rank; none for an owner that was never indexed."""
        known = owner < len(self._starts) - 1
        start = self._starts[np.where(known, owner, 0)]
        stop = np.where(known, np.searchsorted(self._keys, self._key(owner, rank), side="left"), start)
        return _Span(start, stop, self._sums[stop] - self._sums[start])

    def windows(self, found: _Span, k: int) -> IntArray:
        """(questions, k) the last k rows of each span, oldest first, -1 where there is none."""
        at = found.stop[:, None] - np.arange(k, 0, -1)  # (questions, k)
        usable = at >= found.start[:, None]
        return np.where(usable, self._order[np.where(usable, at, 0)], -1) if len(self._order) else np.full_like(at, -1)
