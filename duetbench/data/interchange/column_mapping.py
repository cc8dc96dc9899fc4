"""Maps the columns of imported tables to canonical columns, and converts their values."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from duetbench.data.interchange.ids import read_ids
from duetbench.data.readers.times import NO_TIMES, TimeForm, missing_to_null, to_seconds
from duetbench.data.readers.validation import RowCounts, SourceLocation
from duetbench.errors import ConfigError
from duetbench.escaping import one_line
from duetbench.suggestions import did_you_mean

REQUIRED_COLUMNS = ("user_id", "item_id", "rating", "timestamp")
INTERACTION_COLUMNS = (*REQUIRED_COLUMNS, "review", "summary")
ITEM_COLUMNS = ("title", "categories", "description")

UNREADABLE_TIME = "time cannot be read"
_MAX_VALUE_CHARACTERS = 40

USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "user_id": ("user", "reviewer_id", "profile_name", "review_profilename", "username", "user_name"),
    "item_id": (
        "item", "parent_asin", "asin", "product_id", "business_id", "gmap_id", "movie_id", "book_id", "isbn", "beer_id",
        "beer_beerid", "recipe_id", "anime_id", "song_id", "track_id", "artist_id", "game_id", "app_id",
    ),
    "rating": ("ratings", "overall", "review_overall", "stars", "star_rating", "score", "book_rating"),
    "timestamp": ("unix_review_time", "review_time", "time", "date", "datetime", "review_date", "created_at"),
    "review": ("reviews", "review_text", "review_body", "text"),
    "summary": ("headline", "review_headline", "review_title"),
    "title": ("name", "item_title", "product_title", "movie_title", "book_title", "beer_name", "app_name"),
    "categories": ("category", "genres", "genre", "tags", "beer_style", "product_category"),
    "description": ("descriptions", "about"),
}  # fmt: skip
"""Common names of each column, tried in this order if the user names no column.

