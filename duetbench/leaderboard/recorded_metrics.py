"""The metrics of records: their names, and the values that a convention selects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from duetbench.evaluation.conventions import Convention
from duetbench.evaluation.metric_values import shown_values
from duetbench.interfaces import Metric
from duetbench.leaderboard.board import BoardMetric
from duetbench.leaderboard.read_results import CellResult, ReadResults
from duetbench.records import RECORD, MetricsRecord
from duetbench.types import MetricValues


def recorded_names(results: Iterable[CellResult]) -> set[str]:
    """The names of the metrics that the records of finished cells hold."""
    metrics = [result.record.metrics for result in results if result.record.metrics]
    return {name for recorded in metrics for population in recorded.over.values() for name in population.values}


def board_metrics(metrics: Sequence[Metric], results: Sequence[CellResult]) -> tuple[BoardMetric, ...]:
    """The registered metrics in their order, then others that records hold, by name."""
    registered = [
        BoardMetric(metric.name, metric.title, metric.lower_is_better, metric.optimal_decision) for metric in metrics
    ]
    others = recorded_names(results) - {metric.name for metric in metrics}
    return (*registered, *(BoardMetric(name, name, None) for name in sorted(others)))


def without_incomplete(reading: ReadResults, convention: Convention) -> ReadResults:
    """The results whose records hold the values that a convention reads; the others become faults."""
    missing = [_missing_values(result.record.metrics, convention) for result in reading.results]
    faults = [
        f"not shown: {result.folder / RECORD} is incomplete: metrics{reason}; run the cell again"
        for result, reason in zip(reading.results, missing, strict=True)
        if reason
    ]
    complete = (result for result, reason in zip(reading.results, missing, strict=True) if not reason)
    return replace(reading, results=tuple(complete), faults=(*reading.faults, *faults))


def _missing_values(recorded: MetricsRecord | None, convention: Convention) -> str:
    """What a record lacks; empty: nothing."""
    if recorded is None:
        return ""
    read = {common_fill([recorded]), convention.over or recorded.fill}
    parts = {".over": (recorded.over, read | {"readable"})}
    parts |= {f".decisions.{rule}": (over, read) for rule, over in (recorded.decisions or {}).items()}
    absent = (f"{name} has no {', '.join(sorted(names - set(over)))}" for name, (over, names) in parts.items())
    return next((text for text in absent if not text.endswith(" no ")), "")


def common_fill(recorded: Sequence[MetricsRecord]) -> str:
    """The fill with which records are read that declare different ones.

    The mean of the training ratings, or where that is unknown for one of them the worst label.
    """
    return "worst" if any(metrics.train_mean is None for metrics in recorded) else "train_mean"


class MetricReader:
    """Reads the values that a convention selects from records, and collects notes on those that it could not read."""

    def __init__(self, metrics: Sequence[Metric], convention: Convention, fill: str) -> None:
        self.convention = convention
        self.metrics = metrics
        self._fill = convention.over or fill
        self._unrecorded: dict[str, None] = {}
        self._faults: dict[str, None] = {}

    def over_all(self, recorded: MetricsRecord) -> dict[str, float | None]:
        """By metric, over all pairs, with the fill for missing predictions."""
        return self._values(recorded.over[self._fill].values)

    def over_readable(self, recorded: MetricsRecord) -> dict[str, float | None]:
        """By metric, over readable predictions only."""
        return self._values(recorded.over["readable"].values)

    def _values(self, population: Mapping[str, MetricValues]) -> dict[str, float | None]:
        shown = shown_values(population, self.metrics, self.convention)
        self._unrecorded.update(dict.fromkeys(shown.unrecorded))
        self._faults.update(dict.fromkeys(shown.faults))
        return shown.values

    def notes(self) -> list[str]:
        """Notes on missing values."""
        names = ", ".join(self._unrecorded)
        lines = [f"empty where the record was written before the metric was registered: {names}"] if names else []
        return [*lines, *self._faults]
