"""Examples and their histories: what was known of a user and an item at the time of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np
import polars as pl

from duetbench.data.index import HistoryIndex, HistoryLookup, HistoryQueries
from duetbench.data.preparation.prepared import Prepared
from duetbench.data.preparation.splits import RANDOM_SPLIT
from duetbench.data.rows import BoolArray, IntArray, encode_ids, hash_ids
from duetbench.errors import ConfigError
from duetbench.interfaces import option
from duetbench.types import Example, Interaction, Item, Request, Split

_SOURCE_SPLITS: dict[str, tuple[str, ...]] = {
    "train": ("train",),
    "train+valid": ("train", "valid"),
    "train+test": ("train", "test"),
    "prequential": ("train", "valid", "test"),
}
_NOT_LATER: dict[str, tuple[str, ...]] = {
    "train": ("train",),
    "valid": ("train", "valid"),
    "test": ("train", "valid", "test"),
}
"""By split of a request, the splits that its histories may come from with any source."""


def source_splits(source: str, split: str) -> tuple[str, ...]:
    """The splits from which the histories of a split's requests come.

    Histories never come from a later split than the request's: test rows reach neither a training nor the choice of a
    checkpoint, and validation rows no training, even where splits overlap in time (`split_leave_last`).

    Args:
        source: The option `source`.
        split: The split of the requests.
    """
    return tuple(name for name in _SOURCE_SPLITS[source] if name in _NOT_LATER[split])


@dataclass(frozen=True)
class HistoryOptions:
    """How histories are built. They never contain interactions of the request's user with the request's item."""

    source: Literal["train", "train+valid", "train+test", "prequential"] = option(
        "train",
        "splits that histories come from, never later ones than the request's own; prequential: all of them; "
        "train+test: train, for test requests also earlier test rows, but no validation rows (the authors' code)",
    )
    tie: Literal["strict", "stable"] = option(
        "strict", "strict: only earlier times; stable: of the same time, also rows that are earlier in the file"
    )
    k: int = option(80, "how many of the latest interactions a history contains at most; no window can be longer", ge=0)
    average: Literal["window", "all"] = option(
        "all", "averages over the latest average_k interactions, or over all earlier ones"
    )
    average_k: int = option(10, "number of interactions that are averaged if average is window", ge=0)

    def __post_init__(self) -> None:
        if self.average == "window" and self.average_k > self.k:
            raise ValueError("average_k must be <= k: older interactions are not kept")

    def without_effect(self) -> dict[str, str]:
        """See `Plugin.Config`."""
        return {} if self.average == "window" else {"average_k": "history.average=all averages all interactions"}


def check_source(prepared: Prepared, options: HistoryOptions) -> None:
    """Refuses a source of histories that contains test rows of a random split.

    Raises:
        ConfigError: the source contains test rows, and the splits are random.
    """
    splitting = [count.step for count in prepared.steps if count.step.startswith("split_")]
    if splitting[-1:] and splitting[-1].startswith(RANDOM_SPLIT) and "test" in source_splits(options.source, "test"):
        raise ConfigError(
            [
                f"history.source: {options.source} puts test rows into histories, which is not allowed with the random "
                f"split {splitting[-1]}; use train or train+valid"
            ]
        )


def build_examples(
    prepared: Prepared,
    split: Split,
    options: HistoryOptions,
    *,
    limit: int | None = None,
    seed: int = 0,
    min_user_history: int = 0,
) -> list[Example]:
    """The split's examples, by time, ties in file order.

    Args:
        prepared: The dataset.
        split: The split whose rows become examples.
        options: How histories are built.
        limit: Size of a random sample, which is then returned in the same order; None: all rows.
        seed: Seed of the sample.
        min_user_history: Rows of users with fewer earlier interactions are left out before the sample is drawn.

    Raises:
        ConfigError: histories would contain test rows of a random split.
    """
    check_source(prepared, options)
    source = _HistorySource(prepared, options, split)
    targets = source.positions_of(split)
    if min_user_history:
        targets = targets[source.before(targets, k=0)[0].count >= min_user_history]
    return source.examples(_sample(targets, limit, seed))


@dataclass(frozen=True)
class ExampleSample:
    """A random part of a split's examples, with the size of the whole."""

    examples: list[Example]
    """By time, ties in file order."""
    n_pairs: int
    """Number of all examples."""
    n_histories: Mapping[Literal["user", "item"], tuple[int, int]]
    """By side: number of distinct histories of all examples, and of those in `examples`."""


