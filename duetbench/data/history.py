"""Examples with their histories: what was known of a user and an item when a rating was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np
import polars as pl

from duetbench.data.index import HistoryIndex, HistoryLookup, HistoryQueries
from duetbench.data.preparation.prepared import Prepared
from duetbench.data.rows import BoolArray, IntArray, hashes, number
from duetbench.interfaces import option
from duetbench.types import Example, Interaction, Item, Request, Split

SPLITS_OF: dict[str, tuple[str, ...]] = {
    "train": ("train",),
    "train+valid": ("train", "valid"),
    "prequential": ("train", "valid", "test"),
}
"""Where each source's histories come from."""


@dataclass(frozen=True)
class HistoryOptions:
    """How histories are taken. The target itself, and what its user did to its item before, is in none of them."""

    source: Literal["train", "train+valid", "prequential"] = option(
        "train", "splits that histories come from; prequential: all, as far as they lie before"
    )
    tie: Literal["strict", "stable"] = option(
        "strict", "strict: only earlier times; stable: of one time, also what stands earlier in the file"
    )
    k: int = option(80, "how many interactions a history holds at most, the latest ones; bounds every window", ge=0)
    average: Literal["window", "all"] = option("all", "averages over the latest average_k, or over all before")
    average_k: int = option(10, "how many of the latest are averaged if average is window", ge=0)

    def __post_init__(self) -> None:
        if self.average == "window" and self.average_k > self.k:
            raise ValueError("average_k must be <= k: older interactions are not kept")


def build_examples(
    prepared: Prepared, split: Split, options: HistoryOptions, *, limit: int | None = None, seed: int = 0
) -> list[Example]:
    """The split's examples, by time, ties in file order.

    Args:
        prepared: The dataset.
        split: Which rows are asked about.
        options: How histories are taken.
        limit: A sample of so many rows, then in that order; None: all.
        seed: The sample's.
    """
    histories = _Histories(prepared, options)
    chosen = _sampled(histories.rows_of(split), limit, seed)
    user, item = histories.before(chosen, k=options.k)
    writer = _Writer(prepared, options, histories.indexed)
    return [writer.example(int(row), split, position, user, item) for position, row in enumerate(chosen)]


def history_lengths(prepared: Prepared, split: Split, options: HistoryOptions) -> tuple[IntArray, IntArray]:
    """How many interactions lie before each of the split's rows, of its user and of its item, whatever `k`."""
    histories = _Histories(prepared, options)
    user, item = histories.before(histories.rows_of(split), k=0)
    return user.count, item.count


class _Histories:
    """The index over the rows that histories come from."""

    def __init__(self, prepared: Prepared, options: HistoryOptions) -> None:
        self._split = prepared.interactions["split"]
        self._asked = _questions(prepared.interactions, options)
        self.indexed = np.flatnonzero(self._split.is_in(SPLITS_OF[options.source]).fill_null(False).to_numpy())
        ratings = prepared.interactions["rating"].to_numpy()[self.indexed]
        self._index = HistoryIndex(_at(self._asked, self.indexed), ratings)

    def rows_of(self, split: Split) -> IntArray:
        """Positions of the split's rows."""
        return np.flatnonzero((self._split == split).fill_null(False).to_numpy())

    def before(self, chosen: IntArray, *, k: int) -> tuple[HistoryLookup, HistoryLookup]:
        """The user's and the item's history before each chosen row; windows hold positions in `indexed`."""
        return self._index.before(_at(self._asked, chosen), k=k)

    def at_the_end(self, of: Literal["user", "item"], first: IntArray, *, k: int) -> HistoryLookup:
        """The history of some users or items after all that is indexed; `first` holds a row of each."""
        nobody = np.full(len(first), len(self._split))  # beyond every code
        late = np.full(len(first), len(self._split))
        asked = _at(self._asked, first)
        if of == "user":
            return self._index.before(HistoryQueries(asked.user, nobody, late), k=k)[0]
        return self._index.before(HistoryQueries(nobody, asked.item, late), k=k)[1]


