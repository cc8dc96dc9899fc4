"""Statistics of a prepared dataset."""

from __future__ import annotations

from prepared_making import prepared

from duetbench.data import HistoryOptions, StepCount
from duetbench.data.statistics import (
    WindowStatistics,
    size_differences,
    split_statistics,
    window_statistics,
    windows_with_same_inputs,
)

LONG = prepared(
    *[("a", f"i{day}", float(1 + day % 5), day * 86_400, "train") for day in range(40)],
    ("b", "i0", 5.0, 86_400, "train"),
    ("a", "new", 5.0, 50 * 86_400, "test"),
    ("b", "i5", 2.0, 51 * 86_400, "test"),
)


def test_all_rows_and_each_split_are_counted() -> None:
    everything, train, test = split_statistics(LONG)
    assert (everything.split, everything.rows, everything.users, everything.items) == ("all", 43, 2, 41)
    assert (train.rows, test.rows) == (41, 2)
    assert test.ratings == {"2": 1, "5": 1}
    assert (test.mean_rating, test.first_day, test.last_day) == (3.5, "1970-02-20", "1970-02-21")


def test_windows_are_measured_by_their_real_lengths() -> None:
    ten, thirty, fifty, seventy = window_statistics(LONG, "test", HistoryOptions())
    assert (ten.mean_user, thirty.mean_user, fifty.mean_user) == ((10 + 1) / 2, (30 + 1) / 2, (40 + 1) / 2)
    assert (ten.full_user, fifty.full_user) == (0.5, 0.0)
    assert (ten.differs, thirty.differs, fifty.differs, seventy.differs) == (None, 0.5, 0.5, 0.0)


def test_windows_with_the_same_inputs_are_found() -> None:
    assert windows_with_same_inputs(window_statistics(LONG, "test", HistoryOptions())) == [(50, 70)]


def test_windows_without_requests_do_not_have_the_same_inputs() -> None:
    assert windows_with_same_inputs([WindowStatistics(k, *[None] * 5) for k in (10, 30)]) == []


def test_windows_without_requests_have_no_values() -> None:
    windows = window_statistics(LONG, "valid", HistoryOptions())
    assert [(window.mean_user, window.full_item, window.differs) for window in windows] == [(None, None, None)] * 4


def test_published_sizes_are_compared_with_those_found() -> None:
    last = StepCount("drop_cold", 100, 20, 10, {"train": 80, "valid": 10, "test": 10})
    differences = size_differences(last, {"train": 100, "users": 20})
    assert [(size.name, size.published, size.found, size.share) for size in differences] == [
        ("train", 100, 80, -0.2),
        ("users", 20, 20, 0),
    ]
    assert size_differences(last, {}) == []
