"""The values of metrics under all conventions, for the reader who switches between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from duetbench.evaluation.conventions import CONVENTIONS
from duetbench.interfaces import Metric
from duetbench.leaderboard.board import BoardRow, BoardSection, SeedSummary
from duetbench.leaderboard.build import declared_fill, summaries
from duetbench.leaderboard.columns import Column, summary_text
from duetbench.leaderboard.read_results import CellResult
from duetbench.leaderboard.recorded_metrics import MetricReader

SwitchedTexts = dict[str, list[str]]
"""Texts of all rows, by position of the column."""


def switched_texts(
    section: BoardSection, columns: Sequence[Column], metrics: Sequence[Metric], results: Mapping[str, CellResult]
) -> dict[str, SwitchedTexts]:
    """By convention other than the section's, the texts of the columns that differ under it."""
    shown = {position: column for position, column in enumerate(columns) if _is_value(column)}
    switched: dict[str, SwitchedTexts] = {}
    done = [results[cell] for row in section.rows for cell in row.cells if cell in results and results[cell].is_done]
    fill, _ = declared_fill(done)
    for name, convention in CONVENTIONS.items():
        if name == section.convention.name:
            continue
        reader = MetricReader(metrics, convention, fill)
        values = [_values(row, reader, results) for row in section.rows]
        texts = {
            position: [summary_text(by_metric.get(column.metric)) for by_metric in values]
            for position, column in shown.items()
        }
        now = {position: [column.text(row) for row in section.rows] for position, column in shown.items()}
        switched[name] = {str(position): text for position, text in texts.items() if text != now[position]}
    return switched


def _is_value(column: Column) -> bool:
    return bool(column.metric) and not column.is_comparison and not column.metric.endswith(".optimal")


def _values(row: BoardRow, reader: MetricReader, results: Mapping[str, CellResult]) -> dict[str, SeedSummary | None]:
    recorded = [results[cell].record.metrics for cell in row.cells if cell in results]
    try:
        by_seed = [reader.over_all(metrics) for metrics in recorded if metrics is not None]
    except KeyError:  # a record of an earlier version lacks the fill of this convention
        return {}
    if not by_seed or len(by_seed) < len(row.cells):
        return {}
    return summaries(by_seed)
