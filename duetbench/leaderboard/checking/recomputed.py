"""Compares the metrics in records with those of the saved predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from duetbench.errors import DuetbenchError
from duetbench.evaluation import metrics_of, read_predictions
from duetbench.interfaces import Metric
from duetbench.leaderboard.decisions import without_exact_classes
from duetbench.leaderboard.paired_values import domain_of
from duetbench.leaderboard.read_results import CellResult
from duetbench.leaderboard.recorded_metrics import recorded_names
from duetbench.records import FileEntry, MetricsRecord, PopulationMetrics, file_entry, to_json

TOLERANCE = 1e-9
"""Sums of floats depend on the order of the terms, which may differ between machines."""


def metric_differences(result: CellResult, metrics: Sequence[Metric]) -> list[str]:
    """One line for each changed file of a finished cell, and for its first metric that its predictions do not have.

    Args:
        result: The cell.
        metrics: The registered ones; those that its record holds are compared.
    """
    changed = [
        f"{result.folder / name}: not the file that the record names"
        for name, entry in sorted(result.record.files.items())
        if not _is_same(result.folder / name, entry)
    ]
    recorded = result.record.metrics
    assert recorded is not None
    recorded_metrics = recorded_names([result])
    common = [metric for metric in metrics if metric.name in recorded_metrics]
    try:
        table = read_predictions(result.predictions)
        computed = metrics_of(
            table,
            domain_of(result),
            common,
            train_mean=recorded.train_mean,
            fill=recorded.fill,
            decision=recorded.decision,
            further_fills=tuple(name for name in recorded.over if name != "readable"),
        )
    except DuetbenchError as error:
        return [*changed, f"{result.folder}: {error}"]
    if recorded.decisions is None:  # written before metrics were recorded under decision rules
        recorded = replace(recorded, over=without_exact_classes(recorded.over, computed.decision))
        computed = replace(computed, decision=None, decisions=None)
    if recorded.off_scale is None:  # likewise
        computed = replace(computed, off_scale=None)
    compared = _restricted(recorded, {metric.name for metric in common})
    difference = first_difference(to_json(compared), to_json(computed))
    return changed if difference is None else [*changed, f"{result.folder}: metrics{difference}"]


def _restricted(recorded: MetricsRecord, names: set[str]) -> MetricsRecord:
    """The metrics of a record without the values of metrics other than these."""
    decisions = {rule: _populations(over, names) for rule, over in (recorded.decisions or {}).items()}
    return replace(
        recorded,
        over=_populations(recorded.over, names),
        decisions=None if recorded.decisions is None else decisions,
    )


def _populations(over: Mapping[str, PopulationMetrics], names: set[str]) -> dict[str, PopulationMetrics]:
    return {
        name: replace(
            population, values={metric: part for metric, part in population.values.items() if metric in names}
        )
        for name, population in over.items()
    }


def _is_same(path: Path, entry: FileEntry) -> bool:
    return path.is_file() and file_entry(path) == entry


def first_difference(recorded: Any, computed: Any, path: str = "") -> str | None:
    """Path and values of the first difference between two JSON values; None if they agree within TOLERANCE."""
    if isinstance(recorded, dict) and isinstance(computed, dict):
        if recorded.keys() != computed.keys():
            names = sorted(recorded.keys() ^ computed.keys())
            return f"{path}: only one has {', '.join(names)}"
        parts = (first_difference(recorded[name], computed[name], f"{path}.{name}") for name in recorded)
        return next((part for part in parts if part), None)
    are_numbers = all(isinstance(part, int | float) and not isinstance(part, bool) for part in (recorded, computed))
    if are_numbers and math.isclose(recorded, computed, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        return None
    return (
        None if recorded == computed else f"{path}: recorded {recorded!r}, computed from the predictions {computed!r}"
    )
