"""Times in every accepted form are the same seconds; values that are no times are null."""

from __future__ import annotations

import polars as pl
import pytest

from duetbench.data.readers.times import check_form, missing_to_null, to_seconds
from duetbench.errors import UsageError

DAY = 1_725_062_400  # 2024-08-31
FIVE_PAST_SEVEN = DAY + 7 * 3600 + 5 * 60


def seconds(*values: object, form: str = "auto") -> list[int | None]:
    return to_seconds(missing_to_null(pl.Series(values, strict=False)), form).to_list()


@pytest.mark.parametrize(
    "text",
    [
        "2024-08-31", "2024-8-31", "2024/8/31", "2024/08/31", "2024.8.31", "31.8.2024", "31.08.2024", "08 31, 2024",
        "8 31, 2024", "Aug 31, 2024", "August 31, 2024", "31 Aug 2024", "31 August 2024", "20240831", "8/31/2024",
        "31/8/2024", "31-08-2024", " 2024-08-31 ",
    ],
)  # fmt: skip
def test_a_date_in_any_form_is_its_first_second(text: str) -> None:
    assert seconds(text) == [DAY]


@pytest.mark.parametrize(
    "text",
    [
        "2024-08-31 07:05:00", "2024-08-31T07:05:00Z", "2024-08-31T07:05:00.123", "2024/8/31 7:05", "31.8.2024 07:05",
        "8/31/2024 7:05 AM", "2024-08-31 07:05:00 UTC", "2024-08-31T09:05:00+02:00", "2024-08-31 02:05:00 -0500",
        "Sat Aug 31 00:05:00 -0700 2024",
    ],
)  # fmt: skip
def test_a_time_of_day_and_a_zone_are_read(text: str) -> None:
    assert seconds(text) == [FIVE_PAST_SEVEN]


def test_noon_and_midnight_are_read_on_a_clock_of_twelve_hours() -> None:
    assert seconds("8/31/2024 12:00 AM", "8/31/2024 12:00 PM") == [DAY, DAY + 43_200]


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
def test_the_unit_of_numbers_follows_from_their_size(factor: int) -> None:
    assert seconds(1_300_000_000 * factor) == [1_300_000_000]


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2024-13-01", "2024-08-31 25:00", "2024-08-31 07:61", "32.1.2024", "31.8.24", "24-8-31", "31/8/24"],
)
def test_what_is_no_time_is_null(text: str) -> None:
    assert seconds(text) == [None]


@pytest.mark.parametrize("missing", ["", "NA", "nan", "NULL", "None", "-", "\\N", None])
def test_missing_times_do_not_decide_the_form(missing: str | None) -> None:
    assert seconds("1300000000", missing, missing) == [1_300_000_000, None, None]
    assert seconds("2024-08-31", missing, missing) == [DAY, None, None]
    assert missing_to_null(pl.Series(["1", missing])).to_list() == ["1", None]


def test_unreadable_times_do_not_decide_the_form() -> None:
    assert seconds("1300000000", "unknown", "later") == [1_300_000_000, None, None]
    assert seconds("2024-08-31", "unknown", "later") == [DAY, None, None]


def test_nan_is_a_missing_time() -> None:
    assert seconds(1_300_000_000.0, float("nan"), float("nan")) == [1_300_000_000, None, None]


def test_one_day_above_twelve_decides_the_order_of_a_column() -> None:
    assert seconds("3/4/2024", "31/8/2024") == [1_712_102_400, DAY]  # 3 April
    assert seconds("3/4/2024", "8/31/2024") == [1_709_510_400, DAY]  # 4 March


def test_dates_of_unknown_order_are_not_guessed() -> None:
    assert seconds("3/4/2024", "5/6/2024") == [None, None]


def test_a_given_format_is_used() -> None:
    assert seconds("31-08-24", "x", form="%d-%m-%y") == [DAY, None]
    assert seconds("3/4/2024", form="%d/%m/%Y") == [1_712_102_400]


@pytest.mark.parametrize("form", ["seconds", "%d/%m", "%d-%Q", "%"])
def test_an_unknown_form_is_an_error(form: str) -> None:
    with pytest.raises(UsageError, match="--time"):
        check_form(form)


def test_other_types_are_no_times() -> None:
    assert to_seconds(pl.Series([True]), "auto").to_list() == [None]
    assert to_seconds(pl.Series([[1]]), "auto").to_list() == [None]
