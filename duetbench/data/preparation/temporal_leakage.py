"""States how a prepared dataset may leak the future into histories, trainings and fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duetbench.data.preparation.splits import RANDOM_SPLIT
from duetbench.data.rows import SPLITS, Rows


def temporal_leakage(rows: Rows, steps: Sequence[str], *, has_times: bool) -> tuple[str, ...]:
    """The reasons why the data is not safe against leakage from the future; () if it is.

    It is safe if rows have times and no row of an earlier split is later than the first row of a later one: then
    histories, trained weights, fitted scorers and chosen checkpoints know nothing from after a test row.

    Args:
        rows: The rows after the last step.
        steps: The steps, each `NAME` or `NAME:ARGUMENT`.
        has_times: Whether timestamps are times; otherwise they are positions in the file.
    """
    reasons = []
    if not has_times:
        reasons.append(
            "the data has no times: histories follow the order of the rows in the file, so they may contain "
            "interactions from after the target, but never the target itself"
        )
    n_later = _n_later_than_a_later_split(rows)
    splitting = [step for step in steps if step.startswith("split_")]
    is_random = splitting[-1:] and splitting[-1].startswith(RANDOM_SPLIT)
    if n_later or is_random:
        source = splitting[-1] if splitting else "the splits of the source"
        n_earlier_splits = int(np.isin(rows.split, (0, 1)).sum())
        in_file = "" if has_times else " in the file"
        histories = f"; histories contain only rows that are earlier{in_file}, and no test rows" if is_random else ""
        reasons.append(
            f"{n_later:,} of {n_earlier_splits:,} training and validation rows are later{in_file} than the first row "
            f"of a later split ({source}), so what is trained, fitted or chosen on them has seen the future of test "
            f"rows{histories}"
        )
    return tuple(reasons)


def _n_later_than_a_later_split(rows: Rows) -> int:
    """Number of rows that are later than the first row of a later split."""
    n_later = 0
    for code in range(len(SPLITS) - 1):
        later = rows.time[rows.split > code]
        if len(later):
            n_later += int((rows.time[rows.split == code] > later.min()).sum())
    return n_later
