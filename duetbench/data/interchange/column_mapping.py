"""Which columns of a user's table mean what, and the canonical table that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from duetbench.data.readers.validation import RowCounts, SourceLocation
from duetbench.errors import ConfigError
from duetbench.suggestions import did_you_mean

TimeUnit = Literal["auto", "s", "ms", "date"]

NEEDED = ("user_id", "item_id", "rating", "timestamp")
INTERACTION_COLUMNS = (*NEEDED, "review", "summary")
ITEM_COLUMNS = ("title", "categories", "description")

_LARGEST_SECONDS = 100_000_000_000
"""In seconds a time in the year 5138, in milliseconds one in 1973: what is typically beyond it is in milliseconds."""

_USUAL: dict[str, tuple[str, ...]] = {
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
"""Names that each column often has elsewhere; they are tried in this order where the user names none."""


def find_columns(
    columns: Sequence[str], named: Mapping[str, str], wanted: Sequence[str], needed: Sequence[str] = ()
) -> dict[str, str]:
    """The table's column for each canonical one, as named or under a usual name; those found nowhere are left out.

    Raises:
        ConfigError: a named column is not there, or a needed one cannot be found: all faults at once.
    """
    known = (*INTERACTION_COLUMNS, *ITEM_COLUMNS)
    faults = [
        f"map.{name}: no such column; {did_you_mean(name, known)}known: {', '.join(known)}"
        for name in named
        if name not in known
    ]
    found: dict[str, str] = {}
    for name in wanted:
        column = named.get(name) or next((one for one in (name, *_USUAL[name]) if one in columns), None)
        if column in columns:
            found[name] = str(column)
        elif name in named:
            hint = did_you_mean(str(column), columns)
            faults.append(f"map.{name}: the table has no column '{column}'; {hint}it has {', '.join(columns)}")
        elif name in needed:
            faults.append(
                f"map.{name}: not found; name its column with --map {name}=COLUMN, one of {', '.join(columns)}"
            )
    if faults:
        raise ConfigError(faults)
    return found


def mapped_interactions(
    frame: pl.DataFrame, columns: Mapping[str, str], time_unit: TimeUnit, tally: RowCounts, place: SourceLocation
) -> pl.DataFrame:
    """user_id, item_id, rating, timestamp (seconds), review, summary and, if it has one, split; nulls where unreadable.

    Values that are there but are no number or no time are tallied and their rows left out.
    """
    texts = [
        (pl.col(columns[name]).cast(pl.String) if name in columns else pl.lit("")).alias(name)
        for name in ("user_id", "item_id", "review", "summary")
    ]
    rating, timestamp = frame[columns["rating"]], frame[columns["timestamp"]]
    numbers = {
        "rating": _legible(rating).cast(pl.Float64, strict=False),
        "timestamp": _seconds(timestamp, time_unit),
    }
    given = ["split"] if "split" in frame.columns else []
    canonical = frame.select(*texts, *given).with_columns(**numbers)
    ill_typed = (numbers["rating"].is_null() & rating.is_not_null()) | (
        numbers["timestamp"].is_null() & timestamp.is_not_null()
    )
    if ill_typed.any():
        tally.drop("ill-typed field", int(ill_typed.sum()), place.near(int(ill_typed.arg_max() or 0)))
    return canonical.filter(~ill_typed).select(*INTERACTION_COLUMNS, *given)


def _legible(values: pl.Series) -> pl.Series:
    """Numbers, or text without spaces around it; null where a value is anything else, be it true or false."""
    if values.dtype.is_numeric():
        return values
    if isinstance(values.dtype, pl.String | pl.Categorical | pl.Enum):
        return values.cast(pl.String).str.strip_chars()
    return pl.repeat(None, len(values), dtype=pl.String, eager=True)


def _seconds(values: pl.Series, unit: TimeUnit) -> pl.Series:
    """Seconds since 1970, UTC; null where a value is none."""
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        return values.cast(pl.Datetime("ms")).dt.epoch("s").cast(pl.Int64)
    values = _legible(values)
    numbers = values.cast(pl.Float64, strict=False)
    if unit == "date" or (unit == "auto" and numbers.null_count() > len(values) / 2):
        return _dates(values.cast(pl.String))
    is_ms = unit == "ms" or (unit == "auto" and _typical(numbers) > _LARGEST_SECONDS)
    ticks = 1000 if is_ms else 1
    return (numbers / ticks).floor().cast(pl.Int64, strict=False)


def _typical(numbers: pl.Series) -> float:
    median = numbers.median()
    return median if isinstance(median, float) else 0.0


def _dates(texts: pl.Series) -> pl.Series:
    """Times in ISO 8601, with or without time of day and zone; UTC unless they say otherwise."""
    column = pl.col("text")
    iso = column.str.replace("T", " ", literal=True).str.replace(r"(Z|\+00:?00)$", "").str.replace(r"\.\d+$", "")
    shapes = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
    moved = column.str.replace("T", " ", literal=True).str.replace(r"\.\d+", "")
    zoned = moved.str.to_datetime("%Y-%m-%d %H:%M:%S%z", strict=False, time_unit="ms").dt.epoch("s")
    plain = [iso.str.to_datetime(shape, strict=False, time_unit="ms").dt.epoch("s") for shape in shapes]
    return (
        pl.DataFrame({"text": texts}).select(pl.coalesce(*plain, zoned).alias("timestamp")).to_series().cast(pl.Int64)
    )


def mapped_items(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """item_id, title, categories, description: once per item, as its first row says."""
    return item_rows(frame, columns).unique("item_id", keep="first", maintain_order=True)


def tell_apart(
    frame: pl.DataFrame, columns: Mapping[str, str], named: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The columns that are left, and the names of those that speak of single interactions instead of items.

    Amazon's reviews of 2023 have a `title`: the headline of the review. As the item's title it would stand in every
    prompt about the item, the target's own headline among them. So a column that says different things of the same
    item, for most items that come more than once, is none of the item's; a title then is the review's summary.

    Raises:
        ConfigError: the user has named such a column as the item's.
    """
    present = [name for name in ITEM_COLUMNS if name in columns]
    says = [pl.col(name).drop_nulls().n_unique().alias(name) for name in present]
    rows = item_rows(frame, columns).with_columns(pl.col("categories").list.join("|"))
    often = rows.group_by("item_id").agg(pl.len().alias("rows"), *says).filter(pl.col("rows") > 1)
    n_varying = {name: int((often[name] > 1).sum()) for name in present}
    strange = [name for name, count in n_varying.items() if count > often.height / 2]
    faults = [
        f"map.{name}: the column '{columns[name]}' says different things of the same item, for {n_varying[name]:,} of "
        f"{often.height:,} items that come more than once: it speaks of interactions; is it summary={columns[name]}?"
        for name in strange
        if name in named
    ]
    if faults:
        raise ConfigError(faults)
    kept = {name: column for name, column in columns.items() if name not in strange}
    if "title" in strange:
        kept.setdefault("summary", columns["title"])
    return kept, strange


