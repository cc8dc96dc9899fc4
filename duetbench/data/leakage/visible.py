"""What each request may see of the data, worked out apart from the history index that is being checked."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import polars as pl

from duetbench.data.history import SPLITS_OF, HistoryOptions
from duetbench.data.preparation.prepared import Prepared
from duetbench.errors import DataError


class InteractionRow(NamedTuple):
    """One interaction."""

    row: int
    user_id: str
    item_id: str
    rating: float
    timestamp: int
    review: str
    summary: str
    split: str | None


class Visible:
    """The rule of a history, row by row: slow, plain and independent of the index."""

    def __init__(self, prepared: Prepared, options: HistoryOptions) -> None:
        self.options = options
        self._sources = SPLITS_OF[options.source]
        self.rows = [
            InteractionRow(*values) for values in prepared.interactions.select(InteractionRow._fields).iter_rows()
        ]
        self._place = {row.row: place for place, row in enumerate(self.rows)}

    @cached_property
    def users(self) -> dict[str, list[int]]:
        """Places of each user's rows, by time."""
        return _places_by([row.user_id for row in self.rows])

    @cached_property
    def items(self) -> dict[str, list[int]]:
        """Places of each item's rows, by time."""
        return _places_by([row.item_id for row in self.rows])

    def place(self, request_id: str) -> int:
        """Where the row that a request asks about stands, by time.

        Raises:
            DataError: the data has no such row in that split: it is another data set, or other steps.
        """
        split, _, row = request_id.partition(":")
        place = self._place.get(int(row)) if row.isdigit() else None
        if place is None or self.rows[place].split != split:
            raise DataError(f"request {request_id} is not in this data: was it prepared with other steps?")
        return place

    def split_of(self, row: int) -> str:
        """The split of the row with that number."""
        return str(self.rows[self._place[row]].split)

    def is_source(self, row: InteractionRow) -> bool:
        """Whether histories may come from the row's split."""
        return row.split in self._sources

    def may_see(self, asked: int, other: int) -> bool:
        """Whether the request at one place may see the row at another."""
        target, row = self.rows[asked], self.rows[other]
        if not self.is_source(row) or self.is_same_pair(asked, other):
            return False
        return other < asked if self.options.tie == "stable" else row.timestamp < target.timestamp

    def is_same_pair(self, asked: int, other: int) -> bool:
        """Whether two rows are of one user and one item."""
        target, row = self.rows[asked], self.rows[other]
        return (row.user_id, row.item_id) == (target.user_id, target.item_id)

    def seen_of_user(self, asked: int) -> list[int]:
        """Places of the user's rows that the request may see, by time."""
        return [other for other in self.users[self.rows[asked].user_id] if self.may_see(asked, other)]

    def seen_of_item(self, asked: int) -> list[int]:
        """Places of the item's rows that the request may see, by time."""
        return [other for other in self.items[self.rows[asked].item_id] if self.may_see(asked, other)]


def _places_by(owners: list[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, owner in enumerate(owners):
        found.setdefault(owner, []).append(place)
    return found


def texts_of(items: pl.DataFrame) -> dict[str, str]:
    """All that is known of each item, as one text."""
    about = pl.concat_str("title", pl.col("categories").list.join(" "), "description", separator=" ")
    return dict(items.select("item_id", about.alias("about")).iter_rows())
