"""The interactions without their texts: what the steps work on, a few numbers per row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from duetbench.types import Split

IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]

SPLITS: tuple[Split, ...] = ("train", "valid", "test")
UNSPLIT = -1
_CODES = {split: code for code, split in enumerate(SPLITS)}


@dataclass(frozen=True, slots=True)
class Rows:
    """Parallel arrays, one entry per interaction, in the order that the steps gave them."""

    row: IntArray
    """Position in the raw file's usable rows: unique, and the tie-break within one time."""
    user: IntArray
    """Codes from 0; rows that are gone leave gaps."""
    item: IntArray
    time: IntArray
    """Seconds since 1970, UTC."""
    split: IntArray
    """Position in SPLITS, or UNSPLIT."""
    titled: BoolArray
    """Whether the item has a title."""

    def __len__(self) -> int:
        return len(self.row)

    def take(self, chosen: IntArray | BoolArray) -> Rows:
        """The chosen rows: positions in a new order, or a mask."""
        return Rows(
            self.row[chosen],
            self.user[chosen],
            self.item[chosen],
            self.time[chosen],
            self.split[chosen],
            self.titled[chosen],
        )

    def with_split(self, split: IntArray) -> Rows:
        """The same rows, assigned anew."""
        return replace(self, split=split.astype(np.int8))

    def by_time(self) -> IntArray:
        """Positions ordered by time, ties in file order."""
        return np.lexsort((self.row, self.time))


def rows_of(interactions: pl.DataFrame, titled_items: pl.Series) -> Rows:
    """The light form of canonical interactions.

    Args:
        interactions: user_id, item_id, timestamp, split, in file order.
        titled_items: Ids of the items that have a title.
    """
    items = encode(interactions["item_id"])
    titled = (
        interactions["item_id"].is_in(titled_items.implode()) if len(interactions) else pl.Series([], dtype=pl.Boolean)
    )
    return Rows(
        np.arange(len(interactions)),
        encode(interactions["user_id"]),
        items,
        interactions["timestamp"].to_numpy(),
        interactions["split"].replace_strict(_CODES, default=UNSPLIT, return_dtype=pl.Int8).to_numpy(),
        titled.to_numpy(),
    )


def encode(ids: pl.Series) -> IntArray:
    """A number per distinct id, from 0; which one an id gets means nothing."""
    # A set of categories of its own: polars' shared one would keep every id alive for good.
    codes = ids.cast(pl.Categorical(pl.Categories.random())).to_physical().to_numpy()
    return codes.astype(np.int32)
