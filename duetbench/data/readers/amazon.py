"""Amazon's review files in their three releases, read into canonical frames.

2014: metadata lines are Python literals, times are days in seconds. 2018: strict JSON, lists for categories and
descriptions. 2023: times in milliseconds, `parent_asin` joins reviews with metadata, a review's `title` is its
headline. Not read, since they change with time and would tell the future: average_rating, rating_number, salesRank,
rank, related, also_buy, also_view, bought_together, helpful, vote, helpful_vote.
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
from duetbench.data.readers.literals import read_literal_lines
from duetbench.data.readers.validation import (
    ITEM_SCHEMA,
    RowBounds,
    RowCounts,
    SourceLocation,
    bounds_of,
    checked_interactions,
    checked_items,
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
class Span:
    """When a release's reviews were written, and how it writes times."""

    since: str
    until: str
    ticks: int = 1


_SPANS: dict[Release, Span] = {
    "2014": Span("1995-01-01", "2014-12-31"),
    "2018": Span("1995-01-01", "2018-12-31"),
    "2023": Span("1995-01-01", "2023-12-31", ticks=1000),
}


def release_bounds(release: Release) -> RowBounds:
    """What a review of this release may hold."""
    span = _SPANS[release]
    return bounds_of(range(1, 6), span.since, span.until, ticks=span.ticks)


def read_reviews(path: Path, release: Release, tally: RowCounts) -> Iterator[pl.DataFrame]:
    """Canonical interactions in file order, block by block."""
    schema = _REVIEWS_2023 if release == "2023" else _REVIEWS_2014
    bounds = release_bounds(release)
    for frame, place in read_json_lines(path, schema, tally):
        renamed = _renamed_2023(frame) if release == "2023" else frame.rename(_NAMES_2014)
        yield checked_interactions(renamed, bounds, tally, place)


def _renamed_2023(frame: pl.DataFrame) -> pl.DataFrame:
    # Some dumps call the time sort_timestamp or sortTimestamp, and old ones lack parent_asin.
    return frame.select(
        "user_id",
        "rating",
        pl.coalesce("parent_asin", "asin").alias("item_id"),
        pl.coalesce("timestamp", "sort_timestamp", "sortTimestamp").alias("timestamp"),
        pl.col("text").alias("review"),
        pl.col("title").alias("summary"),
    )


def read_items(path: Path, release: Release, tally: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
    """Canonical items in file order, block by block; an item may come twice.

    Of the 2014 release only the rated ones: a Python literal takes a hundred times as long to read as JSON.
    """
    for frame, place in _raw_items(path, release, tally, rated):
        yield checked_items(frame, tally, place)


def _raw_items(
    path: Path, release: Release, tally: RowCounts, rated: Set[str]
) -> Iterator[tuple[pl.DataFrame, SourceLocation]]:
    if release == "2014":
        yield from read_literal_lines(path, ITEM_SCHEMA, _item_2014, tally, is_wanted=partial(_is_rated, rated))
        return
    schema, categories = (_ITEMS_2023, "categories") if release == "2023" else (_ITEMS_2018, "category")
    for frame, place in read_json_lines(path, schema, tally):
        yield (
            frame.select(
                pl.col("parent_asin" if release == "2023" else "asin").alias("item_id"),
                "title",
                pl.col(categories).list.unique(maintain_order=True).alias("categories"),
                pl.col("description").list.join(" ", ignore_nulls=True),
            ),
            place,
        )


def _is_rated(rated: Set[str], line: bytes) -> bool:
    """Whether a line begins with an item that somebody rated; true where it begins otherwise."""
    match = _ASIN.match(line)
    return match is None or match[1].decode("utf-8", "replace") in rated


def _item_2014(line: Mapping[str, Any]) -> Mapping[str, Any]:
    paths = line.get("categories") or []
    names = dict.fromkeys(_text(name) for path in paths for name in path)
    return {
        "item_id": _text(line.get("asin")),
        "title": _text(line.get("title")),
        "categories": list(names),
        "description": _text(line.get("description")),
    }


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("text is due")
    return value
