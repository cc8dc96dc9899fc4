"""The interactions without their texts: what the steps work on, a few numbers per row."""

from __future__ import annotations

from collections.abc import Iterable
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
    """Small codes, not negative; not all of them need occur."""
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

    def pairs(self) -> IntArray:
        """One number per user and item."""
        return self.user.astype(np.int64) << 32 | self.item

    def by_time(self) -> IntArray:
        """Positions ordered by time, ties in file order."""
        return np.lexsort((self.row, self.time))


def rows_of(parts: Iterable[pl.DataFrame], titled_items: pl.Series) -> Rows:
    """The light form of canonical interactions.

    Args:
        parts: user_id, item_id, timestamp, split, in file order; read one by one, since ids take most of the memory.
        titled_items: Ids of the items that have a title.
    """
    users, items = Encoder(), Encoder()
    columns: dict[str, list[npt.NDArray[Any]]] = {"user": [], "item": [], "time": [], "split": []}
    for part in parts:
        columns["user"].append(users.codes(part["user_id"]))
        columns["item"].append(items.codes(part["item_id"]))
        columns["time"].append(part["timestamp"].to_numpy())
        columns["split"].append(part["split"].replace_strict(_CODES, default=UNSPLIT, return_dtype=pl.Int8).to_numpy())
    user, item, time, split = (np.concatenate(arrays) for arrays in columns.values())
    titled = items.codes(titled_items)
    has_title = np.zeros(int(max(item.max(initial=-1), titled.max(initial=-1))) + 1, dtype=np.bool_)
    has_title[titled] = True
    return Rows(np.arange(len(user), dtype=np.int32), user, item, time, split, has_title[item])


class Encoder:
    """Numbers for ids, the same ones in every call; which number an id gets means nothing."""

    def __init__(self) -> None:
        # A set of categories of its own: polars' shared one would keep every id alive for good. This one lives as
        # long as some series of it does, hence the anchor.
        self._kind = pl.Categorical(pl.Categories.random())
        self._anchor = pl.Series([""]).cast(self._kind)

    def codes(self, ids: pl.Series) -> IntArray:
        """One number per id, small and not negative."""
        return ids.cast(self._kind).to_physical().to_numpy().astype(np.int32)
