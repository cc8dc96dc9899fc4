"""All users or all items with their histories at a cut through the data, for profiles of one side."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

from duetbench.data.history import HistoryOptions, HistoryReader, source_splits
from duetbench.data.index import HistoryLookup
from duetbench.data.preparation.prepared import Prepared
from duetbench.types import Item, Request

HistoryCut = Literal["train", "train+valid", "all"]
"""The last split that histories contain; `all`: up to the end of the data."""

NO_ITEM = Item("", "")
"""The item of a request for a user's profile."""


class KnownEntity(NamedTuple):
    """A user or item with interactions before the cut."""

    entity_id: str
    """The user's or item's id in the dataset."""
    request: Request
    """A request whose other side is empty: `NO_ITEM`, or the user id ''."""
    n_before: int
    """Number of interactions before the cut; the request contains the latest of them."""


class Population(NamedTuple):
    """All users or items that are known at a cut."""

    known: list[KnownEntity]
    """Sorted by id."""
    n_unknown: int
    """Number of users or items of the dataset without interactions before the cut."""
    latest: int
    """Time of the latest interaction before the cut, in seconds since 1970, UTC."""


def population_at(
    prepared: Prepared, side: Literal["user", "item"], options: HistoryOptions, cut: HistoryCut
) -> Population:
    """All users or items with their histories at a cut.

    Args:
        prepared: The dataset.
        side: Users or items.
        options: How histories are built; the cut replaces their `source`.
        cut: Rows of later splits are not in any history, and a user or item that occurs only there is unknown.
    """
    options = replace(options, source="prequential" if cut == "all" else cut)
    column = prepared.interactions[f"{side}_id"]
    split = prepared.interactions["split"]
    is_before = split.is_in(source_splits(options.source, "test")).fill_null(False)
    known_ids = sorted(column.filter(is_before).unique().to_list())
    n_all = column.filter(split.is_not_null()).n_unique()
    rows = prepared.interactions.filter(is_before)
    latest = int(rows["timestamp"].max() or 0)  # type: ignore[arg-type]
    reader = HistoryReader(prepared, options)
    lookup = reader.lookup(side, known_ids, k=options.k)
    known = [
        KnownEntity(entity_id, _request(reader, side, entity_id, lookup, position, latest), int(lookup.count[position]))
        for position, entity_id in enumerate(known_ids)
    ]
    return Population(known, n_all - len(known_ids), latest)


def _request(
    reader: HistoryReader,
    side: Literal["user", "item"],
    entity_id: str,
    lookup: HistoryLookup,
    position: int,
    latest: int,
) -> Request:
    history = reader.history(lookup.window[position])
    average = reader.average(history, float(lookup.average[position]))
    request_id = f"everyone:{side}:{entity_id}"
    if side == "user":
        return Request(
            request_id, entity_id, NO_ITEM, latest + 1, reader.domain, user_history=history, user_average=average
        )
    item = reader.item(entity_id)
    return Request(request_id, "", item, latest + 1, reader.domain, item_history=history, item_average=average)
