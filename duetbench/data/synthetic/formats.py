"""The official raw formats: names of files, fields of lines, compression, and period."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import polars as pl

RawFormat = Literal["amazon-2014", "amazon-2018", "amazon-2023", "yelp"]
Compression = Literal["gz", "zst", "none"]
RAW_FORMATS: tuple[RawFormat, ...] = get_args(RawFormat)

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Layout:
    """One official format."""

    reviews: str
    """Name of the file of reviews; `{}` is the category."""
    items: str
    """Name of the file of items; `{}` is the category."""
    compression: Compression
    """That of the official files."""
    since: str
    """Date of the first review."""
    until: str
    """Date of the last review."""
    review_columns: Callable[[pl.DataFrame], pl.DataFrame]
    """Converts generated interactions to rows with the format's fields."""
    item_lines: Callable[[pl.DataFrame], Iterator[bytes]]
    """Converts generated items to lines of the format."""


def json_lines(frame: pl.DataFrame) -> bytes:
    """One JSON object per row."""
    return frame.write_ndjson().encode()


def _reviews_2014(rows: pl.DataFrame) -> pl.DataFrame:
    day = pl.col("seconds") // _DAY * _DAY
    return rows.select(
        pl.col("user").alias("reviewerID"),
        pl.col("item").alias("asin"),
        (pl.lit("Name of ") + pl.col("user")).alias("reviewerName"),
        pl.concat_list("votes", "votes").alias("helpful"),
        pl.col("review").alias("reviewText"),
        pl.col("rating").alias("overall"),
        "summary",
        day.alias("unixReviewTime"),
        pl.from_epoch(day).dt.strftime("%m %-d, %Y").alias("reviewTime"),
    )


def _reviews_2018(rows: pl.DataFrame) -> pl.DataFrame:
    votes = pl.when(pl.col("votes") > 0).then(pl.col("votes").cast(pl.String))
    return (
        _reviews_2014(rows)
        .drop("helpful")
        .with_columns(rows.select(votes.alias("vote"), (pl.col("votes") == 0).alias("verified")))
    )


def _reviews_2023(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        "rating",
        pl.col("summary").alias("title"),
        pl.col("review").alias("text"),
        pl.lit([], dtype=pl.List(pl.String)).alias("images"),
        (pl.lit("V") + pl.col("item")).alias("asin"),
        pl.col("item").alias("parent_asin"),
        pl.col("user").alias("user_id"),
        (pl.col("seconds") * 1000 + pl.col("votes")).alias("timestamp"),
        pl.col("votes").alias("helpful_vote"),
        (pl.col("votes") == 0).alias("verified_purchase"),
    )


def _reviews_yelp(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        (pl.lit("R") + pl.col("user") + pl.col("item")).alias("review_id"),
        pl.col("user").alias("user_id"),
        pl.col("item").alias("business_id"),
        pl.col("rating").alias("stars"),
        pl.col("votes").alias("useful"),
        (pl.col("votes") // 2).alias("funny"),
        (pl.col("votes") // 3).alias("cool"),
        pl.col("review").alias("text"),
        pl.from_epoch("seconds").dt.strftime("%Y-%m-%d %H:%M:%S").alias("date"),
    )


def _items_2014(rows: pl.DataFrame) -> Iterator[bytes]:
    """Python literals; an untitled item has no field `title`."""
    for row in rows.iter_rows(named=True):
        fields: dict[str, Any] = {"asin": row["item"], "description": row["about"]}
        if not row["untitled"]:
            fields["title"] = row["title"]
        fields |= {"salesRank": {"Music": 7}, "categories": [["Media", row["kind"]], ["Media", row["other"]]]}
        yield f"{fields!r}\n".encode()


def _title(empty: str | None) -> pl.Expr:
    return pl.when("untitled").then(pl.lit(empty, dtype=pl.String)).otherwise("title").alias("title")


def _items_2018(rows: pl.DataFrame) -> Iterator[bytes]:
    columns = (
        pl.concat_list(pl.lit("Media"), "kind", "other").alias("category"),
        pl.concat_list("about").alias("description"),
        _title(""),
        pl.col("item").alias("asin"),
        pl.lit("7 in Media").alias("rank"),
    )
    yield json_lines(rows.select(*columns))


def _items_2023(rows: pl.DataFrame) -> Iterator[bytes]:
    columns = (
        pl.lit("Media").alias("main_category"),
        _title(None),
        pl.col("stars").alias("average_rating"),
        pl.lit(100).alias("rating_number"),
        pl.concat_list("about").alias("description"),
        pl.concat_list(pl.lit("Media"), "kind", "other").alias("categories"),
        pl.col("item").alias("parent_asin"),
    )
    yield json_lines(rows.select(*columns))


def _items_yelp(rows: pl.DataFrame) -> Iterator[bytes]:
    columns = (
        pl.col("item").alias("business_id"),
        pl.col("title").alias("name"),
        "city",
        pl.lit("PA").alias("state"),
        "stars",
        pl.lit(100).alias("review_count"),
        pl.lit(1).alias("is_open"),
        pl.concat_str("kind", "other", separator=", ").alias("categories"),
    )
    yield json_lines(rows.select(*columns))


LAYOUTS: dict[RawFormat, Layout] = {
    "amazon-2014": Layout(
        "reviews_{}.json", "meta_{}.json", "gz", "1998-01-01", "2014-07-23", _reviews_2014, _items_2014
    ),
    "amazon-2018": Layout("{}.json", "meta_{}.json", "gz", "1998-01-01", "2018-10-01", _reviews_2018, _items_2018),
    "amazon-2023": Layout("{}.jsonl", "meta_{}.jsonl", "gz", "1998-01-01", "2023-09-01", _reviews_2023, _items_2023),
    "yelp": Layout(
        "yelp_academic_dataset_review.json",
        "yelp_academic_dataset_business.json",
        "none",
        "2005-02-16",
        "2022-01-19",
        _reviews_yelp,
        _items_yelp,
    ),
}
