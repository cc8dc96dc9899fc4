"""CSV for programs: one line per row, not rounded, empty where there is no value."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from duetbench.evaluation.statistics import Interval
from duetbench.leaderboard.board import COUNTS, RANKED_BY, Board, BoardMetric, BoardRow, BoardSection, SeedSummary

_ROW = (
    *("dataset", "split", "fingerprint", "pairs", "convention", "fill", "rank", "state", "reason"),
    *("name", "strategy", "trainer", "model", "weights", "scorer", "settings", "seeds", "n_seeds", "cells"),
    *("decision", "budget_steps", "budget_tokens", "n", "coverage", *COUNTS),
)
_COMPARISON = (
    *("baseline", f"delta_{RANKED_BY}"),
    *(f"{name}_{bound}" for name in (RANKED_BY, f"delta_{RANKED_BY}") for bound in ("low", "high")),
    "p_holm",
)
_COSTS = ("prompt_tokens", "completion_tokens", "calls", "cached", "seconds")
_PARTS = ("", "_sd", "_readable")
"""Suffixes of a metric's columns: mean over the seeds, its standard deviation, the mean over readable predictions. A
metric with an optimal decision rule has one more, such as `mae_median`: the mean over the seeds under that rule."""


def csv_columns(metrics: Sequence[BoardMetric]) -> tuple[str, ...]:
    """The columns in order, the same for all boards with the same metrics."""
    prefixes = _prefixes(metrics)
    of_metrics = (f"{prefixes[metric.name]}{part}" for metric in metrics for part in _parts(metric))
    return (*_ROW, *of_metrics, *_COMPARISON, *_COSTS)


def _parts(metric: BoardMetric) -> tuple[str, ...]:
    return (*_PARTS, f"_{metric.optimal_decision}") if metric.optimal_decision else _PARTS


def _prefixes(metrics: Sequence[BoardMetric]) -> dict[str, str]:
    """The beginning of each metric's column names: its name, or `metric_NAME` where another column has that name."""
    columns = {*_ROW, *_COMPARISON, *_COSTS}
    prefixes: dict[str, str] = {}
    for metric in metrics:
        prefix = metric.name
        while any(f"{prefix}{part}" in columns for part in _parts(metric)):
            prefix = f"metric_{prefix}"
        columns |= {f"{prefix}{part}" for part in _parts(metric)}
        prefixes[metric.name] = prefix
    return prefixes


def render(board: Board) -> str:
    """One line per row; `settings` holds every other attribute in which rows of the section differ."""
    prefixes = _prefixes(board.metrics)
    text = io.StringIO()
    writer = csv.DictWriter(text, csv_columns(board.metrics), restval="", lineterminator="\n")
    writer.writeheader()
    for section in board.sections:
        rows = (_csv_row(section, row, prefixes) | _optimal(row, board.metrics, prefixes) for row in section.rows)
        writer.writerows(rows)
    return text.getvalue()


def _csv_row(section: BoardSection, row: BoardRow, prefixes: dict[str, str]) -> dict[str, Any]:
    separate = ("strategy", "trainer", "model", "weights", "scorer", "decision")
    settings = (f"{name}={row.facts[name]}" for name in section.differing if name in row.facts and name not in separate)
    fields = {name: getattr(section.key, name) for name in ("dataset", "split", "fingerprint", "pairs")}
    fields |= {"convention": section.convention.name, "fill": section.fill, "baseline": section.baseline}
    fields |= {name: getattr(row, name) for name in ("name", "rank", "state", "reason", "coverage", "p_holm")}
    fields |= {name: row.facts.get(name, "") for name in separate} | asdict(row.costs) | (row.counts or {})
    fields |= {"settings": "; ".join(settings), "seeds": " ".join(map(str, row.seeds)), "cells": " ".join(row.cells)}
    fields |= {"n_seeds": len(row.seeds), "n": row.n if row.values else None}
    for name, prefix in prefixes.items():
        fields |= _metric(prefix, (row.values or {}).get(name), (row.readable or {}).get(name))
    difference = f"delta_{RANKED_BY}"
    fields |= _bounds(RANKED_BY, row.interval) | _bounds(difference, row.difference)
    return fields | {difference: row.difference.estimate if row.difference else None}


def _metric(prefix: str, summary: SeedSummary | None, readable: SeedSummary | None) -> dict[str, float | None]:
    return {
        prefix: summary.mean if summary else None,
        f"{prefix}_sd": summary.sd if summary else None,
        f"{prefix}_readable": readable.mean if readable else None,
    }


def _optimal(row: BoardRow, metrics: Sequence[BoardMetric], prefixes: dict[str, str]) -> dict[str, float | None]:
    """Under the decision rules that the metrics are optimal for; empty for rows without label probabilities."""
    summaries = {metric: (row.optimal or {}).get(metric.name) for metric in metrics if metric.optimal_decision}
    return {
        f"{prefixes[metric.name]}_{metric.optimal_decision}": summary.mean if summary else None
        for metric, summary in summaries.items()
    }


def _bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    return {f"{name}_low": interval.low, f"{name}_high": interval.high} if interval else {}
