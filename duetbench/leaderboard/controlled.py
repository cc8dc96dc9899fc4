"""Which rows are the controls of a row."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.leaderboard.board import RANKED, BoardRow
from duetbench.leaderboard.row_attributes import CONTROL

WITHOUT_WRITER = "10h"
"""The strategy of control rows that do not depend on a writer."""


def controls_of(rows: Sequence[BoardRow]) -> list[tuple[int, ...]]:
    """The positions of the control rows of each row; empty for controls, and for rows without any."""
    return [_controls(rows, row) for row in rows]


def _controls(rows: Sequence[BoardRow], row: BoardRow) -> tuple[int, ...]:
    if not row.has_llm or CONTROL in row.facts or row.state != RANKED:
        return ()
    candidates = [
        position
        for position, other in enumerate(rows)
        if CONTROL in other.facts and other.state == RANKED and other.facts["model"] == row.facts["model"]
    ]
    without_writer = [p for p in candidates if rows[p].facts["strategy"] == WITHOUT_WRITER]
    of_strategy = [p for p in candidates if p not in without_writer and _strategy(rows[p]) == _strategy(row)]
    trainer = _trainer(row)
    own = [p for p in of_strategy if _trainer(rows[p]) == trainer]
    names = {rows[p].facts[CONTROL] for p in own}
    # a control that exists only with another trainer: raw evidence does not train, best of n replaces the trainer
    others = [p for p in of_strategy if rows[p].facts[CONTROL] not in names and trainer != "none"]
    return tuple(sorted({*without_writer, *own, *others}))


def _strategy(row: BoardRow) -> str:
    return row.facts.get("strategy", "")


def _trainer(row: BoardRow) -> str:
    return row.facts.get("trainer", "none")
