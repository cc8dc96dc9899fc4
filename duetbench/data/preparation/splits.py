"""Steps that assign train, validation and test splits: by count, by time, leave-last-out, and at random."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from duetbench.data.preparation.time_windows import DURATION, parse_timestamp_argument, subtract_duration
from duetbench.data.rows import SPLITS, IntArray, Rows
from duetbench.errors import ConfigError

TRAIN, VALID, TEST = range(len(SPLITS))
DEFAULT_SHARES = "0.8/0.1/0.1"
RANDOM_SPLIT = "split_random"
"""Name of the step that ignores time."""


def split_count(rows: Rows, argument: str) -> Rows:
    """Splits by shares of the rows in their current order: `split_count:0.8/0.1/0.1`; both cuts are rounded down."""
    return rows.with_split(_split_in_order(len(rows), _parse_shares("split_count", argument or DEFAULT_SHARES)))


def split_random(rows: Rows, argument: str) -> Rows:
    """Splits at random by shares: `split_random:0.8/0.1/0.1/7`, whose last number is the seed (0 if it is left out).

    The split of a row depends on its position in the raw file, the set of rows and the seed, not on their order.
    Training rows are later than test rows, so nothing fitted to them is safe against leakage from the future.
    """
    shares, _, seed = argument.rpartition("/") if argument.count("/") > 2 else (argument, "/", "0")
    if not seed.isdecimal():
        raise ConfigError([f"steps.split_random:{argument}: expected a seed >= 0 after the shares, got '{seed}'"])
    parsed = _parse_shares("split_random", shares or DEFAULT_SHARES)
    order = np.argsort(rows.row)[np.random.default_rng(int(seed)).permutation(len(rows))]
    split = np.empty(len(rows), dtype=np.int8)
    split[order] = _split_in_order(len(rows), parsed)
    return rows.with_split(split)


def _split_in_order(n_rows: int, shares: list[Fraction]) -> IntArray:
    split = np.full(n_rows, TEST)
    split[: int((shares[TRAIN] + shares[VALID]) * n_rows)] = VALID
    split[: int(shares[TRAIN] * n_rows)] = TRAIN
    return split


def _parse_shares(step: str, argument: str) -> list[Fraction]:
    """The three shares as exact fractions: in floating point, 0.8 * 10 may be less than 8."""
    try:
        shares = [Fraction(part) for part in argument.split("/")]
    except (ValueError, ZeroDivisionError):
        shares = []
    if len(shares) != len(SPLITS) or min(shares) < 0 or sum(shares) != 1:
        raise ConfigError([f"steps.{step}:{argument}: expected three shares that sum to 1, as in 0.8/0.1/0.1"])
    return shares


def split_time(rows: Rows, argument: str) -> Rows:
    """Splits by time: `split_time:VALID/TEST`, each the date at which a split begins, or its duration.

    `2014-05-01/2014-06-01`: validation and test begin at these dates (UTC). `30d/30d`: test is the last 30 days and
    validation the 30 days before; `1m/1m`: the same by calendar months.
    """
    parts = argument.split("/")
    if len(parts) != 2:
        raise ConfigError([f"steps.split_time:{argument}: expected VALID/TEST, as in 30d/30d or 2014-05-01/2014-06-01"])
    last = int(rows.time.max(initial=0))
    test_from = _first_second(parts[1], last, argument)
    valid_from = _first_second(parts[0], test_from - 1 if _is_duration(parts[1]) else last, argument)
    if valid_from > test_from and (len(rows) or not any(map(_is_duration, parts))):
        raise ConfigError([f"steps.split_time:{argument}: validation must begin before test"])
    split = np.full(len(rows), TRAIN)
    split[rows.time >= valid_from] = VALID
    split[rows.time >= test_from] = TEST
    return rows.with_split(split)


def _is_duration(text: str) -> bool:
    return bool(DURATION.fullmatch(text))


def _first_second(text: str, last: int, argument: str) -> int:
    """The first second of a split that ends with the second `last`."""
    if not _is_duration(text):
        return parse_timestamp_argument(text, f"steps.split_time:{argument}")
    return subtract_duration(last, text) + 1


def split_leave_last(rows: Rows, argument: str) -> Rows:
    """Splits each user's rows: the last N are test, the N before them validation: `split_leave_last:1`.

    All rows of a user are train if none would remain there otherwise. Each user has a cut of their own, so training
    rows of some users are later than test rows of others.
    """
    if not (argument or "1").isdecimal() or int(argument or "1") < 1:
        raise ConfigError([f"steps.split_leave_last:{argument}: expected a number of rows >= 1"])
    n = int(argument or "1")
    order = np.lexsort((rows.row, rows.time, rows.user))
    sizes = np.bincount(rows.user) if len(rows) else np.zeros(0, dtype=np.int64)
    ends = np.cumsum(sizes)
    from_end = ends[rows.user[order]] - np.arange(len(rows))  # 1 is a user's last row
    has_enough = sizes[rows.user[order]] > 2 * n
    split = np.full(len(rows), TRAIN)
    split[order[has_enough & (from_end <= 2 * n)]] = VALID
    split[order[has_enough & (from_end <= n)]] = TEST
    return rows.with_split(split)
