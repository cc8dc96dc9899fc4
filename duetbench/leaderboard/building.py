"""Makes sections of rows from results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

from duetbench.errors import ConfigError, UnknownName
from duetbench.evaluation.conventions import CONVENTIONS, Convention
from duetbench.evaluation.statistics import RESAMPLES
from duetbench.leaderboard.board import (
    COUNTS,
    COVERAGE,
    FAILED,
    LOW,
    METRICS,
    RANKED,
    UNPAIRED,
    Board,
    BoardRow,
    BoardSection,
    Costs,
    SeedSummary,
)
from duetbench.leaderboard.facts import attributes_of, differing_attributes
from duetbench.leaderboard.ranking import PairErrors, errors_of, row_statistics
from duetbench.leaderboard.reading import CellResult, read_results
from duetbench.leaderboard.sections import RowGroup, SectionResults, groups_of, sections_of
from duetbench.records import MetricsRecord, Record, to_json


@dataclass(frozen=True)
class BoardOptions:
    """How a board is made."""

    convention: str = "standard"
    """One of CONVENTIONS."""
    coverage: float = COVERAGE
    """Rows with less are marked and not ranked."""
    baseline: str | None = None
    """Name of the row that the others are compared with; None: the best row without an LLM."""
    mix: tuple[str, ...] = ()
    """`scorer` and `model` may be mixed in one ranking if named here."""
    resamples: int = RESAMPLES
    seed: int = 0
    """Of the bootstrap."""

    def __post_init__(self) -> None:
        """Refuses what makes no board."""
        faults = [] if 0 <= self.coverage <= 1 else [f"coverage: wants a share between 0 and 1, got {self.coverage}"]
        faults += [f"mix: wants scorer or model, got {name!r}" for name in self.mix if name not in ("scorer", "model")]
        if faults:
            raise ConfigError(faults)
        if self.convention not in CONVENTIONS:
            raise UnknownName("convention", self.convention, CONVENTIONS)


def collect(runs: Sequence[Path], options: BoardOptions | None = None) -> Board:
    """The leaderboard of these runs: of their folders, of folders that hold runs, or of single cells.

    Raises:
        RecordError: a folder holds no results.
        UnknownName: no row is called as `options.baseline` says.
    """
    options = options or BoardOptions()
    reading = read_results(runs)
    sections = tuple(_section(part, options) for part in sections_of(reading.results, options.mix))
    if options.baseline and not any(section.baseline for section in sections):
        known = {row.name for section in sections for row in section.rows if row.state != FAILED}
        if options.baseline not in known:
            raise UnknownName("row", options.baseline, known)
    return Board(sections, reading.notes, reading.faults)


def _section(part: SectionResults, options: BoardOptions) -> BoardSection:
    convention = CONVENTIONS[options.convention]
    fill, notes = _fill(part.done)
    if options.mix:
        notes.append(f"rows of more than one {' and '.join(options.mix)} share this ranking, as asked")
    groups = groups_of(part.done)
    errors = [errors_of(group.results, convention, fill) for group in groups]
    rows = [_row(group, found, convention, fill, options) for group, found in zip(groups, errors, strict=True)]
    baseline, more = _baseline(rows, options.baseline)
    notes += more
    pairs = [found if isinstance(found, PairErrors) else None for found in errors]
    rows = _placed(rows, pairs, baseline, options)
    failed = [_failed(result) for result in part.failed]
    users = next((len(set(each.users)) for each in pairs if each), None)
    return BoardSection(
        key=part.key,
        n=next((row.n for row in rows), 0),
        n_users=users,
        convention=convention,
        fill=convention.over or fill,
        coverage_floor=options.coverage,
        differing=differing_attributes(row.facts for row in [*rows, *failed]),
        baseline="" if baseline is None else rows[baseline].name,
        rows=tuple(sorted(rows + failed, key=_order)),
        notes=tuple(notes),
    )


def _placed(
    rows: Sequence[BoardRow], errors: Sequence[PairErrors | None], baseline: int | None, options: BoardOptions
) -> list[BoardRow]:
    """The rows with ranks and intervals."""
    ranked = [row.state == RANKED for row in rows]
    found = row_statistics(errors, ranked, baseline, resamples=options.resamples, seed=options.seed)
    return [
        replace(
            row,
            rank=standing.rank,
            interval=standing.interval,
            difference=standing.difference,
            p_holm=standing.p_holm,
            is_baseline=place == baseline,
        )
        for place, (row, standing) in enumerate(zip(rows, found, strict=True))
    ]


def _fill(results: Sequence[CellResult]) -> tuple[str, list[str]]:
    """The fill that all rows of a section are read with, and what to say of it."""
    declared = sorted({_metrics(result).fill for result in results})
    if len(declared) > 1:
        return "train_mean", [f"records declare different fills ({', '.join(declared)}); all are read with train_mean"]
    return (declared[0] if declared else "train_mean"), []


def _row(
    group: RowGroup, errors: PairErrors | str, convention: Convention, fill: str, options: BoardOptions
) -> BoardRow:
    each = [_metrics(result) for result in group.results]
    covered = [metrics.coverage for metrics in each if metrics.coverage is not None]
    coverage = min(covered) if covered else None
    state, reason = RANKED, ""
    if isinstance(errors, str):
        state, reason = UNPAIRED, errors
    elif coverage is None or coverage < options.coverage:
        state, reason = LOW, f"coverage below {options.coverage:g}"
    return BoardRow(
        state=state,
        facts=group.facts,
        seeds=tuple(result.record.cell.seed for result in group.results),
        cells=tuple(result.record.cell_id for result in group.results),
        costs=_costs([result.record for result in group.results]),
        reason=reason,
        n=each[0].n,
        coverage=coverage,
        counts={name: sum(getattr(metrics.counts, name) for metrics in each) for name in COUNTS},
        values=_spreads([convention.read(to_json(metrics), over=convention.over or fill) for metrics in each]),
        readable=_spreads([convention.read(to_json(metrics), over="readable") for metrics in each]),
    )


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


def _spreads(each: Sequence[dict[str, float | None]]) -> dict[str, SeedSummary | None]:
    """Mean and deviation of each metric over seeds; None if one of the seeds has none."""
    found: dict[str, SeedSummary | None] = {}
    for name in METRICS:
        numbers = [values[name] for values in each]
        known = [number for number in numbers if number is not None]
        complete = len(known) == len(numbers) and known
        found[name] = SeedSummary(fmean(known), stdev(known) if len(known) > 1 else None) if complete else None
    return found


def _costs(records: Sequence[Record]) -> Costs:
    usage = [record.usage for record in records if record.usage]
    budgets = [record.budget for record in records if record.budget]
    return Costs(
        prompt_tokens=_mean([each.profiles.prompt_tokens + each.scoring.prompt_tokens for each in usage]),
        completion_tokens=_mean([each.profiles.completion_tokens + each.scoring.completion_tokens for each in usage]),
        calls=_mean([each.profiles.calls + each.scoring.calls for each in usage]),
        cached=_mean([each.profiles.cached + each.scoring.cached for each in usage]),
        seconds=fmean(record.seconds for record in records),
        budget_steps=_mean([budget.steps for budget in budgets]),
        budget_tokens=_mean([budget.tokens for budget in budgets]),
    )


def _mean(known: Sequence[int]) -> float | None:
    return fmean(known) if known else None


def _baseline(rows: Sequence[BoardRow], wanted: str | None) -> tuple[int | None, list[str]]:
    """Position of the row to compare with, and what to say where there is none."""
    if wanted is None:
        free = [place for place, row in enumerate(rows) if row.state == RANKED and not row.has_llm]
        return (min(free, key=lambda place: _order(rows[place])) if free else None), []
    found = [place for place, row in enumerate(rows) if row.name == wanted and row.state != UNPAIRED]
    if len(found) == 1:
        return found[0], []
    count = "no row is" if not found else f"{len(found)} rows are"
    return None, [f"{count} called {wanted}: nothing is compared"]


_STATES = (RANKED, LOW, UNPAIRED, FAILED)


def _order(row: BoardRow) -> tuple[object, ...]:
    mae = row.values["mae"] if row.values else None
    error = mae.mean if mae else float("inf")
    return (_STATES.index(row.state), row.rank or 0, error, row.name, sorted(row.facts.items()), row.seeds)
