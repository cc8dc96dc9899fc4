"""Validation of rows: the canonical schemas, checks that all readers share, and counts of dropped and noted rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from duetbench.errors import DataError

INTERACTION_SCHEMA = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "rating": pl.Float64(),
    "timestamp": pl.Int64(),
    "review": pl.String(),
    "summary": pl.String(),
}
ITEM_SCHEMA = {
    "item_id": pl.String(),
    "title": pl.String(),
    "categories": pl.List(pl.String()),
    "description": pl.String(),
}
_SCRIPT = r"(?is)<(?:script|style)\b.*?(?:</(?:script|style)>|$)"
_TAG = r"(?s)</?[a-zA-Z!][^<>]*>"
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#34;": '"', "&#39;": "'", "&apos;": "'", "&nbsp;": " "}
_ENTITIES["&amp;"] = "&"  # last: otherwise `&amp;lt;` would be decoded twice
_MARKUP = f"{_TAG}|&(?:[a-zA-Z]{{2,8}}|#[0-9]{{2,5}});"
_MAX_BLANK_BYTES = (
    64  # longer reviews count as not blank: stripping all of them would take longer than all other checks
)
_MIN_UNREADABLE_LINES = 1_000  # fewer unreadable lines may be damage to a file of the expected format
LONG_REVIEW = 100_000
"""Bytes above which a review is noted; it is kept complete."""


def empty_interactions() -> pl.DataFrame:
    """An empty table of interactions."""
    return pl.DataFrame(schema=INTERACTION_SCHEMA)


def empty_items() -> pl.DataFrame:
    """An empty table of items."""
    return pl.DataFrame(schema=ITEM_SCHEMA)


class RowCountsSnapshot(NamedTuple):
    """The content of a `RowCounts` at one moment."""

    dropped: dict[str, int]
    noted: dict[str, int]
    locations: dict[str, str]


@dataclass
class RowCounts:
    """Counts, by kind, of rows that were dropped while reading and of rows that were kept but noted."""

    kind_prefix: str = ""
    """Put in front of every kind."""
    dropped: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    locations: dict[str, str] = field(default_factory=dict)
    """The first dropped row of each kind, as `FILE line N`."""

    def drop(self, kind: str, count: int, location: str) -> None:
        """Counts dropped rows; `location` is that of the first one."""
        self.dropped[self.kind_prefix + kind] += count
        self.locations.setdefault(self.kind_prefix + kind, location)

    def note(self, kind: str, count: int) -> None:
        """Counts rows that were kept."""
        if count:
            self.noted[self.kind_prefix + kind] += count

    def take_snapshot(self) -> RowCountsSnapshot:
        """Returns everything counted since the last snapshot, and resets the counts."""
        snapshot = RowCountsSnapshot(dict(self.dropped), dict(self.noted), dict(self.locations))
        self.dropped, self.noted, self.locations = Counter(), Counter(), {}
        return snapshot


def raise_if_mostly_unreadable(path: Path, n_unreadable: int, n_lines: int, row_counts: RowCounts) -> None:
    """Raises DataError if at least 1,000 lines and more than half of all lines so far are unreadable."""
    if n_unreadable >= _MIN_UNREADABLE_LINES and n_unreadable * 2 > n_lines:
        raise DataError(
            f"{path} is not in the expected format: {n_unreadable} of the first {n_lines} lines are unreadable "
            f"({', '.join(row_counts.dropped)})"
        )


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """Where the rows of a frame come from."""

    file: str
    first_line: int

    def near(self, row: int) -> str:
        """The line of a row, too low by the number of blank and unreadable lines before it."""
        return f"{self.file} near line {self.first_line + row}"


@dataclass(frozen=True, slots=True)
class RowBounds:
    """Valid ratings and timestamps of a source."""

    labels: tuple[float, ...]
    """All valid ratings, ascending."""
    since: int
    """Earliest valid time in seconds, UTC."""
    until: int
    """Latest valid time in seconds, UTC."""
    ticks_per_second: int = 1
    """Unit of the raw timestamps: 1 for seconds, 1000 for milliseconds."""


def make_row_bounds(labels: Sequence[float], since: str, until: str | None, *, ticks_per_second: int = 1) -> RowBounds:
    """Bounds from dates `YYYY-MM-DD`. The end is never later than now, and is now if `until` is None."""
    now = int(datetime.now(UTC).timestamp())
    end = parse_timestamp(until) if until else now
    return RowBounds(tuple(labels), parse_timestamp(since), min(end, now), ticks_per_second)


def parse_timestamp(text: str) -> int:
    """Seconds since 1970 of a date or time in ISO 8601, which is in UTC if it names no time zone.

    Raises:
        ValueError: it is not such a date.
    """
    parsed = datetime.fromisoformat(text)
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


def validate_interactions(
    frame: pl.DataFrame, bounds: RowBounds, row_counts: RowCounts, location: SourceLocation
) -> pl.DataFrame:
    """The valid rows in canonical form; each invalid row is counted in `row_counts` under its first fault."""
    faults = frame.select(_first_fault(bounds).alias("fault"))["fault"]
    if faults.null_count() < len(faults):
        for kind, count in faults.drop_nulls().value_counts().sort("fault").iter_rows():
            row_counts.drop(kind, count, location.near(int((faults == kind).arg_max() or 0)))
        frame = frame.filter(faults.is_null())
    frame = frame.select(
        "user_id",
        "item_id",
        "rating",
        pl.col("timestamp") // bounds.ticks_per_second,
        pl.col("review", "summary").fill_null(""),
        *(["split"] if "split" in frame.columns else []),
    )
    sizes = frame["review"].str.len_bytes()
    short = frame["review"].filter(sizes < _MAX_BLANK_BYTES)
    row_counts.note("empty review", int((short.str.strip_chars() == "").sum()))
    row_counts.note(f"review over {LONG_REVIEW:,} bytes", int((sizes > LONG_REVIEW).sum()))
    return frame


def _first_fault(bounds: RowBounds) -> pl.Expr:
    """The first fault of a row, null if it has none."""
    timestamp, ticks = pl.col("timestamp"), bounds.ticks_per_second
    return (
        pl.when(pl.col("user_id").is_null() | (pl.col("user_id") == ""))
        .then(pl.lit("user missing"))
        .when(pl.col("item_id").is_null() | (pl.col("item_id") == ""))
        .then(pl.lit("item missing"))
        .when(pl.col("rating").is_null())
        .then(pl.lit("rating missing"))
        .when(~pl.col("rating").is_between(bounds.labels[0], bounds.labels[-1]))
        .then(pl.lit("rating outside the scale"))
        .when(~pl.col("rating").is_in([float(label) for label in bounds.labels]))
        .then(pl.lit("rating between two labels"))
        .when(timestamp.is_null())
        .then(pl.lit("time missing"))
        .when(timestamp.is_between(bounds.since * ticks, bounds.until * ticks))
        .then(pl.lit(None, dtype=pl.String))
        .when(timestamp == 0)
        .then(pl.lit("time is zero"))
        .when(pl.lit(ticks == 1) & (timestamp // 1000).is_between(bounds.since, bounds.until))
        .then(pl.lit("time in milliseconds instead of seconds"))
        .when(pl.lit(ticks > 1) & timestamp.is_between(bounds.since, bounds.until))
        .then(pl.lit("time in seconds instead of milliseconds"))
        .when(timestamp > bounds.until * ticks)
        .then(pl.lit("time in the future"))
        .otherwise(pl.lit("time before the earliest valid date"))
    )


def validate_items(frame: pl.DataFrame, row_counts: RowCounts, location: SourceLocation) -> pl.DataFrame:
    """Items in canonical form, titles and descriptions without markup; an item without an id is counted and dropped."""
    is_missing = frame["item_id"].is_null() | (frame["item_id"] == "")
    if is_missing.any():
        row_counts.drop("item without id", int(is_missing.sum()), location.near(int(is_missing.arg_max() or 0)))
        frame = frame.filter(~is_missing)
    title = pl.col("title").fill_null("")
    has_markup = frame.select(title.str.contains(_MARKUP)).to_series()
    row_counts.note("markup in a title", int(has_markup.sum()))
    return frame.select(
        "item_id",
        _without_markup(title).alias("title"),
        pl.col("categories").fill_null([]).list.eval(_without_markup(pl.element()).filter(pl.element() != "")),
        _without_markup(pl.col("description").fill_null("")).alias("description"),
    )


def deduplicate_items(items: pl.DataFrame) -> pl.DataFrame:
    """One row per item: its first row with a title, or its first row if none has a title."""
    titled_first = items.sort(pl.col("title") == "", maintain_order=True)
    return titled_first.unique("item_id", keep="first", maintain_order=True)


def _without_markup(text: pl.Expr) -> pl.Expr:
    """The text on one line, without tags and scripts, entities decoded."""
    text = text.str.replace_all(_SCRIPT, " ").str.replace_all(_TAG, " ")
    for entity, character in _ENTITIES.items():
        text = text.str.replace_all(entity, character, literal=True)
    return text.str.replace_all(r"\s+", " ").str.strip_chars()
