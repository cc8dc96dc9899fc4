"""Reads Amazon's review and metadata files, in the releases of 2014, 2018 and 2023, into canonical frames.

2014: metadata lines are Python literals, times are whole days in seconds. 2018: strict JSON, lists for categories and
descriptions. 2023: times in milliseconds, `parent_asin` joins reviews with metadata, a review's `title` is its
headline. These fields are not read, because they change with time and would reveal the future: average_rating,
rating_number, salesRank, rank, related, also_buy, also_view, bought_together, helpful, vote, helpful_vote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import polars as pl

from duetbench.data.readers.jsonl import read_json_lines
from duetbench.data.readers.literals import read_literal_lines, text_or_none
from duetbench.data.readers.validation import (
    ITEM_SCHEMA,
    RowBounds,
    RowCounts,
    SourceLocation,
    make_row_bounds,
    validate_interactions,
    validate_items,
)

Release = Literal["2014", "2018", "2023"]

_ASIN = re.compile(rb"\{'asin': '(\w+)'")
_TEXT, _NUMBER, _TIME = pl.String(), pl.Float64(), pl.Int64()
_TEXTS = pl.List(pl.String())

_REVIEWS_2014 = {
    "reviewerID": _TEXT,
    "asin": _TEXT,
    "overall": _NUMBER,
    "reviewText": _TEXT,
    "summary": _TEXT,
    "unixReviewTime": _TIME,
}
_NAMES_2014 = {
    "reviewerID": "user_id",
    "asin": "item_id",
    "overall": "rating",
    "unixReviewTime": "timestamp",
    "reviewText": "review",
}
_REVIEWS_2023 = {
    "user_id": _TEXT,
    "parent_asin": _TEXT,
    "asin": _TEXT,
    "rating": _NUMBER,
    "text": _TEXT,
    "title": _TEXT,
    "timestamp": _TIME,
    "sort_timestamp": _TIME,
    "sortTimestamp": _TIME,
}
_ITEMS_2018 = {"asin": _TEXT, "title": _TEXT, "category": _TEXTS, "description": _TEXTS}
_ITEMS_2023 = {"parent_asin": _TEXT, "title": _TEXT, "categories": _TEXTS, "description": _TEXTS}


@dataclass(frozen=True, slots=True)
class _Period:
    """First and last day of a release's reviews, and the unit of its timestamps."""

    since: str
    until: str
    ticks_per_second: int = 1


_PERIODS: dict[Release, _Period] = {
    "2014": _Period("1995-01-01", "2014-12-31"),
    "2018": _Period("1995-01-01", "2018-12-31"),
    "2023": _Period("1995-01-01", "2023-12-31", ticks_per_second=1000),
}


def _release_bounds(release: Release) -> RowBounds:
    period = _PERIODS[release]
    return make_row_bounds(range(1, 6), period.since, period.until, ticks_per_second=period.ticks_per_second)


def read_reviews(path: Path, release: Release, row_counts: RowCounts) -> Iterator[pl.DataFrame]:
    """Canonical interactions in file order, block by block."""
    schema = _REVIEWS_2023 if release == "2023" else _REVIEWS_2014
    bounds = _release_bounds(release)
    for frame, location in read_json_lines(path, schema, row_counts):
        renamed = _renamed_2023(frame) if release == "2023" else frame.rename(_NAMES_2014)
        yield validate_interactions(renamed, bounds, row_counts, location)


def _renamed_2023(frame: pl.DataFrame) -> pl.DataFrame:
    # Some copies of the release call the time sort_timestamp or sortTimestamp, and some lack parent_asin.
    return frame.select(
        "user_id",
        "rating",
        pl.coalesce("parent_asin", "asin").alias("item_id"),
        pl.coalesce("timestamp", "sort_timestamp", "sortTimestamp").alias("timestamp"),
        pl.col("text").alias("review"),
        pl.col("title").alias("summary"),
    )


def read_items(path: Path, release: Release, row_counts: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
    """Canonical items in file order, block by block; an item may occur twice.

    From the 2014 release only the items in `rated` are read: parsing a Python literal takes a hundred times as long as
    parsing JSON.
    """
    for frame, location in _raw_items(path, release, row_counts, rated):
        yield validate_items(frame, row_counts, location)


def _raw_items(
    path: Path, release: Release, row_counts: RowCounts, rated: Set[str]
) -> Iterator[tuple[pl.DataFrame, SourceLocation]]:
    if release == "2014":
        yield from read_literal_lines(path, ITEM_SCHEMA, _items_2014, row_counts, is_needed=partial(_is_rated, rated))
        return
    schema, categories = (_ITEMS_2023, "categories") if release == "2023" else (_ITEMS_2018, "category")
    for frame, location in read_json_lines(path, schema, row_counts):
        yield (
            frame.select(
                pl.col("parent_asin" if release == "2023" else "asin").alias("item_id"),
                "title",
                pl.col(categories).list.unique(maintain_order=True).alias("categories"),
                pl.col("description").list.join(" ", ignore_nulls=True),
            ),
            location,
        )


def _is_rated(rated: Set[str], line: bytes) -> bool:
    """Whether the item at the beginning of a line is in `rated`; true if the line does not begin with an item."""
    match = _ASIN.match(line)
    return match is None or match[1].decode("utf-8", "replace") in rated


def _items_2014(line: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    paths = line.get("categories") or []
    names = dict.fromkeys(text_or_none(name) for path in paths for name in path)
    yield {
        "item_id": text_or_none(line.get("asin")),
        "title": text_or_none(line.get("title")),
        "categories": list(names),
        "description": text_or_none(line.get("description")),
    }