class HistoryReader:
    """A dataset's histories after all that their source holds, and their lines as values.

    Args:
        prepared: The dataset.
        options: How histories are taken.
    """

    def __init__(self, prepared: Prepared, options: HistoryOptions) -> None:
        self._histories = _Histories(prepared, options)
        self._writer = _Writer(prepared, options, self._histories.indexed)
        self._prepared = prepared
        self.domain = prepared.domain

    def at_the_end(self, side: Literal["user", "item"], idents: Sequence[str], *, k: int) -> HistoryLookup:
        """The latest `k` interactions of these users or items; each of them occurs in the dataset."""
        column = self._prepared.interactions[f"{side}_id"].to_list()
        rows = {ident: row for row, ident in enumerate(column)}
        return self._histories.at_the_end(side, np.asarray([rows[ident] for ident in idents], dtype=np.int64), k=k)

    def history(self, window: IntArray) -> tuple[Interaction, ...]:
        """The lines of a window."""
        return self._writer.history(window)

    def average(self, history: tuple[Interaction, ...], over_all: float) -> float | None:
        """The average as the options want it; `over_all` is that over all that lies before, NaN where nothing does."""
        return self._writer.average(history, over_all)

    def item(self, item_id: str) -> Item:
        """The item of that id."""
        return self._writer.item(item_id)


def _sampled(rows: IntArray, limit: int | None, seed: int) -> IntArray:
    if limit is None or limit >= len(rows):
        return rows
    return np.asarray(sorted(Random(seed).sample(rows.tolist(), max(limit, 0))), dtype=np.int64)


def _questions(interactions: pl.DataFrame, options: HistoryOptions) -> HistoryQueries:
    """All rows as questions. They stand by time already, so a row's place is its rank; equal times may share one."""
    rank = np.arange(len(interactions))
    if options.tie == "strict":
        _, rank = np.unique(interactions["timestamp"].to_numpy(), return_inverse=True)
    return HistoryQueries(number([hashes(interactions["user_id"])]), number([hashes(interactions["item_id"])]), rank)


def _at(rows: HistoryQueries, chosen: IntArray | BoolArray) -> HistoryQueries:
    return HistoryQueries(rows.user[chosen], rows.item[chosen], rows.rank[chosen])


class _Writer:
    """Turns positions into values; a line of history that many examples share is one object."""

    def __init__(self, prepared: Prepared, options: HistoryOptions, indexed: IntArray) -> None:
        self._domain = prepared.domain
        self._options = options
        self._indexed = indexed
        self._items = _items(prepared)
        self._rows = prepared.interactions
        self._columns = {
            name: self._rows[name].to_list() for name in ("row", "user_id", "item_id", "rating", "timestamp")
        }
        self._texts = {name: self._rows[name] for name in ("review", "summary")}
        self._lines: dict[int, Interaction] = {}

    def example(self, row: int, split: Split, position: int, user: HistoryLookup, item: HistoryLookup) -> Example:
        """The example of one row; `position` is its place among the questions."""
        of = self._columns
        request = Request(
            request_id=f"{split}:{of['row'][row]}",
            user_id=of["user_id"][row],
            item=self.item(of["item_id"][row]),
            asked_at=of["timestamp"][row],
            domain=self._domain,
            user_history=(mine := self.history(user.window[position])),
            item_history=(theirs := self.history(item.window[position])),
            user_average=self.average(mine, float(user.average[position])),
            item_average=self.average(theirs, float(item.average[position])),
        )
        return Example(request, of["rating"][row], self._texts["review"][row] if split != "test" else "")

    def history(self, window: IntArray) -> tuple[Interaction, ...]:
        """The lines of a window of positions in `indexed`."""
        return tuple(self._line(int(self._indexed[at])) for at in window if at >= 0)

    def average(self, history: tuple[Interaction, ...], over_all: float) -> float | None:
        """See `HistoryReader.average`."""
        if self._options.average == "window":
            latest = history[len(history) - min(self._options.average_k, len(history)) :]
            return sum(line.rating for line in latest) / len(latest) if latest else None
        return None if np.isnan(over_all) else over_all

    def _line(self, row: int) -> Interaction:
        if row not in self._lines:
            of = self._columns
            self._lines[row] = Interaction(
                of["user_id"][row],
                self.item(of["item_id"][row]),
                of["rating"][row],
                of["timestamp"][row],
                self._texts["review"][row],
                self._texts["summary"][row],
            )
        return self._lines[row]

    def item(self, item_id: str) -> Item:
        """The item of that id; one without metadata or without a title is called by it."""
        if item_id not in self._items:
            self._items[item_id] = Item(item_id, item_id)
        return self._items[item_id]


def _items(prepared: Prepared) -> dict[str, Item]:
    return {
        item_id: Item(item_id, title or item_id, tuple(categories), description)
        for item_id, title, categories, description in prepared.items.select(
            "item_id", "title", "categories", "description"
        ).iter_rows()
    }
