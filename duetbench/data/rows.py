"""Interactions without their texts, as a few numbers per row: the input of the preparation steps."""

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
    """Parallel arrays, one entry per interaction, in the order produced by the last step."""

    row: IntArray
    """Position among the valid rows of the raw file: unique, and the order of simultaneous rows."""
    user: IntArray
    """Codes from 0; codes of removed users leave gaps."""
    item: IntArray
    """Codes from 0; codes of removed items leave gaps."""
    time: IntArray
    """Seconds since 1970, UTC."""
    split: IntArray
    """Position in SPLITS, or UNSPLIT."""
    titled: BoolArray
    """Whether the item has a title."""

    def __len__(self) -> int:
        return len(self.row)

    def take(self, chosen: IntArray | BoolArray) -> Rows:
        """Some of the rows, chosen by positions in the new order or by a mask."""
        return Rows(
            self.row[chosen],
            self.user[chosen],
            self.item[chosen],
            self.time[chosen],
            self.split[chosen],
            self.titled[chosen],
        )

    def with_split(self, split: IntArray) -> Rows:
        """The same rows with other splits."""
        return replace(self, split=split.astype(np.int8))

    def pairs(self) -> IntArray:
        """(rows,) a code per (user, item)."""
        return self.user.astype(np.int64) << 32 | self.item

    def repeated_pair_positions(self) -> IntArray:
        """Positions of the rows whose (user, item) occurs in another row too, ascending."""
        pairs = self.pairs()
        repeated = np.unique(_repeats(pairs))
        if not len(repeated):
            return np.zeros(0, dtype=np.int64)
        candidate = np.minimum(np.searchsorted(repeated, pairs), len(repeated) - 1)
        return np.flatnonzero(repeated[candidate] == pairs)

    def time_order(self) -> IntArray:
        """Positions ordered by time, ties in file order."""
        if np.all(self.row[1:] > self.row[:-1]):
            return np.argsort(self.time, kind="stable")
        return np.lexsort((self.row, self.time))


def _repeats(codes: IntArray) -> IntArray:
    """All but one occurrence of every code, sorted. A plain sort was ten times faster here than np.unique."""
    in_order = np.sort(codes)
    repeats: IntArray = in_order[1:][in_order[1:] == in_order[:-1]]
    return repeats


def empty_rows() -> Rows:
    """No rows."""
    numbers = np.zeros(0, dtype=np.int64)
    return Rows(numbers, numbers, numbers, numbers, numbers.astype(np.int8), np.zeros(0, dtype=np.bool_))


def build_rows(parts: Iterable[pl.DataFrame], titled_items: pl.Series) -> Rows:
    """Rows from canonical interactions.

    Args:
        parts: user_id, item_id, timestamp, split, in file order; the ids themselves are not kept.
        titled_items: Ids of the items that have a title.
    """
    users, items, time, split = [], [], [], []
    for part in parts:
        users.append(hash_ids(part["user_id"]))
        items.append(hash_ids(part["item_id"]))
        time.append(part["timestamp"].to_numpy())
        split.append(part["split"].replace_strict(_CODES, default=UNSPLIT, return_dtype=pl.Int8).to_numpy())
    n_titled = len(titled_items)
    codes = encode_ids([*items, hash_ids(titled_items)])
    item, titled = codes[: len(codes) - n_titled], codes[len(codes) - n_titled :]
    has_title = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.bool_)
    has_title[titled] = True
    return Rows(
        np.arange(len(item), dtype=np.int32),
        encode_ids(users),
        item,
        np.concatenate(time),
        np.concatenate(split),
        has_title[item],
    )


class Hashes(NamedTuple):
    """Two independent 64-bit hashes per id; they identify the id, so its text need not be kept."""

    first: npt.NDArray[np.uint64]
    second: npt.NDArray[np.uint64]


def hash_ids(ids: pl.Series) -> Hashes:
    """Both hashes of each id."""
    return Hashes(ids.hash(seed=1).to_numpy(), ids.hash(seed=2).to_numpy())


def encode_ids(parts: Sequence[Hashes]) -> IntArray:
    """(ids,) a code from 0 per id, equal for equal ids, for all parts in order.

    The ids are sorted in buckets of the first hash, which fit into a core's cache. A hash table or one sort over ten
    million ids does not fit, and was measured to take twice as long per id as over one million.
    """
    first = np.concatenate([part.first for part in parts])
    second = np.concatenate([part.second for part in parts])
    bucket = (first >> np.uint64(56)).astype(np.uint8)
    order = np.argsort(bucket, kind="stable")
    ends = np.cumsum(np.bincount(bucket, minlength=_BUCKETS))
    codes = np.empty(len(first), dtype=np.int32)
    second_of_code = []
    n_codes = 0
    for start, end in zip(np.concatenate(([0], ends)), ends, strict=False):
        rows = order[start:end]
        distinct, position, code = np.unique(first[rows], return_index=True, return_inverse=True)
        codes[rows] = code + n_codes
        second_of_code.append(second[rows[position]])
        n_codes += len(distinct)
    if not np.array_equal(np.concatenate(second_of_code)[codes], second):
        # Two ids have the same first hash, which happens once in a trillion datasets: encode by both, slowly.
        codes = np.unique(np.stack((first, second)), axis=1, return_inverse=True)[1].astype(np.int32)
    return codes
