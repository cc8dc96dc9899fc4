"""History index: the last k interactions of any user or item before a given time, by binary search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from duetbench.data.rows import IntArray

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HistoryQueries:
    """Users, items and times as parallel arrays, one entry per query or per indexed row."""

    user: IntArray
    item: IntArray
    rank: IntArray
    """Rank in time, in the same ranking as the indexed rows; rows of equal rank are simultaneous."""


@dataclass(frozen=True, slots=True)
class HistoryLookup:
    """Histories of one side (user or item), one entry per query."""

    window: IntArray
    """(queries, k) positions in the indexed rows, oldest first, padded in front with -1."""
    average: FloatArray
    """(queries,) mean rating of all earlier interactions; NaN if there are none."""
    count: IntArray
    """(queries,) number of all earlier interactions, independent of k."""


class HistoryIndex:
    """Looks up both histories of a (user, item, time): the user's earlier interactions, and the item's.

    Interactions of the user with the item itself are in neither history.

    Args:
        rows: User, item and rank of the indexed rows, ranks >= 0.
        rating: Their ratings.
    """

    def __init__(self, rows: HistoryQueries, rating: FloatArray) -> None:
        # One rank more than the rows have, for queries after all of them.
        self._n_ranks = int(rows.rank.max(initial=-1)) + 2
        self._n_items = int(rows.item.max(initial=-1)) + 1
        self._rows = rows
        self._by_user = _Grouped(rows.user, rows.rank, rating, self._n_ranks)
        self._by_item = _Grouped(rows.item, rows.rank, rating, self._n_ranks)
        self._pairs, codes = np.unique(self._pair(rows.user, rows.item), return_inverse=True)
        self._by_pair = _Grouped(codes, rows.rank, rating, self._n_ranks)

    def _pair(self, user: IntArray, item: IntArray) -> IntArray:
        is_known = item < self._n_items
        return np.where(is_known, user.astype(np.int64) * self._n_items + item, -1)

    def before(self, queries: HistoryQueries, *, k: int) -> tuple[HistoryLookup, HistoryLookup]:
        """The user's and the item's history before each query, with windows of `k` rows."""
        same_pair = self._same_pair(queries)
        user = self._by_user.before(queries.user, queries.rank)
        item = self._by_item.before(queries.item, queries.rank)
        return (
            self._side(self._by_user, user, same_pair, self._rows.item, queries.item, k),
            self._side(self._by_item, item, same_pair, self._rows.user, queries.user, k),
        )

    def _same_pair(self, queries: HistoryQueries) -> _Span:
        """Earlier interactions of the query's user with its item; all empty if the data is deduplicated."""
        pair = self._pair(queries.user, queries.item)
        code = np.searchsorted(self._pairs, pair)
        is_known = code < len(self._pairs)
        is_known[is_known] = self._pairs[code[is_known]] == pair[is_known]
        return self._by_pair.before(np.where(is_known, code, len(self._pairs)), queries.rank)

    @staticmethod
    def _side(
        grouped: _Grouped, span: _Span, same_pair: _Span, partner: IntArray, excluded: IntArray, k: int
    ) -> HistoryLookup:
        """The histories of one side without the rows whose `partner` is the query's `excluded`."""
        count = span.count - same_pair.count
        total = span.total - same_pair.total
        average = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
        window = grouped.windows(span, k)
        affected = np.flatnonzero(same_pair.count)
        if len(affected):
            n_excluded = same_pair.count[affected]
            window[affected] = _windows_without(grouped, span.at(affected), n_excluded, partner, excluded[affected], k)
        # Rounded because the running sums reach across owners: otherwise the last digits of an average, which a prompt
        # may show, would depend on other users' ratings.
        return HistoryLookup(window, np.round(average, 9), count)


def _windows_without(
    grouped: _Grouped, span: _Span, n_excluded: IntArray, partner: IntArray, excluded: IntArray, k: int
) -> IntArray:
    """(queries, k) windows without the rows whose `partner` is `excluded`; `n_excluded` is their number per query."""
    max_excluded = int(n_excluded.max())
    rows = grouped.windows(span, k + max_excluded)
    rows[partner[rows] == excluded[:, None]] = -1
    valid_last = np.argsort(rows >= 0, axis=1, kind="stable")[:, max_excluded:]
    return np.take_along_axis(rows, valid_last, axis=1)


@dataclass(frozen=True, slots=True)
class _Span:
    """For each query, the part of a group that is earlier."""

    start: IntArray
    stop: IntArray
    total: FloatArray
    """Sum of its ratings."""

    @property
    def count(self) -> IntArray:
        return self.stop - self.start

    def at(self, queries: IntArray) -> _Span:
        return _Span(self.start[queries], self.stop[queries], self.total[queries])


class _Grouped:
    """Rows sorted by owner (a user, an item or a pair) and rank, with offsets and running sums of ratings."""

    def __init__(self, owner: IntArray, rank: IntArray, rating: FloatArray, n_ranks: int) -> None:
        self._n_ranks = n_ranks
        self._order = np.lexsort((rank, owner))
        self._keys = self._key(owner[self._order], rank[self._order])
        self._starts = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=0))))
        self._sums = np.concatenate(([0.0], np.cumsum(rating[self._order])))

    def _key(self, owner: IntArray, rank: IntArray) -> IntArray:
        return owner.astype(np.int64) * self._n_ranks + np.minimum(rank, self._n_ranks - 1)

    def before(self, owner: IntArray, rank: IntArray) -> _Span:
        """The rows of each owner before each rank; none for an owner that is not indexed."""
        is_known = owner < len(self._starts) - 1
        start = self._starts[np.where(is_known, owner, 0)]
        stop = np.where(is_known, np.searchsorted(self._keys, self._key(owner, rank), side="left"), start)
        return _Span(start, stop, self._sums[stop] - self._sums[start])

    def windows(self, span: _Span, k: int) -> IntArray:
        """(queries, k) the last k rows of each span, oldest first, padded in front with -1."""
        position = span.stop[:, None] - np.arange(k, 0, -1)  # (queries, k)
        is_inside = position >= span.start[:, None]
        if not len(self._order):
            return np.full_like(position, -1)
        return np.where(is_inside, self._order[np.where(is_inside, position, 0)], -1)
