"""A part of time."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime

from duetbench.data.readers.validation import seconds_of
from duetbench.data.rows import Rows
from duetbench.errors import ConfigError

SPAN = re.compile(r"(\d{1,5})([dm])")
"""So many days or months."""


def window(rows: Rows, argument: str) -> Rows:
    """`window:2m` or `window:60d`: the last months or days, counted from the newest row; `window:FROM/UNTIL`: dates.

    FROM is kept and UNTIL is not (UTC).
    """
    if not len(rows):
        _bounds(argument, 0)
        return rows
    since, until = _bounds(argument, int(rows.time.max()))
    return rows.take((rows.time >= since) & (rows.time < until))


def _bounds(argument: str, last: int) -> tuple[int, int]:
    if SPAN.fullmatch(argument):
        return span_before(last, argument) + 1, last + 1
    since, slash, until = argument.partition("/")
    if not slash:
        raise ConfigError([f"steps.window:{argument}: wants 2m, 60d or FROM/UNTIL, as in 2014-05-01/2014-07-01"])
    where = f"steps.window:{argument}"
    return moment_of(since, where), moment_of(until, where)


def moment_of(text: str, where: str) -> int:
    """Seconds since 1970 of a date or time.

    Raises:
        ConfigError: it is none; `where` stands in front.
    """
    try:
        return seconds_of(text)
    except ValueError as error:
        raise ConfigError([f"{where}: '{text}' is no date, as in 2014-05-01"]) from error


def span_before(moment: int, span: str) -> int:
    """Seconds since 1970 of the moment that lies a span such as 60d or 2m earlier; months end at the first year."""
    count = int(span[:-1])
    return moment - count * 86_400 if span[-1] == "d" else months_before(moment, count)


def months_before(moment: int, count: int) -> int:
    """The same day and time some calendar months earlier; the month's last day where it has no such day."""
    at = datetime.fromtimestamp(moment, UTC)
    months = at.year * 12 + at.month - 1 - count
    year, month = divmod(max(months, 12), 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return int(at.replace(year=year, month=month + 1, day=day).timestamp())
