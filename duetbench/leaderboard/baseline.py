"""Chooses the row that the others are compared with: declared, or by validation error, never by test error."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from duetbench.leaderboard.board import RANKED, UNPAIRED, BoardRow
from duetbench.leaderboard.sections import RowGroup

DEFAULT = "bias"
"""The baseline where no validation errors are recorded."""
_UNRECORDED = "no validation errors are recorded"


class ChosenBaseline(NamedTuple):
    """The row that the others are compared with."""

    position: int | None
    """None: nothing is compared."""
    note: str = ""
    """How it was chosen, or why there is none; empty: there is no row without an LLM."""


def choose_baseline(rows: Sequence[BoardRow], groups: Sequence[RowGroup], declared: str | None) -> ChosenBaseline:
    """The declared row; or, of the rows without an LLM, that of the smallest MAE on the validation rows.

    A row that is chosen by its test error looks better on the test rows than it is, and every difference to it worse.

    Args:
        groups: The results of each row.
        declared: Name of a row.
    """
    if declared is not None:
        return _named(rows, declared)
    candidates = [
        position for position, row in enumerate(rows) if row.state == RANKED and not row.has_llm and not row.is_foreign
    ]
    errors = {position: _validation_mae(groups[position]) for position in candidates}
    known = {position: error for position, error in errors.items() if error is not None}
    if known:
        best = min(known, key=lambda position: (known[position], rows[position].name))
        n_others = len(errors) - len(known)
        others = f"; {n_others} other{'s have' if n_others > 1 else ' has'} no validation error" if n_others else ""
        note = (
            f"baseline {rows[best].name}: smallest MAE on validation rows of {len(known)} rows without an LLM{others}"
        )
        return ChosenBaseline(best, note)
    is_validation = any(result.record.cell.split == "valid" for group in groups for result in group.results)
    cause = "a board of validation rows has no other errors to choose by" if is_validation else _UNRECORDED
    return _default(rows, candidates, cause)


def _named(rows: Sequence[BoardRow], name: str) -> ChosenBaseline:
    positions = [position for position, row in enumerate(rows) if row.name == name and row.state != UNPAIRED]
    if len(positions) == 1:
        return ChosenBaseline(positions[0], f"baseline {name}: as declared")
    count = "no row is" if not positions else f"{len(positions)} rows are"
    return ChosenBaseline(None, f"{count} named {name}: nothing is compared")


def _default(rows: Sequence[BoardRow], candidates: Sequence[int], cause: str) -> ChosenBaseline:
    """The default baseline, or the only candidate, which is no choice.

    Args:
        cause: Why none is chosen by its error.
    """
    named = [position for position in candidates if rows[position].name == DEFAULT]
    if len(named) == 1:
        return ChosenBaseline(named[0], f"baseline {DEFAULT}: the default, since {cause}")
    if len(candidates) == 1:
        return ChosenBaseline(candidates[0], f"baseline {rows[candidates[0]].name}: the only row without an LLM")
    if not candidates:
        return ChosenBaseline(None)
    return ChosenBaseline(
        None,
        f"nothing is compared: {cause}, and {len(named) or 'no'} ranked rows are named {DEFAULT}; declare a baseline",
    )


def _validation_mae(group: RowGroup) -> float | None:
    """The mean over its seeds; None if one of them has none."""
    recorded = [result.record.validation for result in group.results]
    errors = [validation.mae for validation in recorded if validation is not None and validation.mae is not None]
    return fmean(errors) if errors and len(errors) == len(recorded) else None
