"""Compares the metrics in records with those of the saved predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from duetbench.errors import DuetbenchError
from duetbench.evaluation import metrics_of, read_predictions
from duetbench.interfaces import Metric
from duetbench.leaderboard.decisions import without_exact_classes
from duetbench.leaderboard.ranking import domain_of
from duetbench.leaderboard.read_results import CellResult, read_results
from duetbench.leaderboard.recorded_metrics import recorded_names
from duetbench.records import FileEntry, MetricsRecord, PopulationMetrics, file_entry, to_json

TOLERANCE = 1e-9
"""Sums of floats depend on the order of the terms, which may differ between machines."""


@dataclass(frozen=True)
class CheckReport:
    """The result of a check."""

    n: int
    """Finished cells whose metrics were computed again from their predictions."""
    differences: tuple[str, ...]
    """One line each; records that could not be read included."""
    unchecked: tuple[str, ...] = ()
    """Metrics that are in a record, but not registered, so that they could not be computed again."""


def check(runs: Sequence[Path], metrics: Sequence[Metric]) -> CheckReport:
    """Computes the metrics of every finished cell again from its predictions, and compares them with its record.

    Args:
        runs: Folders of runs, folders that hold runs, or folders of single cells.
        metrics: The registered ones; of each cell, those that its record holds are compared.

    Raises:
        RecordError: a folder holds no results.
    """
    reading = read_results(runs)
    finished = [result for result in reading.results if result.is_done]
    differences = [line for result in finished for line in _check(result, metrics)]
    unchecked = sorted(recorded_names(finished) - {metric.name for metric in metrics})
    return CheckReport(len(finished), (*reading.faults, *differences), tuple(unchecked))


def _check(result: CellResult, metrics: Sequence[Metric]) -> list[str]:
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
        )
    except DuetbenchError as error:
        return [*changed, f"{result.folder}: {error}"]
    if recorded.decisions is None:  # written before metrics were recorded under decision rules
        recorded = replace(recorded, over=without_exact_classes(recorded.over, computed.decision))
        computed = replace(computed, decision=None, decisions=None)
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
