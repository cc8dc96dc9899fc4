"""Three ways to cut interactions into train, validation and test."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from duetbench.data.preparation.time_windows import SPAN, moment_of, span_before
from duetbench.data.rows import SPLITS, Rows
from duetbench.errors import ConfigError

TRAIN, VALID, TEST = range(len(SPLITS))


def split_count(rows: Rows, argument: str) -> Rows:
    """Shares of the rows in their current order: `split_count:0.8/0.1/0.1`; both cuts are rounded down."""
    shares = _shares(argument or "0.8/0.1/0.1")
    split = np.full(len(rows), TEST)
    split[: int((shares[TRAIN] + shares[VALID]) * len(rows))] = VALID
    split[: int(shares[TRAIN] * len(rows))] = TRAIN
    return rows.with_split(split)


def _shares(argument: str) -> list[Fraction]:
    """Exact ones: 0.8 * 10 in floating point may fall below 8."""
    try:
        shares = [Fraction(part) for part in argument.split("/")]
    except (ValueError, ZeroDivisionError):
        shares = []
    if len(shares) != len(SPLITS) or min(shares) < 0 or sum(shares) != 1:
        raise ConfigError([f"steps.split_count:{argument}: wants three shares that sum to 1, as in 0.8/0.1/0.1"])
    return shares


def split_time(rows: Rows, argument: str) -> Rows:
    """By time: `split_time:VALID/TEST`, each a moment at which the split begins, or a span counted from the end.

    `2014-05-01/2014-06-01` begins validation and test there (UTC). `30d/30d` gives test the last 30 days and
    validation the 30 days before; `1m/1m` does so by calendar months.
    """
    parts = argument.split("/")
    if len(parts) != 2:
        raise ConfigError([f"steps.split_time:{argument}: wants VALID/TEST, as in 30d/30d or 2014-05-01/2014-06-01"])
    last = int(rows.time.max(initial=0))
    test_from = _begin(parts[1], last, argument)
    valid_from = _begin(parts[0], test_from - 1 if _is_span(parts[1]) else last, argument)
    if valid_from > test_from and (len(rows) or not any(map(_is_span, parts))):
        raise ConfigError([f"steps.split_time:{argument}: validation would begin after test; it comes first"])
    split = np.full(len(rows), TRAIN)
    split[rows.time >= valid_from] = VALID
    split[rows.time >= test_from] = TEST
    return rows.with_split(split)


def _is_span(text: str) -> bool:
    return bool(SPAN.fullmatch(text))


def _begin(text: str, last: int, argument: str) -> int:
    """The first second of a split that ends with `last`."""
    if not _is_span(text):
        return moment_of(text, f"steps.split_time:{argument}")
    return span_before(last, text) + 1


def split_leave_last(rows: Rows, argument: str) -> Rows:
    """Each user's last N rows are test, the N before validation: `split_leave_last:1`.

    A user with too few rows to leave one in train stays in train whole. The cut is each user's own, so the
    training rows of some users are later than the test rows of others.
    """
    if not (argument or "1").isdecimal() or int(argument or "1") < 1:
        raise ConfigError([f"steps.split_leave_last:{argument}: wants how many rows, at least 1"])
    n = int(argument or "1")
    order = np.lexsort((rows.row, rows.time, rows.user))
    sizes = np.bincount(rows.user) if len(rows) else np.zeros(0, dtype=np.int64)
    ends = np.cumsum(sizes)
    from_end = ends[rows.user[order]] - np.arange(len(rows))  # 1 is a user's last row
    big = sizes[rows.user[order]] > 2 * n
    split = np.full(len(rows), TRAIN)
    split[order[big & (from_end <= 2 * n)]] = VALID
    split[order[big & (from_end <= n)]] = TEST
    return rows.with_split(split)