Case, underscores, hyphens and spaces are ignored: `User-ID`, `userId` and `user_id` are the same name.
"""


class MappedTable(NamedTuple):
    """A table as it was read."""

    frame: pl.DataFrame
    columns: dict[str, str]
    """Its column by canonical column."""


def find_columns(
    columns: Sequence[str],
    column_map: Mapping[str, str],
    requested: Sequence[str],
    required: Sequence[str] = (),
    *,
    usual_names: Mapping[str, tuple[str, ...]] = USUAL_NAMES,
) -> dict[str, str]:
    """The table's column for each requested canonical column; those that are not found are left out.

    Args:
        columns: The table's columns.
        column_map: Columns that the user named, by canonical column; the others are found by their usual names.
        requested: Canonical columns to look for.
        required: Those of them that must be found.
        usual_names: Names of each canonical column, tried in this order.

    Raises:
        ConfigError: a named column does not exist, or a required one is not found; lists all faults.
    """
    known = tuple(usual_names)
    faults = [
        f"map.{name}: no such column; {did_you_mean(name, known)}known: {', '.join(known)}"
        for name in column_map
        if name not in known
    ]
    mapped: dict[str, str] = {}
    by_usual_name = {_normalize(column): column for column in reversed(columns)}
    for name in requested:
        usual_columns = (by_usual_name.get(_normalize(usual)) for usual in (name, *usual_names[name]))
        column = column_map.get(name) or next(filter(None, usual_columns), None)
        if column in columns:
            mapped[name] = str(column)
        elif name in column_map:
            hint = did_you_mean(str(column), columns)
            faults.append(f"map.{name}: the table has no column '{column}'; {hint}it has {', '.join(columns)}")
        elif name in required:
            hint = "; a table without times is read with --time none" if name == "timestamp" else ""
            faults.append(
                f"map.{name}: not found; name its column with --map {name}=COLUMN, one of {', '.join(columns)}{hint}"
            )
    if faults:
        raise ConfigError(faults)
    return mapped


def _normalize(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def map_interactions(
    frame: pl.DataFrame,
    columns: Mapping[str, str],
    time_form: TimeForm,
    row_counts: RowCounts,
    location: SourceLocation,
) -> pl.DataFrame:
    """user_id, item_id, rating, timestamp (seconds), review, summary and, if the table has it, split.

    Rows whose rating is not a number or whose time is not a time are counted and dropped; missing values are null.
    Without times (`none`) all timestamps are 0.
    """
    texts = [
        (pl.col(columns[name]).cast(pl.String) if name in columns else pl.lit("")).alias(name)
        for name in ("review", "summary")
    ]
    ids = {name: read_ids(frame[columns[name]]) for name in ("user_id", "item_id")}
    row_counts.note("id written with .0, read without", sum(n_changed for _, n_changed in ids.values()))
    rating = frame[columns["rating"]]
    time = pl.repeat(0, frame.height, eager=True) if time_form == NO_TIMES else frame[columns["timestamp"]]
    time = missing_to_null(time)
    numbers = {
        "rating": read_ratings(rating),
        "timestamp": to_seconds(time, time_form),
    }
    split = ["split"] if "split" in frame.columns else []
    canonical = frame.select(*texts, *split, **numbers, **{name: values for name, (values, _) in ids.items()})
    kinds = {"rating": (rating, "rating is not a number"), "timestamp": (time, UNREADABLE_TIME)}
    is_invalid = pl.repeat(False, frame.height, eager=True)
    for name, (values, kind) in kinds.items():
        is_fault = numbers[name].is_null() & values.is_not_null() & ~is_invalid
        if is_fault.any():
            row = int(is_fault.arg_max() or 0)
            first = f"{location.near(row)}: {columns[name]} {_quoted(values[row])}"
            row_counts.drop(kind, int(is_fault.sum()), first)
        is_invalid |= is_fault
    return canonical.filter(~is_invalid).select(*INTERACTION_COLUMNS, *split)


def _quoted(value: object) -> str:
    return f"'{one_line(str(value), _MAX_VALUE_CHARACTERS)}'"


def read_ratings(values: pl.Series) -> pl.Series:
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


def map_items(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """item_id, title, categories, description: one row per item, its first."""
    used = [columns[name] for name in ("item_id", *ITEM_COLUMNS) if name in columns]
    distinct = frame.select(list(dict.fromkeys(used))).unique(columns["item_id"], keep="first", maintain_order=True)
    return map_item_rows(distinct, columns)


def exclude_interaction_columns(
    tables: Sequence[MappedTable], column_map: Mapping[str, str]
) -> tuple[list[MappedTable], dict[str, int]]:
    """Removes item columns that describe interactions.

    Amazon's reviews of 2023 have a `title`, which is the headline of the review. Used as the item's title it would be
    in every prompt about the item, including the headline of the target review. So a column is removed if it differs
    between rows of the same item, for more than half of the items with several rows. A removed title becomes the
    review's summary. All tables are compared together: in a table of test rows an item may occur only once. Where no
    item has several rows, nothing tells such a column from one about items: it is removed unless the user maps it.

    Returns:
        The tables with their remaining columns, and the number of rows of each column that was removed.

    Raises:
        ConfigError: the user has named such a column as an item column.
    """
    removed: dict[str, int] = {}
    faults: list[str] = []
    for name in ITEM_COLUMNS:
        having = [table for table in tables if name in table.columns]
        n_varying, n_repeated = _varying_items(having, name)
        is_unclear = bool(having) and not n_repeated and name not in column_map  # it may be the target's headline
        if n_varying <= n_repeated / 2 and not is_unclear:
            continue
        removed[name] = sum(table.frame.height for table in having)
        if name in column_map:
            faults.append(
                f"map.{name}: the column '{column_map[name]}' differs between rows of the same item, for "
                f"{n_varying:,} of {n_repeated:,} items with several rows: it describes interactions; did you mean "
                f"summary={column_map[name]}?"
            )
    if faults:
        raise ConfigError(faults)
    return [MappedTable(table.frame, _without(table.columns, removed)) for table in tables], removed


def _varying_items(tables: Sequence[MappedTable], name: str) -> tuple[int, int]:
    """Number of items whose values of a column differ between rows, and of items with several rows."""
    if not tables:
        return 0, 0
    only = [{each: table.columns[each] for each in ("item_id", name)} for table in tables]
    frames = [map_item_rows(table.frame, columns) for table, columns in zip(tables, only, strict=True)]
    rows = pl.concat([frame.select("item_id", name) for frame in frames])
    if name == "categories":
        rows = rows.with_columns(pl.col(name).list.join("|"))
    repeated = rows.group_by("item_id").agg(pl.len().alias("rows"), pl.col(name).drop_nulls().n_unique())
    repeated = repeated.filter(pl.col("rows") > 1)
    return int((repeated[name] > 1).sum()), repeated.height


def _without(columns: Mapping[str, str], removed: Collection[str]) -> dict[str, str]:
    remaining = {name: column for name, column in columns.items() if name not in removed}
    if "title" in removed and "title" in columns:
        remaining.setdefault("summary", columns["title"])
    return remaining


def map_item_rows(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """item_id, title, categories, description of each row."""
    empty = {"title": pl.lit(""), "categories": pl.lit([], dtype=pl.List(pl.String)), "description": pl.lit("")}
    selected = [pl.lit(read_ids(frame[columns["item_id"]])[0]).alias("item_id")]
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
    text = values.cast(pl.String)
    listed = text.str.strip_chars("[]").str.replace_all(r"['\"]", "")  # a list as Python writes it
    separated = listed.zip_with(text.str.starts_with("[").fill_null(False), text)
    return pl.lit(separated.str.replace_all(r"\s*[|,]\s*", "|").str.split("|"))


def _joined_texts(values: pl.Series) -> pl.Expr:
    """One text from a text or from a list of texts."""
    if isinstance(values.dtype, pl.List):
        return pl.lit(values.cast(pl.List(pl.String)).list.join(" ", ignore_nulls=True))
    return pl.lit(values.cast(pl.String))
