"""The interactions without their texts: what the steps work on, a few numbers per row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from duetbench.types import Split

IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]

SPLITS: tuple[Split, ...] = ("train", "valid", "test")
UNSPLIT = -1
_BUCKETS = 256
_CODES = {split: code for code, split in enumerate(SPLITS)}


@dataclass(frozen=True, slots=True)
class Rows:
    """Parallel arrays, one entry per interaction, in the order that the steps gave them."""

    row: IntArray
    """Position in the raw file's usable rows: unique, and the tie-break within one time."""
    user: IntArray
    """Numbers from 0; rows that are gone leave gaps."""
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

    def shared_pairs(self) -> IntArray:
        """Positions of the rows whose user and item stand in another row too, ascending."""
        pairs = self.pairs()
        shared = np.unique(_repeats(pairs))
        if not len(shared):
            return np.zeros(0, dtype=np.int64)
        place = np.minimum(np.searchsorted(shared, pairs), len(shared) - 1)
        return np.flatnonzero(shared[place] == pairs)

    def n_repeats(self) -> int:
        """How many rows have a user and an item that an earlier row has too."""
        return len(_repeats(self.pairs()))

    def by_time(self) -> IntArray:
        """Positions ordered by time, ties in file order."""
        if np.all(self.row[1:] > self.row[:-1]):
            return np.argsort(self.time, kind="stable")
        return np.lexsort((self.row, self.time))


def _repeats(pairs: IntArray) -> IntArray:
    """The numbers that occur again, once for each time; by a plain sort, ten times faster here than np.unique."""
    in_order = np.sort(pairs)
    repeats: IntArray = in_order[1:][in_order[1:] == in_order[:-1]]
    return repeats


def rows_of(parts: Iterable[pl.DataFrame], titled_items: pl.Series) -> Rows:
    """The light form of canonical interactions.

    Args:
        parts: user_id, item_id, timestamp, split, in file order; none of their texts is kept.
        titled_items: Ids of the items that have a title.
    """
    users, items, time, split = [], [], [], []
    for part in parts:
        users.append(hashes(part["user_id"]))
        items.append(hashes(part["item_id"]))
        time.append(part["timestamp"].to_numpy())
        split.append(part["split"].replace_strict(_CODES, default=UNSPLIT, return_dtype=pl.Int8).to_numpy())
    n_titled = len(titled_items)
    numbered = number([*items, hashes(titled_items)])
    item, titled = numbered[: len(numbered) - n_titled], numbered[len(numbered) - n_titled :]
    has_title = np.zeros(int(numbered.max(initial=-1)) + 1, dtype=np.bool_)
    has_title[titled] = True
    return Rows(
        np.arange(len(item), dtype=np.int32),
        number(users),
        item,
        np.concatenate(time),
        np.concatenate(split),
        has_title[item],
    )


class Hashes(NamedTuple):
    """Two independent 64-bit hashes per id: together they tell ids apart, text need not be kept for it."""

    first: npt.NDArray[np.uint64]
    second: npt.NDArray[np.uint64]


def hashes(ids: pl.Series) -> Hashes:
    """Both hashes of each id."""
    return Hashes(ids.hash(seed=1).to_numpy(), ids.hash(seed=2).to_numpy())


def number(parts: Sequence[Hashes]) -> IntArray:
    """A number per id, from 0, the same for the same id; all parts one after the other.

    Buckets of the first hash fit into a core's cache: a hash table over ten million ids, or one sort of them, does
    not, and was measured to take twice as long per id as over one million.
    """
    first = np.concatenate([part.first for part in parts])
    second = np.concatenate([part.second for part in parts])
    bucket = (first >> np.uint64(56)).astype(np.uint8)
    order = np.argsort(bucket, kind="stable")
    ends = np.cumsum(np.bincount(bucket, minlength=_BUCKETS))
    numbers = np.empty(len(first), dtype=np.int32)
    of_number = []
    n_numbers = 0
    for start, end in zip(np.concatenate(([0], ends)), ends, strict=False):
        rows = order[start:end]
        distinct, place, within = np.unique(first[rows], return_index=True, return_inverse=True)
        numbers[rows] = within + n_numbers
        of_number.append(second[rows[place]])
        n_numbers += len(distinct)
    if not np.array_equal(np.concatenate(of_number)[numbers], second):
        # Two ids share their first hash, once in a trillion data sets: both hashes count, however long it takes.
        numbers = np.unique(np.stack((first, second)), axis=1, return_inverse=True)[1].astype(np.int32)
    return numbers
