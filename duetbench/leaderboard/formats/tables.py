"""The board for programs: CSV and JSON, nothing rounded, nothing left out."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from duetbench.evaluation.statistics import Interval
from duetbench.leaderboard.board import COUNTS, METRICS, Board, BoardRow, BoardSection, SeedSummary

FORMAT = 1
"""Version of the JSON's shape."""


def json_text(board: Board) -> str:
    """One object: `format`, `sections` with their rows, `notes`, `faults`."""
    content = {
        "format": FORMAT,
        "sections": [_section(section) for section in board.sections],
        "notes": board.notes,
        "faults": board.faults,
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


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
        "rows": [{"name": row.name, **asdict(row)} for row in section.rows],
        "notes": section.notes,
    }


_METRIC_COLUMNS = tuple(f"{name}{part}" for name in METRICS for part in ("", "_sd", "_readable"))
_INTERVAL_COLUMNS = tuple(f"{name}_{part}" for name in ("mae", "delta_mae") for part in ("low", "high"))
CSV_COLUMNS = (
    *("dataset", "split", "fingerprint", "pairs", "convention", "fill", "rank", "state", "reason"),
    *("name", "strategy", "trainer", "model", "weights", "scorer", "settings", "seeds", "n_seeds", "cells"),
    *("budget_steps", "budget_tokens", "n", "coverage", *COUNTS, *_METRIC_COLUMNS),
    *("baseline", "delta_mae", *_INTERVAL_COLUMNS, "p_holm"),
    *("prompt_tokens", "completion_tokens", "calls", "cached", "seconds"),
)
"""The same for every board."""


def csv_text(board: Board) -> str:
    """One line per row; `settings` holds every other fact in which rows of the section differ."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for section in board.sections:
        writer.writerows(_csv_row(section, row) for row in section.rows)
    return text.getvalue()


def _csv_row(section: BoardSection, row: BoardRow) -> dict[str, Any]:
    own = ("strategy", "trainer", "model", "weights", "scorer")
    settings = (f"{name}={row.facts[name]}" for name in section.differing if name in row.facts and name not in own)
    found = {name: getattr(section.key, name) for name in ("dataset", "split", "fingerprint", "pairs")}
    found |= {"convention": section.convention.name, "fill": section.fill, "baseline": section.baseline}
    found |= {name: getattr(row, name) for name in ("name", "rank", "state", "reason", "coverage", "p_holm")}
    found |= {name: row.facts.get(name, "") for name in own} | asdict(row.costs) | (row.counts or {})
    found |= {"settings": "; ".join(settings), "seeds": " ".join(map(str, row.seeds)), "cells": " ".join(row.cells)}
    found |= {"n_seeds": len(row.seeds), "n": row.n if row.values else None}
    for name in METRICS:
        found |= _metric(name, (row.values or {}).get(name), (row.readable or {}).get(name))
    found |= _bounds("mae", row.interval) | _bounds("delta_mae", row.difference)
    return found | {"delta_mae": row.difference.estimate if row.difference else None}


def _metric(name: str, spread: SeedSummary | None, readable: SeedSummary | None) -> dict[str, float | None]:
    return {
        name: spread.mean if spread else None,
        f"{name}_sd": spread.sd if spread else None,
        f"{name}_readable": readable.mean if readable else None,
    }


def _bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    return {f"{name}_low": interval.low, f"{name}_high": interval.high} if interval else {}
