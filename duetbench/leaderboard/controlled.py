"""Which rows are the controls of a row."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.leaderboard.board import RANKED, BoardRow
from duetbench.leaderboard.row_attributes import CONTROL, is_setting, scopes_of

WITHOUT_WRITER = "10h"
"""The strategy of control rows that do not depend on a writer."""
NO_ROW = "no row"
"""The state of a control that other rows have."""


def controls_of(rows: Sequence[BoardRow]) -> list[tuple[int, ...]]:
    """The positions of the ranked control rows of each row; empty for controls, and for rows without any."""
    return [_controls(rows, row, (RANKED,)) for row in rows]


def absent_controls(row: BoardRow, rows: Sequence[BoardRow]) -> dict[str, str]:
    """The state of each control of a row of which no ranked row exists: failed, low coverage, no predictions or no row.

    A row is expected to have the controls that other rows of its strategy have, trained alike or not at all.

    Args:
        rows: All rows of the section, failed ones included.
    """
    positions = _controls(rows, row, tuple({other.state for other in rows}))
    if not positions:
        return {}
    states = dict.fromkeys(_expected(row, rows), NO_ROW)
    states |= {rows[position].facts[CONTROL]: rows[position].state for position in positions}
    ranked = {rows[position].facts[CONTROL] for position in positions if rows[position].state == RANKED}
    return {name: state for name, state in sorted(states.items()) if name not in ranked}


def _expected(row: BoardRow, rows: Sequence[BoardRow]) -> set[str]:
    names = (WITHOUT_WRITER, row.facts.get("strategy"))
    return {
        other.facts[CONTROL]
        for other in rows
        if CONTROL in other.facts
        and other.facts.get("strategy") in names
        and other.facts.get("model") == row.facts.get("model")
        and _trainer(other) in ("none", _trainer(row))
    }


def _controls(rows: Sequence[BoardRow], row: BoardRow, states: Sequence[str]) -> tuple[int, ...]:
    if not row.has_llm or CONTROL in row.facts or row.state != RANKED:
        return ()
    candidates = [p for p, other in enumerate(rows) if other.state in states and _has_settings_of(row, other)]
    without_writer = [p for p in candidates if rows[p].facts["strategy"] == WITHOUT_WRITER]
    of_writer = [p for p in candidates if p not in without_writer and _has_writer_of(row, rows[p])]
    trainer = _trainer(row)
    own = [p for p in of_writer if _trainer(rows[p]) == trainer]
    names = {rows[p].facts[CONTROL] for p in own}
    # a control that exists only with another trainer: raw evidence does not train, best of n replaces the trainer
    others = [p for p in of_writer if rows[p].facts[CONTROL] not in names and trainer != "none"]
    return tuple(sorted({*without_writer, *own, *others}))


def _has_settings_of(row: BoardRow, other: BoardRow) -> bool:
    """Whether a control row has the model and the settings of a row, as far as both rows have them."""
    if CONTROL not in other.facts:
        return False
    ignored = scopes_of(other.facts[CONTROL]) + scopes_of(row.facts.get("engine", ""))
    common = [name for name in row.facts if name in other.facts and is_setting(name) and not name.startswith(ignored)]
    return all(row.facts[name] == other.facts[name] for name in common)


def _has_writer_of(row: BoardRow, other: BoardRow) -> bool:
    """Whether a control row is of the same strategy and grid; a control without a label serves all grids."""
    is_of_grid = "label" not in other.facts or other.facts["label"] == row.facts.get("label")
    return is_of_grid and row.facts.get("strategy") == other.facts.get("strategy")


def _trainer(row: BoardRow) -> str:
    return row.facts.get("trainer", "none")
