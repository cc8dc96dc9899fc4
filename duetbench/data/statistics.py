"""Statistics of a prepared dataset: sizes, ratings, history windows, and differences from published sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from duetbench.data.history import HistoryOptions, history_lengths
from duetbench.data.preparation.prepared import Prepared, StepCount
from duetbench.data.rows import SPLITS, BoolArray, IntArray
from duetbench.types import Split

PAPER_WINDOWS = (10, 30, 50, 70)
"""History lengths that are compared in Table 3 of the DUET paper."""


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """Statistics of one split; None where it has no rows."""

    split: str
    """Name of the split; `all` for all rows."""
    rows: int
    users: int
    items: int
    mean_rating: float | None
    ratings: Mapping[str, int]
    """Number of rows by rating, ascending."""
    first_day: str | None
    """YYYY-MM-DD, UTC."""
    last_day: str | None
    median_review: float | None
    """Median length of a review in characters."""
    empty_reviews: int


@dataclass(frozen=True, slots=True)
class WindowStatistics:
    """How many interactions a history window of k contains, over the requests of a split."""

    k: int
    mean_user: float | None
    """Mean number of interactions in the user's window."""
    mean_item: float | None
    """Mean number of interactions in the item's window."""
    full_user: float | None
    """Share of the requests whose user window is full."""
    full_item: float | None
    """Share of the requests whose item window is full."""
    differs: float | None
    """Share of the requests whose inputs differ from those of the next smaller window; None for the smallest."""


@dataclass(frozen=True, slots=True)
class SizeDifference:
    """A published size and the size of the prepared dataset."""

    name: str
    published: int
    found: int

    @property
    def share(self) -> float:
        """The difference as a share of the published size."""
        return (self.found - self.published) / self.published


def split_statistics(prepared: Prepared) -> list[SplitStatistics]:
    """Statistics of all rows, then of each split that has rows; ratings are on the scale of the data."""
    frame = prepared.on_original_scale.interactions
    statistics = [_statistics("all", frame)]
    for split in SPLITS:
        rows = frame.filter(pl.col("split") == split)
        if rows.height:
            statistics.append(_statistics(split, rows))
    return statistics


def _statistics(split: str, rows: pl.DataFrame) -> SplitStatistics:
    ratings = rows["rating"].value_counts().sort("rating").rows()
    lengths = rows["review"].str.len_chars()
    days = pl.from_epoch(rows["timestamp"]).dt.strftime("%Y-%m-%d") if rows.height else None
    return SplitStatistics(
        split,
        rows.height,
        rows["user_id"].n_unique(),
        rows["item_id"].n_unique(),
        float(rows["rating"].mean()) if rows.height else None,  # type: ignore[arg-type]
        {f"{rating:g}": count for rating, count in ratings},
        days[0] if days is not None else None,
        days[-1] if days is not None else None,
        lengths.median() if rows.height else None,  # type: ignore[arg-type]
        int((lengths == 0).sum()),
    )


def window_statistics(
    prepared: Prepared, split: Split, options: HistoryOptions, *, windows: Sequence[int] = PAPER_WINDOWS
) -> list[WindowStatistics]:
    """Statistics of windows of these lengths, in ascending order."""
    user, item = history_lengths(prepared, split, options)
    smaller: int | None = None
    statistics = []
    for k in sorted(set(windows)):
        differs = None if smaller is None else _mean((user > smaller) | (item > smaller))
        statistics.append(
            WindowStatistics(
                k, _mean(np.minimum(user, k)), _mean(np.minimum(item, k)), _mean(user >= k), _mean(item >= k), differs
            )
        )
        smaller = k
    return statistics


def windows_with_same_inputs(windows: Sequence[WindowStatistics]) -> list[tuple[int, int]]:
    """Neighbouring windows (smaller, larger) that give every request the same inputs: comparing them shows nothing."""
    return [(small.k, large.k) for small, large in pairwise(windows) if large.differs == 0]


def _mean(values: IntArray | BoolArray) -> float | None:
    return float(values.mean()) if len(values) else None


def size_differences(last_step: StepCount, expected: Mapping[str, int]) -> list[SizeDifference]:
    """Published sizes and those after the last step; empty if none are published."""
    sizes = {**last_step.splits, "users": last_step.users, "items": last_step.items}
    return [SizeDifference(name, number, sizes.get(name, 0)) for name, number in expected.items()]
