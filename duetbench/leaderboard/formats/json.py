"""JSON for programs: every value of the board, not rounded."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from duetbench.escaping import json_text
from duetbench.leaderboard.board import Board, BoardRow, BoardSection, PairComparison

FORMAT = 2
"""Version of the structure."""


def render(board: Board) -> str:
    """One object: `format`, `metrics`, `sorted_by`, `sections`, `notes`, `faults`.

    In a section, `pairs` is the digest of its pairs, `rows` are its rows, and `comparisons` those of two ranked rows.
    """
    content = {
        "format": FORMAT,
        "metrics": [asdict(metric) for metric in board.metrics],
        "sorted_by": board.sorted_by,
        "sections": [_section(section) for section in board.sections],
        "notes": board.notes,
        "faults": board.faults,
    }
    return json_text(content, indent=2) + "\n"


def _section(section: BoardSection) -> dict[str, Any]:
    return {
        **asdict(section.key),
        "n": section.n,
        "n_users": section.n_users,
        "convention": asdict(section.convention),
        "fill": section.fill,
        "coverage_floor": section.coverage_floor,
        "differing": section.differing,
        "baseline": section.baseline or None,
        "baseline_note": section.baseline_note,
        "users_needed": section.users_needed,
        "rows": [_row(row) for row in section.rows],
        "comparisons": [_pair(pair) for pair in section.shown_pairs],
        "notes": section.notes,
        "temporal_leakage": section.temporal_leakage,
    }


def _row(row: BoardRow) -> dict[str, Any]:
    return {"name": row.name, **asdict(row), "is_one_checkpoint": row.is_one_checkpoint}


def _pair(pair: PairComparison) -> dict[str, Any]:
    needed = pair.needed._asdict() if pair.needed else None
    return {**asdict(pair), "needed": needed}
