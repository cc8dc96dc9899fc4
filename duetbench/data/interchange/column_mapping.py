"""Maps the columns of imported tables to canonical columns, and converts their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from duetbench.data.readers.validation import RowCounts, SourceLocation
from duetbench.errors import ConfigError
from duetbench.suggestions import did_you_mean

TimeUnit = Literal["auto", "s", "ms", "date"]

REQUIRED_COLUMNS = ("user_id", "item_id", "rating", "timestamp")
INTERACTION_COLUMNS = (*REQUIRED_COLUMNS, "review", "summary")
ITEM_COLUMNS = ("title", "categories", "description")

_MAX_SECONDS = 100_000_000_000
"""The year 5138 in seconds, 1973 in milliseconds: a column whose median is larger is in milliseconds."""

_USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "user_id": ("user", "userId", "reviewerID", "user_name"),
    "item_id": ("item", "itemId", "parent_asin", "asin", "business_id", "movieId", "book_id"),
    "rating": ("ratings", "overall", "stars", "score"),
    "timestamp": ("unixReviewTime", "time", "date", "datetime"),
    "review": ("reviews", "reviewText", "review_text", "text"),
    "summary": ("headline",),
    "title": ("name", "item_title"),
    "categories": ("category", "genres", "tags"),
    "description": ("descriptions", "about"),
}
"""Common names of each column, tried in this order if the user names no column."""


def find_columns(
    columns: Sequence[str], column_map: Mapping[str, str], requested: Sequence[str], required: Sequence[str] = ()
) -> dict[str, str]:
    """The table's column for each requested canonical column; those that are not found are left out.

    Args:
        columns: The table's columns.
        column_map: Columns that the user named, by canonical column; the others are found by their usual names.
        requested: Canonical columns to look for.
        required: Those of them that must be found.

    Raises:
        ConfigError: a named column does not exist, or a required one is not found; lists all faults.
    """
    known = (*INTERACTION_COLUMNS, *ITEM_COLUMNS)
    faults = [
        f"map.{name}: no such column; {did_you_mean(name, known)}known: {', '.join(known)}"
        for name in column_map
        if name not in known
    ]
    mapped: dict[str, str] = {}
    for name in requested:
        usual_names = (usual for usual in (name, *_USUAL_NAMES[name]) if usual in columns)
        column = column_map.get(name) or next(usual_names, None)
        if column in columns:
            mapped[name] = str(column)
        elif name in column_map:
            hint = did_you_mean(str(column), columns)
            faults.append(f"map.{name}: the table has no column '{column}'; {hint}it has {', '.join(columns)}")
        elif name in required:
            faults.append(
                f"map.{name}: not found; name its column with --map {name}=COLUMN, one of {', '.join(columns)}"
            )
    if faults:
        raise ConfigError(faults)
    return mapped


def map_interactions(
    frame: pl.DataFrame,
    columns: Mapping[str, str],
    time_unit: TimeUnit,
    row_counts: RowCounts,
    location: SourceLocation,
) -> pl.DataFrame:
    """user_id, item_id, rating, timestamp (seconds), review, summary and, if the table has it, split.

    Rows whose rating is not a number or whose time is not a time are counted and dropped; missing values are null.
    """
    texts = [
        (pl.col(columns[name]).cast(pl.String) if name in columns else pl.lit("")).alias(name)
        for name in ("user_id", "item_id", "review", "summary")
    ]
    rating, timestamp = frame[columns["rating"]], frame[columns["timestamp"]]
    numbers = {
        "rating": _ratings(rating),
        "timestamp": _to_seconds(timestamp, time_unit),
    }
    split = ["split"] if "split" in frame.columns else []
    canonical = frame.select(*texts, *split).with_columns(**numbers)
    is_ill_typed = (numbers["rating"].is_null() & rating.is_not_null()) | (
        numbers["timestamp"].is_null() & timestamp.is_not_null()
    )
    if is_ill_typed.any():
        first = location.near(int(is_ill_typed.arg_max() or 0))
        row_counts.drop("field of the wrong type", int(is_ill_typed.sum()), first)
    return canonical.filter(~is_ill_typed).select(*INTERACTION_COLUMNS, *split)


def _ratings(values: pl.Series) -> pl.Series:
    """Numbers; null where a value is none. Single precision holds 4.1 as 4.0999999, which is rounded."""
    numbers = _numeric_or_text(values).cast(pl.Float64, strict=False)
    return numbers.round(5) if values.dtype == pl.Float32 else numbers


def _numeric_or_text(values: pl.Series) -> pl.Series:
    """Numbers unchanged, and text without surrounding spaces; null for every other type, booleans included."""
    if values.dtype.is_numeric():
        return values
    if isinstance(values.dtype, pl.String | pl.Categorical | pl.Enum):
        return values.cast(pl.String).str.strip_chars()
    return pl.repeat(None, len(values), dtype=pl.String, eager=True)


def _to_seconds(values: pl.Series, unit: TimeUnit) -> pl.Series:
    """Seconds since 1970, UTC; null where a value is not a time."""
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        return values.cast(pl.Datetime("ms")).dt.epoch("s").cast(pl.Int64)
    values = _numeric_or_text(values)
    numbers = values.cast(pl.Float64, strict=False)
    if unit == "date" or (unit == "auto" and numbers.null_count() > len(values) / 2):
        return _parse_dates(values.cast(pl.String))
    is_ms = unit == "ms" or (unit == "auto" and _median(numbers) > _MAX_SECONDS)
    ticks_per_second = 1000 if is_ms else 1
    return (numbers / ticks_per_second).floor().cast(pl.Int64, strict=False)


def _median(numbers: pl.Series) -> float:
    median = numbers.median()
    return median if isinstance(median, float) else 0.0


def _parse_dates(texts: pl.Series) -> pl.Series:
    """Seconds since 1970 of times in ISO 8601, with or without time of day and zone; without a zone they are UTC."""
    text = pl.col("text").str.replace("T", " ", literal=True)
    without_zone = text.str.replace(r"(Z|\+00:?00)$", "").str.replace(r"\.\d+$", "")
    formats = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
    in_utc = [without_zone.str.to_datetime(form, strict=False, time_unit="ms").dt.epoch("s") for form in formats]
    with_zone = text.str.replace(r"\.\d+", "")
    zoned = with_zone.str.to_datetime("%Y-%m-%d %H:%M:%S%z", strict=False, time_unit="ms").dt.epoch("s")
    seconds = pl.coalesce(*in_utc, zoned).alias("timestamp")
    return pl.DataFrame({"text": texts}).select(seconds).to_series().cast(pl.Int64)


def map_items(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """item_id, title, categories, description: one row per item, its first."""
    return map_item_rows(frame, columns).unique("item_id", keep="first", maintain_order=True)


def exclude_interaction_columns(
    frame: pl.DataFrame, columns: Mapping[str, str], column_map: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Removes item columns that describe interactions; returns the remaining columns and the removed names.

    Amazon's reviews of 2023 have a `title`, which is the headline of the review. Used as the item's title it would be
    in every prompt about the item, including the headline of the target review. So a column is removed if it differs
    between rows of the same item, for more than half of the items with several rows. A removed title becomes the
    review's summary.

    Raises:
        ConfigError: the user has named such a column as an item column.
    """
    present = [name for name in ITEM_COLUMNS if name in columns]
    n_values = [pl.col(name).drop_nulls().n_unique().alias(name) for name in present]
    rows = map_item_rows(frame, columns).with_columns(pl.col("categories").list.join("|"))
    repeated = rows.group_by("item_id").agg(pl.len().alias("rows"), *n_values).filter(pl.col("rows") > 1)
    n_varying = {name: int((repeated[name] > 1).sum()) for name in present}
    removed = [name for name, count in n_varying.items() if count > repeated.height / 2]
    faults = [
        f"map.{name}: the column '{columns[name]}' differs between rows of the same item, for {n_varying[name]:,} of "
        f"{repeated.height:,} items with several rows: it describes interactions; did you mean summary={columns[name]}?"
        for name in removed
        if name in column_map
    ]
    if faults:
        raise ConfigError(faults)
    remaining = {name: column for name, column in columns.items() if name not in removed}
    if "title" in removed:
        remaining.setdefault("summary", columns["title"])
    return remaining, removed


