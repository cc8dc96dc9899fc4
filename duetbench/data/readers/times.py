"""Reads times: seconds since 1970 in several units, and dates in the forms that files of ratings use."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from duetbench.errors import UsageError

TimeForm = str
"""`auto`, one of `UNITS`, `date`, `none`, or a format of strptime, which contains a %."""

AUTO, DATE, NO_TIMES = "auto", "date", "none"
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Ticks per second by unit."""

ACCEPTED_TIMES = (
    "seconds, milli-, micro- or nanoseconds since 1970, or dates such as 2024-08-31, 2024/8/31, 31.8.2024, "
    "02 28, 2014, Feb 28, 2014, 28 Feb 2014 and 20240831, with or without a time of day and a zone, as in "
    "2024-08-31T07:05:00+02:00; 8/31/2024 or 31/8/2024 if at least one day of the column is above 12; other forms "
    "with --time and a format such as '%d-%m-%y', and no times at all with --time none"
)

_MAX_SECONDS = 100_000_000_000
"""The year 5138 in seconds, 1973 in milliseconds: a column whose median is larger is in a smaller unit."""
_COMPACT_DATES = (19_000_101, 21_001_231)
"""Numbers in this range are dates such as 20240831: as seconds they would all be of August 1970."""

_MISSING = ("", "na", "n/a", "nan", "nat", "null", "none", "-", r"\n")
"""Texts, in lower case, that stand for a missing time."""
_ORDERED_FORMS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m %d, %Y", "%B %d, %Y", "%d %B %Y", "%d %B, %Y", "%Y%m%d"
)  # fmt: skip
"""Dates that can be read in one way only; %B reads abbreviated names too."""
_YEAR_1000 = -354_285
"""The first day of the year 1000, in days since 1970."""
_MONTH_FIRST, _DAY_FIRST = "%m/%d/%Y", "%d/%m/%Y"
_USUAL_FORM = "%Y-%m-%d %H:%M:%S"
"""Read first: the general way takes ten times as long."""
_WEEKDAY_FORM = r"^\w{3} (\w{3}) (\d{1,2}) (\d\d:\d\d:\d\d) ([+-]\d{4}) (\d{4})$"
"""Sun Jul 30 07:44:10 -0700 2017, as in Goodreads."""
_PARTS = (
    r"(?i)^(?<date>.*?)(?:(?:T| +)(?<hour>\d{1,2}):(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,]\d+)?)?"
    r"(?: ?(?<half>[AP]M))?(?: ?(?:Z|UTC|GMT|(?<sign>[+-])(?<zone_hour>\d\d):?(?<zone_minute>\d\d)))?)?$"
)
_NUMBERS = ("hour", "minute", "second", "zone_hour", "zone_minute")


def check_form(form: TimeForm) -> None:
    """Raises an error unless it is a form of times.

    Raises:
        UsageError: it is none.
    """
    known = (AUTO, *UNITS, DATE, NO_TIMES)
    if form in known:
        return
    if "%" not in form:
        raise UsageError(f"--time: expected {', '.join(known)} or a format such as '%d-%m-%Y', got '{form}'")
    example_date = datetime(2024, 8, 31, tzinfo=UTC)
    try:
        example = pl.Series([example_date]).dt.strftime(form)
        is_readable = _parse_format(example, form)[0] == example_date.timestamp()
    except pl.exceptions.PolarsError:
        is_readable = False
    if not is_readable:
        raise UsageError(f"--time: '{form}' is not a format with year, month and day, such as '%d-%m-%Y'")


def missing_to_null(values: pl.Series) -> pl.Series:
    """The values with null for NaN and for texts that stand for a missing time; numbers and times are kept as such."""
    if values.dtype.is_float():
        return values.fill_nan(None)
    if not isinstance(values.dtype, pl.String | pl.Categorical | pl.Enum):
        return values
    texts = values.cast(pl.String)
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.null_count() == values.null_count() and not numbers.is_nan().any():
        return texts  # numbers only, as in most files: no text needs to be compared
    texts = texts.str.strip_chars()
    return texts.set(texts.str.to_lowercase().is_in(_MISSING), None)


