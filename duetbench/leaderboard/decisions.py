"""Decision rules on a leaderboard: metrics under the rule that they are optimal for, and what expectations lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from duetbench.errors import DuetbenchError
from duetbench.evaluation import metrics_of, read_predictions
from duetbench.evaluation.conventions import EXACT, Convention
from duetbench.evaluation.metrics import over_of_decision
from duetbench.interfaces import Metric
from duetbench.leaderboard.board import BoardMetric, BoardRow
from duetbench.leaderboard.paired_values import PairedValues, domain_of
from duetbench.leaderboard.read_results import CellResult, ReadResults
from duetbench.leaderboard.recorded_metrics import MetricReader
from duetbench.records import MetricsRecord, PopulationMetrics
from duetbench.types import Decision


def with_decisions(reading: ReadResults, metrics: Sequence[Metric]) -> ReadResults:
    """The results with metrics under each decision rule, computed from label probabilities where they are missing.

    Only records of earlier versions lack them. Where their predictions cannot be read, a note says so.
    """
    completed = [_completed(result, metrics) for result in reading.results]
    notes = [
        f"cell {result.record.cell_id[:8]} has no metrics under other decision rules: {fault}"
        for result, fault in zip(reading.results, completed, strict=True)
        if isinstance(fault, str)
    ]
    results = [
        result if isinstance(found, str) else found for result, found in zip(reading.results, completed, strict=True)
    ]
    return replace(reading, results=tuple(results), notes=(*reading.notes, *notes))


def _completed(result: CellResult, metrics: Sequence[Metric]) -> CellResult | str:
    """The result with metrics under each decision rule, or the reason in one line why there are none."""
    recorded = result.record.metrics
    if recorded is None or recorded.decisions is not None:
        return result
    try:
        table = read_predictions(result.predictions)
        computed = metrics_of(table, domain_of(result), metrics, train_mean=recorded.train_mean, fill=recorded.fill)
    except DuetbenchError as error:
        return str(error)
    over = without_exact_classes(recorded.over, computed.decision)
    known = replace(recorded, over=over, decision=computed.decision, decisions=computed.decisions)
    return replace(result, record=replace(result.record, metrics=known))


def without_exact_classes(
    over: Mapping[str, PopulationMetrics], decision: Decision | None
) -> dict[str, PopulationMetrics]:
    """The metrics by population, without classes by equality of numbers if the predictions are expectations."""
    values = over_of_decision({name: population.values for name, population in over.items()}, decision)
    return {name: replace(population, values=values[name]) for name, population in over.items()}


def optimal_values(recorded: MetricsRecord, reader: MetricReader) -> dict[str, float | None]:
    """By metric, the value over all pairs under the decision rule that it is optimal for.

    Only of metrics with such a rule, and only where the predictions have label probabilities.
    """
    decisions = recorded.decisions or {}
    by_rule = {rule: reader.over_all(replace(recorded, over=over)) for rule, over in decisions.items()}
    rules = ((metric.name, metric.optimal_decision) for metric in reader.metrics)
    return {name: by_rule[rule][name] for name, rule in rules if rule and rule in by_rule}


def optimal_metrics(rows: Sequence[BoardRow], metrics: Sequence[BoardMetric]) -> list[BoardMetric]:
    """The metrics that some row of a section was not decided for: each is shown under its own rule as well."""
    return [
        metric
        for metric in metrics
        if any(
            metric.name in (row.optimal or {}) and row.facts.get("decision") != metric.optimal_decision for row in rows
        )
    ]


def decision_notes(rows: Sequence[BoardRow], metrics: Sequence[BoardMetric], convention: Convention) -> list[str]:
    """What the columns under other rules show, and why a metric of an expectation is empty."""
    shown = optimal_metrics(rows, metrics)
    lines = []
    if shown:
        titles = ", ".join(f"{metric.title} ({metric.optimal_decision})" for metric in shown)
        lines.append(
            f"{titles}: the same label probabilities under the metric's optimal decision rule. Ranks, intervals and "
            "all other columns are of the ratings as predicted."
        )
    refused = [row.name for row in rows if _is_refused(row, convention)]
    if refused:
        lines.append(
            f"Accuracy and F1 of {', '.join(dict.fromkeys(refused))} have no value under convention "
            f"{convention.name}, which compares numbers for equality: the predictions are means, and a mean of labels "
            "is almost never exactly a label. Set the scorer's option decision (median, mode) or form (median) if it "
            "has one, or choose the convention standard."
        )
    return lines


def without_refused(values: PairedValues, row: BoardRow, convention: Convention) -> PairedValues:
    """The values by pair of the metrics that a row shows: none by equality of numbers if it predicts expectations."""
    if not _is_refused(row, convention):
        return values
    shown = {name for name, summary in (row.values or {}).items() if summary is not None}
    return replace(values, values={name: by_pair for name, by_pair in values.values.items() if name in shown})


def _is_refused(row: BoardRow, convention: Convention) -> bool:
    return convention.classes == EXACT and row.facts.get("decision") == "mean"