def item_rows(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """item_id, title, categories, description of each row."""
    empty = {"title": pl.lit(""), "categories": pl.lit([], dtype=pl.List(pl.String)), "description": pl.lit("")}
    selected = [pl.col(columns["item_id"]).cast(pl.String).alias("item_id")]
    for name in ITEM_COLUMNS:
        if name not in columns:
            selected.append(empty[name].alias(name))
        elif name == "categories":
            selected.append(_listed(frame[columns[name]]).alias(name))
        else:
            selected.append(_joined(frame[columns[name]]).alias(name))
    return frame.select(*selected)


def _listed(values: pl.Series) -> pl.Expr:
    """Categories from lists, from lists in lists, or from text divided by commas or bars."""
    if isinstance(values.dtype, pl.List):
        inner = values.dtype.inner
        if isinstance(inner, pl.List):
            values = values.list.eval(pl.element().explode()).list.unique(maintain_order=True)
        return pl.lit(values.cast(pl.List(pl.String)))
    text = values.cast(pl.String).str.strip_chars("[]")
    return pl.lit(text.str.replace_all(r"['\"]", "").str.replace_all(r"\s*[|,]\s*", "|").str.split("|"))


def _joined(values: pl.Series) -> pl.Expr:
    """One text, from text or from a list of texts."""
    if isinstance(values.dtype, pl.List):
        return pl.lit(values.cast(pl.List(pl.String)).list.join(" ", ignore_nulls=True))
    return pl.lit(values.cast(pl.String))
