"""The step `window`, which keeps rows of a period, and arithmetic on durations such as 60d and 2m."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime

from duetbench.data.readers.validation import parse_timestamp
from duetbench.data.rows import Rows
from duetbench.errors import ConfigError

DURATION = re.compile(r"(\d{1,5})([dm])")
"""A number of days or calendar months."""


def window(rows: Rows, argument: str) -> Rows:
    """Keeps the rows of a period: `window:2m` or `window:60d` before the newest row, or `window:FROM/UNTIL` by dates.

    Dates are in UTC; FROM is included, UNTIL is not.
    """
    if not len(rows):
        _parse_bounds(argument, 0)
        return rows
    since, until = _parse_bounds(argument, int(rows.time.max()))
    return rows.take((rows.time >= since) & (rows.time < until))


def _parse_bounds(argument: str, last: int) -> tuple[int, int]:
    """First second of the window, and the second after its last."""
    if DURATION.fullmatch(argument):
        return subtract_duration(last, argument) + 1, last + 1
    since, slash, until = argument.partition("/")
    if not slash:
        raise ConfigError([f"steps.window:{argument}: expected 2m, 60d or FROM/UNTIL, as in 2014-05-01/2014-07-01"])
    path = f"steps.window:{argument}"
    return parse_timestamp_argument(since, path), parse_timestamp_argument(until, path)


def parse_timestamp_argument(text: str, path: str) -> int:
    """Seconds since 1970 of a date or time in ISO 8601.

    Args:
        text: The date or time.
        path: The option or step that it was given to, for the error message.

    Raises:
        ConfigError: it is not a date.
    """
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise ConfigError([f"{path}: expected a date, as in 2014-05-01, got '{text}'"]) from error


def subtract_duration(timestamp: int, duration: str) -> int:
    """The timestamp minus a duration such as 60d or 2m; months are not counted back beyond year 1."""
    count = int(duration[:-1])
    return timestamp - count * 86_400 if duration[-1] == "d" else subtract_months(timestamp, count)


def subtract_months(timestamp: int, count: int) -> int:
    """The same day and time `count` calendar months earlier, or the last day of that month if it is shorter."""
    date = datetime.fromtimestamp(timestamp, UTC)
    months = date.year * 12 + date.month - 1 - count
    year, month = divmod(max(months, 12), 12)
    day = min(date.day, calendar.monthrange(year, month + 1)[1])
    return int(date.replace(year=year, month=month + 1, day=day).timestamp())
