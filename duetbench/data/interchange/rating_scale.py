"""The rating scale of imported tables: read from the ratings, checked, and told from implicit feedback."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from duetbench.errors import ConfigError, DataError
from duetbench.scales import grid_of, label_text, scale_text

SUPPORTED = (
    "duetbench predicts explicit ratings on a scale of 2 to 101 labels, such as 1 to 5, half stars, 1 to 10 or 0/1; "
    "implicit feedback such as plays, hours or clicks is not supported"
)
_AMOUNTS = (
    "click", "clicks", "hours", "hoursplayed", "listencount", "listens", "playcount", "playtime", "playtimeforever",
    "plays", "purchases", "quantity", "timesplayed", "viewcount", "views", "visits", "watchtime",
)  # fmt: skip
"""Usual names of columns that say how often or how long something was used, in lower case without separators."""


def is_amount(column: str) -> bool:
    """Whether a column's name is that of implicit feedback, such as `play_count`."""
    return "".join(character for character in column.lower() if character.isalnum()) in _AMOUNTS


def find_labels(ratings: Sequence[pl.Series]) -> tuple[float, ...]:
    """The shortest scale in equal steps that has all of these ratings; missing and infinite ones do not count.

    Raises:
        DataError: there is no such scale; the message says what is supported.
    """
    values = pl.concat([series.drop_nulls().unique() for series in ratings]).unique().sort()
    finite = values.filter(values.is_finite())
    if finite.len() < 2:
        only = f", {label_text(finite[0])}" if finite.len() else ""
        raise DataError(f"the ratings have {finite.len()} distinct values{only}: {SUPPORTED}")
    try:
        return grid_of(finite)
    except ValueError:
        ends = f"{label_text(finite[0])} to {label_text(finite[-1])}"
        raise DataError(f"the ratings have {finite.len():,} distinct values from {ends}: {SUPPORTED}") from None


def unrated(frame: pl.DataFrame, missing: Sequence[float]) -> pl.Series:
    """Which rows have a rating that means "not rated"."""
    return frame["rating"].is_in([float(value) for value in missing]).fill_null(False)


def check_scale(labels: Sequence[float], missing: Sequence[float], rescale: Sequence[float]) -> None:
    """Raises ConfigError if options about the scale contradict each other, or have no effect."""
    faults = [
        f"missing: {label_text(value)} is a label of the scale {scale_text(labels)}: leave it out of the labels"
        for value in missing
        if value in labels
    ]
    if rescale and tuple(rescale) == tuple(labels):
        faults.append(f"rescale: the ratings are on the scale {scale_text(labels)} already")
    if faults:
        raise ConfigError(faults)