def sample_examples(
    prepared: Prepared, split: Split, options: HistoryOptions, *, n: int, limit: int | None = None, seed: int = 0
) -> ExampleSample:
    """At most `n` of the examples that `build_examples` would return with these arguments; the others are not built.

    Raises:
        ConfigError: histories would contain test rows of a random split.
    """
    check_source(prepared, options)
    source = _HistorySource(prepared, options, split)
    targets = _sample(source.positions_of(split), limit, seed)
    chosen = _sample(targets, n, seed)
    whole, part = (source.n_histories(rows) for rows in (targets, chosen))
    counts = {"user": (whole[0], part[0]), "item": (whole[1], part[1])}
    return ExampleSample(source.examples(chosen), len(targets), counts)  # type: ignore[arg-type]


def history_lengths(prepared: Prepared, split: Split, options: HistoryOptions) -> tuple[IntArray, IntArray]:
    """Numbers of earlier interactions of the user and of the item, for each of the split's rows, independent of `k`."""
    check_source(prepared, options)
    source = _HistorySource(prepared, options, split)
    user, item = source.before(source.positions_of(split), k=0)
    return user.count, item.count


class _HistorySource:
    """The index over the rows that a split's histories come from. Positions are those in `Prepared.interactions`."""

    def __init__(self, prepared: Prepared, options: HistoryOptions, split: Split) -> None:
        self._prepared, self._options, self._of = prepared, options, split
        self._split = prepared.interactions["split"]
        self._queries = _all_queries(prepared.interactions, options)
        self.indexed = np.flatnonzero(
            self._split.is_in(source_splits(options.source, split)).fill_null(False).to_numpy()
        )
        ratings = prepared.interactions["rating"].to_numpy()[self.indexed]
        self._index = HistoryIndex(_select(self._queries, self.indexed), ratings)

    def positions_of(self, split: Split) -> IntArray:
        """Positions of the split's rows."""
        return np.flatnonzero((self._split == split).fill_null(False).to_numpy())

    def before(self, targets: IntArray, *, k: int) -> tuple[HistoryLookup, HistoryLookup]:
        """The user's and the item's history before each target row; windows hold positions in `indexed`."""
        return self._index.before(_select(self._queries, targets), k=k)

    def examples(self, targets: IntArray) -> list[Example]:
        """The examples of these rows."""
        user, item = self.before(targets, k=self._options.k)
        builder = _ExampleBuilder(self._prepared, self._options, self.indexed)
        return [builder.example(int(target), self._of, query, user, item) for query, target in enumerate(targets)]

    def n_histories(self, targets: IntArray) -> tuple[int, int]:
        """Numbers of distinct histories of users and of items before these rows."""
        user, item = self.before(targets, k=0)
        queries, n_ranks = _select(self._queries, targets), len(self._split) + 1
        return tuple(  # type: ignore[return-value]
            len(np.unique(owner.astype(np.int64) * n_ranks + side.count))
            for owner, side in ((queries.user, user), (queries.item, item))
        )

    def at_end(self, side: Literal["user", "item"], rows: IntArray, *, k: int) -> HistoryLookup:
        """The histories of users or items after all indexed rows; `rows` holds the position of one row of each."""
        no_partner = np.full(len(rows), len(self._split))  # greater than every code
        end = np.full(len(rows), len(self._split))
        queries = _select(self._queries, rows)
        if side == "user":
            return self._index.before(HistoryQueries(queries.user, no_partner, end), k=k)[0]
        return self._index.before(HistoryQueries(no_partner, queries.item, end), k=k)[1]


