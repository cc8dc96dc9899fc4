"""Which data is marked as not safe against leakage from the future."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from duetbench.data.preparation.splits import TEST, TRAIN, VALID
from duetbench.data.preparation.temporal_leakage import temporal_leakage
from duetbench.data.rows import UNSPLIT, Rows


def rows(*lines: tuple[int, int]) -> Rows:
    """Rows from (time, split)."""
    table = np.array(lines, dtype=np.int64).reshape(-1, 2)
    number = np.arange(len(table))
    return Rows(number, number, number, table[:, 0], table[:, 1].astype(np.int8), np.ones(len(table), dtype=np.bool_))


IN_ORDER = rows((1, TRAIN), (2, TRAIN), (2, VALID), (3, TEST))


def reasons(data: Rows, *steps: str, has_times: bool = True) -> Sequence[str]:
    return temporal_leakage(data, steps, has_times=has_times)


def test_splits_in_order_are_safe() -> None:
    assert reasons(IN_ORDER, "sort", "split_count") == ()


def test_rows_without_splits_are_safe() -> None:
    assert reasons(rows((5, UNSPLIT), (1, UNSPLIT)), "sort") == ()


@pytest.mark.parametrize(
    ("data", "n_later"),
    [
        (rows((1, TRAIN), (4, TRAIN), (3, TEST)), "1 of 2 "),
        (rows((1, TRAIN), (4, VALID), (3, TEST)), "1 of 2 "),
        (rows((9, TRAIN), (4, VALID), (3, TEST), (9, TEST)), "2 of 2 "),
        (rows((3, TRAIN), (2, VALID)), "1 of 2 "),
    ],
)
def test_rows_later_than_a_later_split_are_counted(data: Rows, n_later: str) -> None:
    (reason,) = reasons(data, "split_leave_last:1")
    assert reason.startswith(n_later)
    assert "(split_leave_last:1)" in reason


def test_splits_of_the_source_are_checked_too() -> None:
    (reason,) = reasons(rows((5, TRAIN), (1, TEST)), "sort")
    assert "(the splits of the source)" in reason


def test_a_random_split_is_marked_even_if_it_is_in_order_by_chance() -> None:
    (reason,) = reasons(IN_ORDER, "split_random:0.8/0.1/0.1/7")
    assert reason.startswith("0 of 3 ")
    assert reason.endswith("histories contain only rows that are earlier, and no test rows")


def test_data_without_times_is_marked_even_if_its_splits_are_in_order() -> None:
    (reason,) = reasons(IN_ORDER, "split_count", has_times=False)
    assert reason.startswith("the data has no times")


def test_a_random_split_without_times_promises_the_order_in_the_file_only() -> None:
    _, reason = reasons(IN_ORDER, "split_random", has_times=False)
    assert reason.endswith("histories contain only rows that are earlier in the file, and no test rows")
