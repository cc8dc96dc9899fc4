"""Counts rows that repeat an earlier (user, item) pair: exact copies, and reviews that were written again."""

from __future__ import annotations

import numpy as np
import polars as pl

from duetbench.data.rows import Rows

EXACT_COPY = "exact copy of an earlier row"
REPEAT_REVIEW = "repeat review of a pair, not a copy"
REPEATS = (EXACT_COPY, REPEAT_REVIEW)
"""Kinds of notes about rows that the step `dedupe` removes."""


class RepeatedRows:
    """The rows of pairs that occur more than once, compared while the tables are written.

    Only their hashes are kept, and only of these rows: there are few of them, but their texts may be long.

    Args:
        rows: All rows, in file order.
        has_times: Whether timestamps are times; otherwise they are positions, which differ between exact copies too.
    """

    def __init__(self, rows: Rows, *, has_times: bool = True) -> None:
        self._ignored = ("split",) if has_times else ("split", "timestamp")
        self._positions = rows.repeated_pair_positions()
        self._n_repeated = len(self._positions) - len(np.unique(rows.pairs()[self._positions]))
        self._hashes: list[np.ndarray] = []

    def add(self, part: pl.DataFrame, first: int) -> None:
        """Reads a part of the interactions that begins at the position `first`."""
        start, stop = np.searchsorted(self._positions, (first, first + part.height))
        if stop > start:
            rows = part[self._positions[start:stop] - first].drop(self._ignored)
            self._hashes.append(np.stack([rows.hash_rows(seed=seed).to_numpy() for seed in (1, 2)], axis=1))

    def notes(self) -> dict[str, int]:
        """The number of rows of each kind, without kinds that do not occur."""
        n_distinct = len(np.unique(np.concatenate(self._hashes), axis=0)) if self._hashes else 0
        n_copies = len(self._positions) - n_distinct
        counts = {EXACT_COPY: n_copies, REPEAT_REVIEW: self._n_repeated - n_copies}
        return {kind: count for kind, count in counts.items() if count}