class HistoryReader:
    """Reads the histories of users and items at the end of the history source, as values.

    Args:
        prepared: The dataset.
        options: How histories are built.
    """

    def __init__(self, prepared: Prepared, options: HistoryOptions) -> None:
        self._source = _HistorySource(prepared, options, "test")
        self._builder = _ExampleBuilder(prepared, options, self._source.indexed)
        self._prepared = prepared
        self.domain = prepared.domain

    def lookup(self, side: Literal["user", "item"], ids: Sequence[str], *, k: int) -> HistoryLookup:
        """The latest `k` interactions of these users or items; each of them must occur in the dataset."""
        column = self._prepared.interactions[f"{side}_id"].to_list()
        row_of_id = {entity_id: row for row, entity_id in enumerate(column)}
        rows = np.asarray([row_of_id[entity_id] for entity_id in ids], dtype=np.int64)
        return self._source.at_end(side, rows, k=k)

    def history(self, window: IntArray) -> tuple[Interaction, ...]:
        """The interactions of a window."""
        return self._builder.history(window)

    def average(self, history: tuple[Interaction, ...], overall: float) -> float | None:
        """The average rating that the options define; None if there are no interactions.

        Args:
            history: The interactions of the window, oldest first.
            overall: Average over all earlier interactions; NaN if there are none.
        """
        return self._builder.average(history, overall)

    def item(self, item_id: str) -> Item:
        """The item with that id."""
        return self._builder.item(item_id)


def _sample(positions: IntArray, limit: int | None, seed: int) -> IntArray:
    if limit is None or limit >= len(positions):
        return positions
    return np.asarray(sorted(Random(seed).sample(positions.tolist(), max(limit, 0))), dtype=np.int64)


def _all_queries(interactions: pl.DataFrame, options: HistoryOptions) -> HistoryQueries:
    """All rows as queries. Rows are sorted by time, so their position is their rank; `strict` gives ties one rank."""
    rank = np.arange(len(interactions))
    if options.tie == "strict":
        _, rank = np.unique(interactions["timestamp"].to_numpy(), return_inverse=True)
    user = encode_ids([hash_ids(interactions["user_id"])])
    item = encode_ids([hash_ids(interactions["item_id"])])
    return HistoryQueries(user, item, rank)


def _select(queries: HistoryQueries, rows: IntArray | BoolArray) -> HistoryQueries:
    return HistoryQueries(queries.user[rows], queries.item[rows], queries.rank[rows])


class _ExampleBuilder:
    """Builds examples from positions; an interaction that many histories contain is one shared object."""

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
        self._interactions: dict[int, Interaction] = {}

    def example(self, target: int, split: Split, query: int, user: HistoryLookup, item: HistoryLookup) -> Example:
        """The example of the target row; `query` is its position in the lookups."""
        columns = self._columns
        user_history = self.history(user.window[query])
        item_history = self.history(item.window[query])
        request = Request(
            request_id=f"{split}:{columns['row'][target]}",
            user_id=columns["user_id"][target],
            item=self.item(columns["item_id"][target]),
            asked_at=columns["timestamp"][target],
            domain=self._domain,
            user_history=user_history,
            item_history=item_history,
            user_average=self.average(user_history, float(user.average[query])),
            item_average=self.average(item_history, float(item.average[query])),
        )
        return Example(request, columns["rating"][target], self._texts["review"][target] if split != "test" else "")

    def history(self, window: IntArray) -> tuple[Interaction, ...]:
        """The interactions of a window of positions in `indexed`."""
        return tuple(self._interaction(int(self._indexed[position])) for position in window if position >= 0)

    def average(self, history: tuple[Interaction, ...], overall: float) -> float | None:
        """See `HistoryReader.average`."""
        if self._options.average == "window":
            latest = history[len(history) - min(self._options.average_k, len(history)) :]
            return sum(interaction.rating for interaction in latest) / len(latest) if latest else None
        return None if np.isnan(overall) else overall

    def _interaction(self, row: int) -> Interaction:
        if row not in self._interactions:
            columns = self._columns
            self._interactions[row] = Interaction(
                columns["user_id"][row],
                self.item(columns["item_id"][row]),
                columns["rating"][row],
                columns["timestamp"][row],
                self._texts["review"][row],
                self._texts["summary"][row],
            )
        return self._interactions[row]

    def item(self, item_id: str) -> Item:
        """The item with that id; without metadata or a title, its title is the id."""
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