def map_item_rows(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """item_id, title, categories, description of each row."""
    empty = {"title": pl.lit(""), "categories": pl.lit([], dtype=pl.List(pl.String)), "description": pl.lit("")}
    selected = [pl.col(columns["item_id"]).cast(pl.String).alias("item_id")]
    for name in ITEM_COLUMNS:
        if name not in columns:
            selected.append(empty[name].alias(name))
        elif name == "categories":
            selected.append(_categories(frame[columns[name]]).alias(name))
        else:
            selected.append(_joined_texts(frame[columns[name]]).alias(name))
    return frame.select(*selected)


def _categories(values: pl.Series) -> pl.Expr:
    """Categories from lists, from lists of lists, or from text separated by commas or bars."""
    if isinstance(values.dtype, pl.List):
        inner = values.dtype.inner
        if isinstance(inner, pl.List):
            values = values.list.eval(pl.element().explode()).list.unique(maintain_order=True)
        return pl.lit(values.cast(pl.List(pl.String)))
    text = values.cast(pl.String).str.strip_chars("[]")
    return pl.lit(text.str.replace_all(r"['\"]", "").str.replace_all(r"\s*[|,]\s*", "|").str.split("|"))


def _joined_texts(values: pl.Series) -> pl.Expr:
    """One text from a text or from a list of texts."""
    if isinstance(values.dtype, pl.List):
        return pl.lit(values.cast(pl.List(pl.String)).list.join(" ", ignore_nulls=True))
    return pl.lit(values.cast(pl.String))
