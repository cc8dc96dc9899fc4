"""Builds a leaderboard from the records and predictions of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

from duetbench.errors import ConfigError, UnknownName
from duetbench.evaluation.conventions import CONVENTIONS
from duetbench.interfaces import Metric
from duetbench.leaderboard.baseline import choose_baseline
from duetbench.leaderboard.board import (
    COUNTS,
    COVERAGE,
    FAILED,
    LOW,
    RANKED,
    RANKED_BY,
    UNPAIRED,
    Board,
    BoardMetric,
    BoardRow,
    BoardSection,
    Costs,
    SeedSummary,
)
from duetbench.leaderboard.comparison import ComparedRows, SectionStatistics, compare
from duetbench.leaderboard.controlled import absent_controls, controls_of
from duetbench.leaderboard.decisions import decision_notes, optimal_values, with_decisions, without_refused
from duetbench.leaderboard.paired_values import PairedValues, domain_of, paired_values, scale_notes
from duetbench.leaderboard.read_results import CellResult, read_results
from duetbench.leaderboard.recorded_metrics import MetricReader, board_metrics, common_fill, without_incomplete
from duetbench.leaderboard.row_attributes import attributes_of, differing_attributes, labels_of
from duetbench.leaderboard.sections import RowGroup, SectionResults, groups_of, sections_of
from duetbench.records import MetricsRecord, Record


@dataclass(frozen=True)
class BoardOptions:
    """How a board is built."""

    convention: str = "standard"
    """One of CONVENTIONS."""
    coverage: float = COVERAGE
    """Rows with lower coverage are marked and not ranked."""
    baseline: str | None = None
    """Name of the row that the others are compared with; None: of the rows without an LLM, that of the
    smallest validation error."""
    mix: tuple[str, ...] = ()
    """`scorer` and `model` may be mixed in one ranking if named here."""
    sort: str = RANKED_BY
    """Name of the metric in whose order the rows are."""
    all_differences: bool = False
    """Whether tables show differences and gains of all metrics, not only of those that rank and sort the rows."""

    def __post_init__(self) -> None:
        """Refuses values that are out of range, and unknown conventions."""
        faults = [] if 0 <= self.coverage <= 1 else [f"coverage: must be between 0 and 1, got {self.coverage}"]
        faults += [
            f"mix: must be scorer or model, got {name!r}" for name in self.mix if name not in ("scorer", "model")
        ]
        if faults:
            raise ConfigError(faults)
        if self.convention not in CONVENTIONS:
            raise UnknownName("convention", self.convention, CONVENTIONS)


def collect(runs: Sequence[Path], metrics: Sequence[Metric], options: BoardOptions | None = None) -> Board:
    """The leaderboard of some runs.

    Args:
        runs: Folders of runs, folders that hold runs, or folders of single cells.
        metrics: The registered ones, in the order of their columns.
        options: None: the defaults.

    Raises:
        RecordError: a folder holds no results.
        UnknownName: no row is named `options.baseline`, or no metric is named `options.sort`.
    """
    options = options or BoardOptions()
    if options.sort not in [RANKED_BY, *(metric.name for metric in metrics)]:
        raise UnknownName("metric", options.sort, [metric.name for metric in metrics])
    reading = with_decisions(read_results(runs), metrics)
    reading = without_incomplete(reading, CONVENTIONS[options.convention])
    shown = board_metrics(metrics, reading.results)
    parts = sections_of(reading.results, options.mix)
    sections = tuple(_section(part, metrics, shown, options) for part in parts)
    if options.baseline and not any(section.baseline for section in sections):
        names = {row.name for section in sections for row in section.rows if row.state != FAILED}
        if options.baseline not in names:
            raise UnknownName("row", options.baseline, names)
    unregistered = [metric.name for metric in shown if metric.lower_is_better is None]
    notes = [
        f"metric {name} is in the records, but no metric of that name is registered: its recorded value is shown"
        for name in unregistered
    ]
    return Board(
        sections,
        shown,
        options.sort,
        options.all_differences,
        (*reading.notes, *notes),
        reading.faults,
        reading.results,
        tuple(metrics),
    )


def _section(
    part: SectionResults, metrics: Sequence[Metric], shown: Sequence[BoardMetric], options: BoardOptions
) -> BoardSection:
    convention = CONVENTIONS[options.convention]
    fill, notes = declared_fill(part.done)
    if options.mix:
        notes.append(f"rows of more than one {' and '.join(options.mix)} share this ranking, as requested")
    groups = groups_of(part.done)
    values = [paired_values(group.results, metrics, convention, fill) for group in groups]
    reader = MetricReader(metrics, convention, fill)
    rows = [_row(group, row_values, reader, options.coverage) for group, row_values in zip(groups, values, strict=True)]
    baseline = choose_baseline(rows, groups, options.baseline)
    known = [
        without_refused(row_values, row, convention) if isinstance(row_values, PairedValues) else None
        for row, row_values in zip(rows, values, strict=True)
    ]
    failed = [_failed(result) for result in part.failed]
    differing = differing_attributes(row.facts for row in [*rows, *failed])
    labelled = _with_labels([*rows, *failed], differing)
    rows, failed = labelled[: len(rows)], labelled[len(rows) :]
    labels = [row.label for row in rows]
    compared = ComparedRows(
        known,
        labels,
        [row.state == RANKED for row in rows],
        baseline.position,
        controls_of(rows),
        [row.is_one_checkpoint for row in rows],
        max((domain_of(result).of_data.rating_range for result in part.done), default=0),
    )
    statistics = compare(compared, shown)
    rows = _with_statistics(rows, statistics, baseline.position)
    rows = [replace(row, absent_controls=absent_controls(row, [*rows, *failed])) for row in rows]
    notes += [*reader.notes(), *_faults(known), *statistics.notes, *_sort_notes(metrics, options.sort)]
    notes += [*decision_notes(rows, shown, convention), *scale_notes(part.done)]
    return BoardSection(
        key=part.key,
        n=next((row.n for row in rows), 0),
        n_users=next((len(set(row_values.users)) for row_values in known if row_values), None),
        convention=convention,
        fill=convention.over or fill,
        coverage_floor=options.coverage,
        differing=differing,
        baseline="" if baseline.position is None else rows[baseline.position].name,
        rows=_sorted([*rows, *failed], metrics, options.sort),
        baseline_note=baseline.note,
        pairs=statistics.pairs,
        users_needed=statistics.users_needed,
        notes=tuple(notes),
        temporal_leakage=_temporal_leakage([*part.done, *part.failed]),
    )


def _temporal_leakage(results: Sequence[CellResult]) -> tuple[str, ...]:
    recorded = (result.record.dataset.temporal_leakage for result in results if result.record.dataset)
    return tuple(dict.fromkeys(reason for reasons in recorded for reason in reasons))


def _with_labels(rows: Sequence[BoardRow], differing: Sequence[str]) -> list[BoardRow]:
    return [replace(row, label=label) for row, label in zip(rows, labels_of(rows, differing), strict=True)]


def _faults(values: Sequence[PairedValues | None]) -> list[str]:
    return list(dict.fromkeys(fault for row_values in values if row_values for fault in row_values.faults))


def _sorted(rows: Sequence[BoardRow], metrics: Sequence[Metric], name: str) -> tuple[BoardRow, ...]:
    direction = {metric.name: 1 if metric.lower_is_better else -1 for metric in metrics}.get(name, 1)
    return tuple(sorted(rows, key=lambda row: _order(row, name, direction)))


def _sort_notes(metrics: Sequence[Metric], name: str) -> list[str]:
    title = next((metric.title for metric in metrics if metric.name == name), name)
    return [] if name == RANKED_BY else [f"rows are in the order of {title}; ranks are those of MAE"]


def _with_statistics(rows: Sequence[BoardRow], statistics: SectionStatistics, baseline: int | None) -> list[BoardRow]:
    """The rows with ranks, intervals, differences and gains."""
    return [
        replace(
            row,
            ranks=of_row.ranks,
            intervals=of_row.intervals,
            differences=of_row.differences,
            gains=of_row.gains,
            is_baseline=position == baseline,
        )
        for position, (row, of_row) in enumerate(zip(rows, statistics.rows, strict=True))
    ]


def declared_fill(results: Sequence[CellResult]) -> tuple[str, list[str]]:
    """The fill with which all rows of a section are read, and notes about it."""
    declared = sorted({_metrics(result).fill for result in results})
    if len(declared) > 1:
        fill = common_fill([_metrics(result) for result in results])
        return fill, [f"records declare different fills ({', '.join(declared)}); all are read with {fill}"]
    return (declared[0] if declared else "train_mean"), []


def _row(group: RowGroup, values: PairedValues | str, reader: MetricReader, coverage_floor: float) -> BoardRow:
    by_seed = [_metrics(result) for result in group.results]
    coverages = [metrics.coverage for metrics in by_seed if metrics.coverage is not None]
    coverage = min(coverages) if coverages else None
    state, reason = RANKED, ""
    if isinstance(values, str):
        state, reason = UNPAIRED, values
    elif coverage is None or coverage < coverage_floor:
        failures = [result.record.first_failure for result in group.results if result.record.first_failure]
        state, reason = LOW, "; ".join([f"coverage below {coverage_floor:g}", *failures[:1]])
    return BoardRow(
        state=state,
        facts=group.facts,
        seeds=tuple(result.record.cell.seed for result in group.results),
        cells=tuple(result.record.cell_id for result in group.results),
        costs=_costs([result.record for result in group.results]),
        reason=reason,
        n=by_seed[0].n,
        coverage=coverage,
        counts={name: sum(getattr(metrics.counts, name) for metrics in by_seed) for name in COUNTS},
        values=summaries([reader.over_all(metrics) for metrics in by_seed]),
        readable=summaries([reader.over_readable(metrics) for metrics in by_seed]),
        empty_windows=_empty_windows([result.record for result in group.results]),
        changed_prompts=min(_measured(group, "changed_prompts"), default=None),
        evidence_tokens=_mean(_measured(group, "evidence_tokens")),
        profile_tokens=_mean(_measured(group, "profile_tokens")),
        optimal=summaries([optimal_values(metrics, reader) for metrics in by_seed]),
    )


def _empty_windows(records: Sequence[Record]) -> float | None:
    shares = [record.profiles.empty_windows for record in records if record.profiles]
    return max((share for share in shares if share is not None), default=None)


def _measured(group: RowGroup, name: str) -> list[float]:
    """What the control of each seed measured under a name; without seeds that have no data."""
    extras = [result.record.profiles.extra for result in group.results if result.record.profiles]
    return [float(value) for extra in extras if isinstance(value := extra.get(name), int | float)]


def _metrics(result: CellResult) -> MetricsRecord:
    """The metrics of a finished cell."""
    assert result.record.metrics is not None
    return result.record.metrics


def _failed(result: CellResult) -> BoardRow:
    error = result.record.error
    assert error is not None
    return BoardRow(
        state=FAILED,
        facts=attributes_of(result.record),
        seeds=(result.record.cell.seed,),
        cells=(result.record.cell_id,),
        costs=_costs([result.record]),
        reason=f"{error.type}: {error.message}",
    )


def summaries(by_seed: Sequence[dict[str, float | None]]) -> dict[str, SeedSummary | None]:
    """Mean and deviation of each metric over seeds; None if one of the seeds has no value."""
    names = dict.fromkeys(name for values in by_seed for name in values)
    return {name: _summary([values.get(name) for values in by_seed]) for name in names}


def _summary(numbers: Sequence[float | None]) -> SeedSummary | None:
    values = [number for number in numbers if number is not None]
    if len(values) < len(numbers):
        return None
    return SeedSummary(fmean(values), stdev(values) if len(values) > 1 else None)


def _costs(records: Sequence[Record]) -> Costs:
    usage = [record.usage for record in records if record.usage]
    budgets = [record.budget for record in records if record.budget]
    return Costs(
        prompt_tokens=_mean([phases.profiles.prompt_tokens + phases.scoring.prompt_tokens for phases in usage]),
        completion_tokens=_mean(
            [phases.profiles.completion_tokens + phases.scoring.completion_tokens for phases in usage]
        ),
        calls=_mean([phases.profiles.calls + phases.scoring.calls for phases in usage]),
        cached=_mean([phases.profiles.cached + phases.scoring.cached for phases in usage]),
        seconds=_mean([record.seconds for record in records if record.foreign is None]),
        training_seconds=_mean([budget.seconds for budget in budgets]),
        evaluation_seconds=_complete_mean(
            [record.evaluation_seconds if record.foreign is None else None for record in records]
        ),
        budget_steps=_mean([budget.steps for budget in budgets]),
        budget_tokens=_mean([budget.tokens for budget in budgets]),
    )


def _mean(numbers: Sequence[float]) -> float | None:
    return fmean(numbers) if numbers else None


def _complete_mean(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return _mean(known) if len(known) == len(numbers) else None


_STATES = (RANKED, LOW, UNPAIRED, FAILED)


def _order(row: BoardRow, metric: str = RANKED_BY, direction: int = 1) -> tuple[object, ...]:
    """Sort key of a row.

    Args:
        direction: 1 if lower values come first, -1 if higher ones do. Rows without a value come last.
    """
    summary = (row.values or {}).get(metric)
    value = direction * summary.mean if summary else float("inf")
    return (_STATES.index(row.state), value, row.name, sorted(row.facts.items()), row.seeds)
