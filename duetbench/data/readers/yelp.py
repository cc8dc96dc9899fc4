"""The Yelp Open Dataset's review and business files, read into canonical frames.

Not read, since they change with time and would tell the future: a business's stars, review_count, is_open; a user's
average_stars and review_count; a review's useful, funny and cool votes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from duetbench.data.readers.jsonl import read_json_lines
from duetbench.data.readers.validation import RowCounts, bounds_of, checked_interactions, checked_items

_TEXT = pl.String()
_REVIEWS = {"user_id": _TEXT, "business_id": _TEXT, "stars": pl.Float64(), "text": _TEXT, "date": _TEXT}
_BUSINESSES = {"business_id": _TEXT, "name": _TEXT, "categories": _TEXT, "city": _TEXT, "state": _TEXT}
_FIRST_DAY = "2004-01-01"


def read_reviews(path: Path, tally: RowCounts) -> Iterator[pl.DataFrame]:
    """Canonical interactions in file order, block by block."""
    bounds = bounds_of(range(1, 6), _FIRST_DAY, None)
    for frame, place in read_json_lines(path, _REVIEWS, tally):
        # Dumps before 2018 tell the day alone.
        date = pl.coalesce(
            pl.col("date").str.to_datetime(form, strict=False, time_unit="ms", time_zone="UTC")
            for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
        )
        canonical = frame.select(
            "user_id",
            pl.col("business_id").alias("item_id"),
            pl.col("stars").alias("rating"),
            date.dt.epoch("s").alias("timestamp"),
            pl.col("text").alias("review"),
            pl.lit("").alias("summary"),
        )
        yield checked_interactions(canonical, bounds, tally, place)


def read_businesses(path: Path, tally: RowCounts) -> Iterator[pl.DataFrame]:
    """Canonical items in file order, block by block; the description says where a business is."""
    for frame, place in read_json_lines(path, _BUSINESSES, tally):
        canonical = frame.select(
            pl.col("business_id").alias("item_id"),
            pl.col("name").alias("title"),
            pl.col("categories").str.split(", ").alias("categories"),
            pl.concat_str("city", "state", separator=", ", ignore_nulls=True).alias("description"),
        )
        yield checked_items(canonical, tally, place)
