"""Reads the review and business files of the Yelp Open Dataset into canonical frames.

These fields are not read, because they change with time and would reveal the future: a business's stars, review_count,
is_open; a user's average_stars and review_count; a review's useful, funny and cool votes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from duetbench.data.readers.jsonl import read_json_lines
from duetbench.data.readers.validation import RowCounts, make_row_bounds, validate_interactions, validate_items

_TEXT = pl.String()
_REVIEWS = {"user_id": _TEXT, "business_id": _TEXT, "stars": pl.Float64(), "text": _TEXT, "date": _TEXT}
_BUSINESSES = {"business_id": _TEXT, "name": _TEXT, "categories": _TEXT, "city": _TEXT, "state": _TEXT}
_FIRST_DAY = "2004-01-01"


def read_reviews(path: Path, row_counts: RowCounts) -> Iterator[pl.DataFrame]:
    """Canonical interactions in file order, block by block."""
    bounds = make_row_bounds(range(1, 6), _FIRST_DAY, None)
    for frame, location in read_json_lines(path, _REVIEWS, row_counts):
        # Releases before 2018 have dates without a time of day.
        date = pl.coalesce(
            pl.col("date").str.to_datetime(date_format, strict=False, time_unit="ms", time_zone="UTC")
            for date_format in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
        )
        canonical = frame.select(
            "user_id",
            pl.col("business_id").alias("item_id"),
            pl.col("stars").alias("rating"),
            date.dt.epoch("s").alias("timestamp"),
            pl.col("text").alias("review"),
            pl.lit("").alias("summary"),
        )
        yield validate_interactions(canonical, bounds, row_counts, location)


def read_businesses(path: Path, row_counts: RowCounts) -> Iterator[pl.DataFrame]:
    """Canonical items in file order, block by block; the description is the business's city and state."""
    for frame, location in read_json_lines(path, _BUSINESSES, row_counts):
        canonical = frame.select(
            pl.col("business_id").alias("item_id"),
            pl.col("name").alias("title"),
            pl.col("categories").str.split(", ").alias("categories"),
            pl.concat_str("city", "state", separator=", ", ignore_nulls=True).alias("description"),
        )
        yield validate_items(canonical, row_counts, location)
