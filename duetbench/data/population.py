"""What is known of every user, or of every item, at a cut through the data: for profiles that wait for no pair."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

from duetbench.data.history import SPLITS_OF, HistoryOptions, HistoryReader
from duetbench.data.index import HistoryLookup
from duetbench.data.preparation.prepared import Prepared
from duetbench.types import Item, Request

HistoryCut = Literal["train", "train+valid", "all"]
"""Up to where histories go; `all`: to the end of the data."""

NO_ITEM = Item("", "")
"""Stands where a request names an item and none is meant."""


class KnownEntity(NamedTuple):
    """One user or item."""

    ident: str
    request: Request
    """Its other side is empty: no item, or no user."""
    n_before: int
    """How many interactions lie before the cut; the request holds the latest of them."""


class Population(NamedTuple):
    """All users or items that are known at a cut."""

    known: list[KnownEntity]
    """In order of their ids."""
    unknown: int
    """How many others the dataset has: nothing of them lies before the cut."""
    until: int
    """Seconds since 1970, UTC: the latest interaction that any history may hold."""


def population_at(
    prepared: Prepared, side: Literal["user", "item"], options: HistoryOptions, cut: HistoryCut
) -> Population:
    """All users or items with what was known of them at a cut.

    Args:
        prepared: The dataset.
        side: Which of the two.
        options: How histories are taken; their source is the cut's.
        cut: Rows of later splits are in no history, and who occurs only there is not known.
    """
    options = replace(options, source="prequential" if cut == "all" else cut)
    column = prepared.interactions[f"{side}_id"]
    split = prepared.interactions["split"]
    is_known = split.is_in(SPLITS_OF[options.source]).fill_null(False)
    idents = sorted(column.filter(is_known).unique().to_list())
    n_all = column.filter(split.is_not_null()).n_unique()
    rows = prepared.interactions.filter(is_known)
    until = int(rows["timestamp"].max() or 0)  # type: ignore[arg-type]
    interactions = HistoryReader(prepared, options)
    before = interactions.at_the_end(side, idents, k=options.k)
    known = [
        KnownEntity(ident, _request(interactions, side, ident, before, place, until), int(before.count[place]))
        for place, ident in enumerate(idents)
    ]
    return Population(known, n_all - len(idents), until)


def _request(
    interactions: HistoryReader,
    side: Literal["user", "item"],
    ident: str,
    before: HistoryLookup,
    place: int,
    until: int,
) -> Request:
    history = interactions.history(before.window[place])
    average = interactions.average(history, float(before.average[place]))
    named = f"everyone:{side}:{ident}"
    if side == "user":
        domain = interactions.domain
        return Request(named, ident, NO_ITEM, until + 1, domain, user_history=history, user_average=average)
    item = interactions.item(ident)
    return Request(named, "", item, until + 1, interactions.domain, item_history=history, item_average=average)
