"""Which rows each request may see, computed independently of the history index that is being checked."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import polars as pl

from duetbench.data.history import HistoryOptions, source_splits
from duetbench.data.preparation.prepared import Prepared
from duetbench.errors import DataError


class InteractionRow(NamedTuple):
    """One interaction of a prepared dataset."""

    row: int
    user_id: str
    item_id: str
    rating: float
    timestamp: int
    review: str
    summary: str
    split: str | None


class VisibilityRules:
    """The rules for histories, applied row by row: slow and simple, to check the fast index against.

    Rows are identified by their position in `rows`, which is sorted by time. The target of a request is the row whose
    rating is predicted.
    """

    def __init__(self, prepared: Prepared, options: HistoryOptions) -> None:
        self.options = options
        self.rows = [
            InteractionRow(*values) for values in prepared.interactions.select(InteractionRow._fields).iter_rows()
        ]
        self._positions = {row.row: position for position, row in enumerate(self.rows)}

    @cached_property
    def rows_by_user(self) -> dict[str, list[int]]:
        """Positions of each user's rows, by time."""
        return _group_positions([row.user_id for row in self.rows])

    @cached_property
    def rows_by_item(self) -> dict[str, list[int]]:
        """Positions of each item's rows, by time."""
        return _group_positions([row.item_id for row in self.rows])

    def target_of(self, request_id: str) -> int:
        """Position of a request's target.

        Raises:
            DataError: the data has no such row in that split: it is another dataset, or was prepared with other steps.
        """
        split, _, row = request_id.partition(":")
        position = self._positions.get(int(row)) if row.isdigit() else None
        if position is None or self.rows[position].split != split:
            raise DataError(f"request {request_id} is not in this data: was it prepared with other steps?")
        return position

    def position_of_row(self, row: int) -> int:
        """Position of the row with that number in the raw file."""
        return self._positions[row]

    def is_source(self, row: InteractionRow, split: str) -> bool:
        """Whether histories of that split's requests may come from the row's split."""
        return row.split in source_splits(self.options.source, split)

    def may_see(self, target: int, other: int) -> bool:
        """Whether a request with this target may see the other row."""
        row = self.rows[other]
        if not self.is_source(row, str(self.rows[target].split)) or self.is_same_pair(target, other):
            return False
        return other < target if self.options.tie == "stable" else row.timestamp < self.rows[target].timestamp

    def is_same_pair(self, target: int, other: int) -> bool:
        """Whether two rows have the same user and item."""
        row, target_row = self.rows[other], self.rows[target]
        return (row.user_id, row.item_id) == (target_row.user_id, target_row.item_id)

    def visible_user_rows(self, target: int) -> list[int]:
        """Positions of the user's rows that a request with this target may see, by time."""
        return [other for other in self.rows_by_user[self.rows[target].user_id] if self.may_see(target, other)]

    def visible_item_rows(self, target: int) -> list[int]:
        """Positions of the item's rows that a request with this target may see, by time."""
        return [other for other in self.rows_by_item[self.rows[target].item_id] if self.may_see(target, other)]


def _group_positions(owners: list[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for position, owner in enumerate(owners):
        groups.setdefault(owner, []).append(position)
    return groups


def item_texts(items: pl.DataFrame) -> dict[str, str]:
    """Title, categories and description of each item as one text, by item id."""
    text = pl.concat_str("title", pl.col("categories").list.join(" "), "description", separator=" ")
    return dict(items.select("item_id", text.alias("text")).iter_rows())