def to_seconds(values: pl.Series, form: TimeForm = AUTO) -> pl.Series:
    """Seconds since 1970, UTC, rounded down; null where a value is not a time.

    Args:
        values: Numbers, texts, dates or times, as returned by `missing_to_null`.
        form: `auto` reads the column as numbers or as dates, whichever fits more of its values, and numbers in the
            unit that their median suggests. Without a zone, times are in UTC.

    Raises:
        UsageError: the form is unknown.
    """
    check_form(form)
    if values.dtype.is_temporal():
        is_time = isinstance(values.dtype, pl.Date | pl.Datetime)
        return values.cast(pl.Datetime("ms")).dt.epoch("s").cast(pl.Int64) if is_time else _nothing(values)
    if not (values.dtype.is_numeric() or isinstance(values.dtype, pl.String)):
        return _nothing(values)
    if "%" in form:
        return _parse_format(values.cast(pl.String), form)
    if form == DATE:
        return _parse_dates(values.cast(pl.String))
    numbers = values.cast(pl.Float64, strict=False)
    n_numbers, n_values = numbers.count(), values.count()
    if form == AUTO and (n_numbers < n_values or _are_compact_dates(numbers)):
        dates = _parse_dates(values.cast(pl.String))
        if dates.count() > n_numbers or (n_numbers and dates.count() == n_numbers == n_values):
            return dates
    return (numbers / UNITS.get(form, _ticks_per_second(numbers))).floor().cast(pl.Int64, strict=False)


def _nothing(values: pl.Series) -> pl.Series:
    return pl.repeat(None, len(values), dtype=pl.Int64, eager=True)


def _median(numbers: pl.Series) -> float:
    median = numbers.median()
    return median if isinstance(median, float) else 0.0


def _are_compact_dates(numbers: pl.Series) -> bool:
    return _COMPACT_DATES[0] <= _median(numbers) <= _COMPACT_DATES[1]


def _ticks_per_second(numbers: pl.Series) -> int:
    median = _median(numbers)
    return next((ticks for ticks in UNITS.values() if median <= _MAX_SECONDS * ticks), UNITS["ns"])


def _parse_format(texts: pl.Series, form: str) -> pl.Series:
    parsed = texts.str.to_datetime(form, strict=False, time_unit="ms")
    return parsed.dt.epoch("s").cast(pl.Int64)


def _parse_dates(texts: pl.Series) -> pl.Series:
    """Seconds since 1970 of dates with or without time of day and zone; null where a text is none."""
    texts = texts.str.strip_chars()
    usual = texts.str.to_datetime(_USUAL_FORM, strict=False, time_unit="ms").dt.epoch("s").cast(pl.Int64)
    if usual.count() == texts.count():
        return usual
    distinct = texts.drop_nulls().unique()
    table = pl.DataFrame({"text": distinct, "seconds": _parse_distinct(distinct)})
    return pl.DataFrame({"text": texts}).join(table, on="text", how="left", maintain_order="left")["seconds"]


def _parse_distinct(texts: pl.Series) -> pl.Series:
    texts = texts.str.replace(_WEEKDAY_FORM, "$2 $1 $5 $3 $4")
    part = texts.str.extract_groups(_PARTS).struct.unnest()
    number = part.select(pl.col(_NUMBERS).cast(pl.Int64).fill_null(0))
    hour = number["hour"] % 12 + 12 * (part["half"].str.to_uppercase() == "PM").cast(pl.Int64)
    hour = hour.zip_with(part["half"].is_not_null(), number["hour"])
    is_valid = (hour < 24) & (number["minute"] < 60) & (number["second"] < 61)
    offset = (number["zone_hour"] * 60 + number["zone_minute"]) * 60
    offset = offset.zip_with((part["sign"] == "+").fill_null(False), -offset)
    days = _parse_days(part["date"])
    seconds = days * 86_400 + hour * 3_600 + number["minute"] * 60 + number["second"] - offset
    return seconds.set(~is_valid, None)


def _parse_days(texts: pl.Series) -> pl.Series:
    """Days since 1970."""
    days = pl.coalesce(*(texts.str.to_date(form, strict=False) for form in _ORDERED_FORMS), _slashed(texts))
    days = days.cast(pl.Int32).cast(pl.Int64)
    has_whole_year = days >= _YEAR_1000  # %Y reads 24 as the year 24
    return texts.to_frame().select(pl.when(has_whole_year).then(days).alias("day"))["day"]


def _slashed(texts: pl.Series) -> pl.Series:
    """Dates such as 8/31/2024, in the order of day and month that fits more texts; null if both fit equally many."""
    slashed = texts.str.replace(r"^(\d{1,2})[/-](\d{1,2})[/-](\d{4})$", "$1/$2/$3")
    month_first, day_first = (slashed.str.to_date(form, strict=False) for form in (_MONTH_FIRST, _DAY_FIRST))
    if month_first.count() == day_first.count():
        return month_first.clear(len(texts))
    return month_first if month_first.count() > day_first.count() else day_first
