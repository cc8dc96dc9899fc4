"""CSV for programs: one line per row, not rounded, empty where there is no value."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from duetbench.escaping import csv_text
from duetbench.evaluation.statistics import Interval
from duetbench.leaderboard.board import COUNTS, Board, BoardMetric, BoardRow, BoardSection, SeedSummary

_ROW = (
    *(
        "dataset",
        "split",
        "fingerprint",
        "pairs",
        "temporal_leakage",
        "convention",
        "fill",
        "rank_best",
        "rank_worst",
        "state",
        "reason",
    ),
    *("name", "strategy", "trainer", "model", "weights", "scorer", "settings", "seeds", "n_seeds", "cells"),
    *("decision", "budget_steps", "budget_tokens", "n", "coverage", *COUNTS),
)
_BASELINE = ("baseline", "users_needed", "absent_controls")
_COSTS = ("prompt_tokens", "completion_tokens", "calls", "cached", "seconds", "training_seconds", "evaluation_seconds")
_PARTS = ("", "_sd", "_readable")
"""Suffixes of a metric's columns: mean over the seeds, its standard deviation, the mean over readable predictions. A
metric with an optimal decision rule has one more, such as `mae_median`: the mean over the seeds under that rule."""
_COMPARED = (
    *("_low", "_high", "_delta", "_delta_low", "_delta_high", "_delta_p", "_delta_p_holm"),
    *("_gain", "_gain_low", "_gain_high", "_gain_control", "_gain_n_controls"),
)
"""Suffixes of a metric's further columns: its interval, the difference to the baseline, the gain over the strongest
control."""


def csv_columns(metrics: Sequence[BoardMetric]) -> tuple[str, ...]:
    """The columns in order, the same for all boards with the same metrics."""
    prefixes = _prefixes(metrics)
    of_metrics = (f"{prefixes[metric.name]}{part}" for metric in metrics for part in _parts(metric))
    compared = (f"{prefix}{part}" for prefix in prefixes.values() for part in _COMPARED)
    return (*_ROW, *of_metrics, *_BASELINE, *compared, *_COSTS)


def _parts(metric: BoardMetric) -> tuple[str, ...]:
    return (*_PARTS, f"_{metric.optimal_decision}") if metric.optimal_decision else _PARTS


def _prefixes(metrics: Sequence[BoardMetric]) -> dict[str, str]:
    """The beginning of each metric's column names: its name, or `metric_NAME` where another column has that name."""
    columns = {*_ROW, *_BASELINE, *_COSTS}
    prefixes: dict[str, str] = {}
    for metric in metrics:
        prefix = metric.name
        suffixes = (*_parts(metric), *_COMPARED)
        while any(f"{prefix}{part}" in columns for part in suffixes):
            prefix = f"metric_{prefix}"
        columns |= {f"{prefix}{part}" for part in suffixes}
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
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return csv_text(value) if isinstance(value, str) else value


def _csv_row(section: BoardSection, row: BoardRow, prefixes: dict[str, str]) -> dict[str, Any]:
    separate = ("strategy", "trainer", "model", "weights", "scorer", "decision")
    settings = (f"{name}={row.facts[name]}" for name in section.differing if name in row.facts and name not in separate)
    fields = {name: getattr(section.key, name) for name in ("dataset", "split", "fingerprint", "pairs")}
    fields |= {"convention": section.convention.name, "fill": section.fill, "baseline": section.baseline}
    fields |= {"users_needed": section.users_needed, "temporal_leakage": "; ".join(section.temporal_leakage)}
    absent = (f"{name}: {state}" for name, state in (row.absent_controls or {}).items())
    fields |= {"absent_controls": "; ".join(absent)}
    fields |= {name: getattr(row, name) for name in ("name", "state", "reason", "coverage")}
    fields |= {"rank_best": row.ranks.best, "rank_worst": row.ranks.worst} if row.ranks else {}
    fields |= {name: row.facts.get(name, "") for name in separate} | asdict(row.costs) | (row.counts or {})
    fields |= {"settings": "; ".join(settings), "seeds": " ".join(map(str, row.seeds)), "cells": " ".join(row.cells)}
    fields |= {"n_seeds": len(row.seeds), "n": row.n if row.values else None}
    for name, prefix in prefixes.items():
        fields |= _metric(prefix, (row.values or {}).get(name), (row.readable or {}).get(name))
        fields |= _compared(prefix, row, name)
    return fields


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


def _compared(prefix: str, row: BoardRow, metric: str) -> dict[str, Any]:
    interval, difference = (row.intervals or {}).get(metric), (row.differences or {}).get(metric)
    gain = (row.gains or {}).get(metric)
    fields: dict[str, Any] = _bounds(prefix, interval)
    if difference:
        fields |= _bounds(f"{prefix}_delta", difference.interval)
        fields |= {f"{prefix}_delta": difference.interval.estimate, f"{prefix}_delta_p": difference.p}
        fields |= {f"{prefix}_delta_p_holm": difference.p_holm}
    if gain:
        fields |= _bounds(f"{prefix}_gain", gain.interval)
        fields |= {f"{prefix}_gain": gain.interval.estimate, f"{prefix}_gain_control": gain.control}
        fields |= {f"{prefix}_gain_n_controls": gain.n_controls}
    return fields


def _bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    return {f"{name}_low": interval.low, f"{name}_high": interval.high} if interval else {}
