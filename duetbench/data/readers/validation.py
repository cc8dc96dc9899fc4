"""Tells usable rows from others, and counts both by kind."""

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
_ENTITIES["&amp;"] = "&"  # last, or `&amp;lt;` would be taken for a bracket
_MARKUP = f"{_TAG}|&(?:[a-zA-Z]{{2,8}}|#[0-9]{{2,5}});"
_MAY_BE_BLANK = 64  # bytes; to strip every review of a large file would take longer than all other checks
_HOPELESS = 1_000  # unreadable lines: fewer may be damage to the right file
LONG_REVIEW = 100_000
"""Characters beyond which a review is worth a note; it is kept whole."""


def no_interactions() -> pl.DataFrame:
    """An empty table of interactions."""
    return pl.DataFrame(schema=INTERACTION_SCHEMA)


def no_items() -> pl.DataFrame:
    """An empty table of items."""
    return pl.DataFrame(schema=ITEM_SCHEMA)


class RowCountsSnapshot(NamedTuple):
    """What a tally holds."""

    dropped: dict[str, int]
    noted: dict[str, int]
    places: dict[str, str]


@dataclass
class RowCounts:
    """What was found while reading: rows that were left out, and rows that were kept but are worth knowing."""

    prefix: str = ""
    """Stands before every kind."""
    dropped: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)
    """Where the first row of each kind stands."""

    def drop(self, kind: str, count: int, place: str) -> None:
        """Counts rows that were left out."""
        self.dropped[self.prefix + kind] += count
        self.places.setdefault(self.prefix + kind, place)

    def note(self, kind: str, count: int) -> None:
        """Counts rows that were kept."""
        if count:
            self.noted[self.prefix + kind] += count

    def emptied(self) -> RowCountsSnapshot:
        """All that was counted since the last time."""
        found = RowCountsSnapshot(dict(self.dropped), dict(self.noted), dict(self.places))
        self.dropped, self.noted, self.places = Counter(), Counter(), {}
        return found


def stop_if_mostly_unreadable(path: Path, n_bad: int, n_lines: int, tally: RowCounts) -> None:
    """Raises DataError where so many of the lines so far are unreadable that the file is something else."""
    if n_bad >= _HOPELESS and n_bad * 2 > n_lines:
        raise DataError(
            f"{path} is not in the expected format: {n_bad} of the first {n_lines} lines are unreadable "
            f"({', '.join(tally.dropped)})"
        )


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """Where a frame's rows come from."""

    file: str
    first_line: int

    def near(self, row: int) -> str:
        """The line of a row, give or take the blank and unreadable lines before it."""
        return f"{self.file} near line {self.first_line + row}"


@dataclass(frozen=True, slots=True)
class RowBounds:
    """What a row of the source may hold."""

    labels: tuple[int, ...]
    """All values that a rating may have, ascending."""
    since: int
    """Seconds, UTC; nothing of this source is older."""
    until: int
    """Seconds, UTC; nothing of this source is newer."""
    ticks: int = 1
    """The raw file's time units in a second: 1, or 1000 for milliseconds."""


def bounds_of(labels: Sequence[int], since: str, until: str | None, *, ticks: int = 1) -> RowBounds:
    """Bounds from dates `YYYY-MM-DD`; without an end, the present: a later time is a fault whatever the source."""
    now = int(datetime.now(UTC).timestamp())
    end = seconds_of(until) if until else now
    return RowBounds(tuple(labels), seconds_of(since), min(end, now), ticks)


def seconds_of(date: str) -> int:
    """Seconds since 1970 of a date or time in ISO 8601; UTC unless it says otherwise."""
    moment = datetime.fromisoformat(date)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def checked_interactions(
    frame: pl.DataFrame, bounds: RowBounds, tally: RowCounts, place: SourceLocation
) -> pl.DataFrame:
    """The usable rows in canonical form; the others are counted in `tally` under the first fault that they have."""
    faults = frame.select(_fault(bounds).alias("fault"))["fault"]
    if faults.null_count() < len(faults):
        for kind, count in faults.drop_nulls().value_counts().sort("fault").iter_rows():
            tally.drop(kind, count, place.near(int((faults == kind).arg_max() or 0)))
        frame = frame.filter(faults.is_null())
    frame = frame.select(
        "user_id",
        "item_id",
        "rating",
        pl.col("timestamp") // bounds.ticks,
        pl.col("review", "summary").fill_null(""),
        *(["split"] if "split" in frame.columns else []),
    )
    sizes = frame["review"].str.len_bytes()
    short = frame["review"].filter(sizes < _MAY_BE_BLANK)
    tally.note("empty review", int((short.str.strip_chars() == "").sum()))
    tally.note(f"review over {LONG_REVIEW:,} bytes", int((sizes > LONG_REVIEW).sum()))
    return frame


def _fault(bounds: RowBounds) -> pl.Expr:
    """The first fault of a row, null if it has none."""
    timestamp = pl.col("timestamp")
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
        .then(pl.lit("rating between the steps of the scale"))
        .when(timestamp.is_null())
        .then(pl.lit("time missing"))
        .when(timestamp.is_between(bounds.since * bounds.ticks, bounds.until * bounds.ticks))
        .then(pl.lit(None, dtype=pl.String))
        .when(timestamp == 0)
        .then(pl.lit("time of zero"))
        .when(pl.lit(bounds.ticks == 1) & (timestamp // 1000).is_between(bounds.since, bounds.until))
        .then(pl.lit("time in milliseconds where seconds are due"))
        .when(pl.lit(bounds.ticks > 1) & timestamp.is_between(bounds.since, bounds.until))
        .then(pl.lit("time in seconds where milliseconds are due"))
        .when(timestamp > bounds.until * bounds.ticks)
        .then(pl.lit("time in the future"))
        .otherwise(pl.lit("time before the source began"))
    )


def checked_items(frame: pl.DataFrame, tally: RowCounts, place: SourceLocation) -> pl.DataFrame:
    """Items in canonical form, titles and descriptions without markup; one without an id is counted and left out."""
    nameless = frame["item_id"].is_null() | (frame["item_id"] == "")
    if nameless.any():
        tally.drop("item without id", int(nameless.sum()), place.near(int(nameless.arg_max() or 0)))
        frame = frame.filter(~nameless)
    title = pl.col("title").fill_null("")
    marked = frame.select(title.str.contains(_MARKUP)).to_series()
    tally.note("markup in a title", int(marked.sum()))
    return frame.select(
        "item_id",
        _plain(title).alias("title"),
        pl.col("categories").fill_null([]).list.eval(_plain(pl.element()).filter(pl.element() != "")),
        _plain(pl.col("description").fill_null("")).alias("description"),
    )


def once_each(items: pl.DataFrame) -> pl.DataFrame:
    """Each item once: its first row with a title, or else its first."""
    titled_first = items.sort(pl.col("title") == "", maintain_order=True)
    return titled_first.unique("item_id", keep="first", maintain_order=True)


def _plain(text: pl.Expr) -> pl.Expr:
    """Text without tags, scripts and entities, in one line."""
    text = text.str.replace_all(_SCRIPT, " ").str.replace_all(_TAG, " ")
    for entity, character in _ENTITIES.items():
        text = text.str.replace_all(entity, character, literal=True)
    return text.str.replace_all(r"\s+", " ").str.strip_chars()
