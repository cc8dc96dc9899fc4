"""The text of a section, for all formats that people read: its heading, its columns and its notes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from duetbench.evaluation.empty_windows import STARVED, starved_text
from duetbench.leaderboard.board import (
    FAILED,
    LOW,
    RANKED_BY,
    UNPAIRED,
    Board,
    BoardMetric,
    BoardRow,
    BoardSection,
    SeedSummary,
)
from duetbench.leaderboard.comparison_text import (
    NOTHING,
    comparison_columns,
    comparison_notes,
    control_notes,
    rank_text,
    seeds_text,
)
from duetbench.leaderboard.decisions import optimal_metrics
from duetbench.leaderboard.row_attributes import CONTROL, ORIGIN, scopes_of
from duetbench.types import TEMPORALLY_UNSAFE

BUDGET = "training steps/tokens"
"""Title of the column of training budgets."""
SECONDS = ("seconds", "training seconds", "evaluation seconds")
"""Titles of the columns of durations: of all that a row took; where something was trained, of the two parts."""
_MARKS = {LOW: "†", UNPAIRED: "‡", FAILED: "×"}


@dataclass(frozen=True)
class Column:
    """One column of a section."""

    title: str
    text: Callable[[BoardRow], str]
    is_number: bool = True
    metric: str = ""
    """Name of the metric that it shows, with `.optimal` under the metric's own decision rule; empty: none."""
    is_comparison: bool = False
    """Whether it shows differences or gains."""
    is_name: bool = False
    """Whether it shows a part of what distinguishes the row: its method, or an attribute."""


def headings(board: Board) -> list[str]:
    """One heading per section, from the attributes that its rows share; no two are equal."""
    short_ones = [_heading(section, section.key.scorer.partition(" (")[0]) for section in board.sections]
    return [
        text if short_ones.count(text) == 1 else f"{_heading(section, section.key.scorer)} · {_digests(section)}"
        for text, section in zip(short_ones, board.sections, strict=True)
    ]


def _heading(section: BoardSection, scorer: str) -> str:
    key = section.key
    users = f" of {counted(section.n_users, 'user')}" if section.n_users is not None else ""
    parts = [key.dataset, key.split, f"{counted(section.n, 'pair')}{users}"]
    parts += [f"model {key.model}"] if key.model else []
    parts += [f"scorer {scorer}"] if scorer else []
    trainers = {row.facts["trainer"] for row in section.rows if "trainer" in row.facts}
    parts += [f"trainer {trainer}" for trainer in trainers - {"none"}] if len(trainers) == 1 else []
    parts += [TEMPORALLY_UNSAFE] if section.temporal_leakage else []
    coverages = {_coverage(row) for row in section.rows if row.state != FAILED}
    return " · ".join([*parts, *(f"coverage {text}" for text in coverages - {NOTHING} if len(coverages) == 1)])


def counted(n: int, noun: str) -> str:
    """`1 pair`, `2 pairs`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _digests(section: BoardSection) -> str:
    return f"data {section.key.fingerprint[:8] or '?'}, pairs {section.key.pairs[:8] or '?'}"


def columns(section: BoardSection, board: Board) -> list[Column]:
    """The columns of a section in order, without those that apply to no row, and those of equal values.

    What all rows share is in the heading and in the notes.
    """
    rows, metrics = section.rows, board.metrics
    method = Column("method", _method, is_number=False, is_name=True)
    shown = [Column("#", _rank), method, *_if_different(section, "trainer")]
    if any(row.costs.budget_steps is not None for row in rows):
        shown.append(Column(BUDGET, _budget))
    shown += [
        _attribute(name)
        for name in section.differing
        if (name == ORIGIN or _differs(name, rows)) and not _is_set_by_control(name, rows)
    ]
    shown += _if_different(section, "scorer")
    if any(len(row.seeds) > 1 or row.is_one_checkpoint for row in rows):
        shown.append(Column("seeds", seeds_text))
    shown += _counts(section)
    if any(row.empty_windows for row in rows):
        shown.append(Column("empty windows", _empty_windows))
    shown += _metric_columns(section, metrics) + _optimal_columns(section, metrics)
    if any(_has_missing(row) for row in rows):
        shown.append(Column("MAE read.", lambda row: summary_text((row.readable or {}).get(RANKED_BY))))
    compared = [metric for metric in metrics if board.all_differences or metric.name in (RANKED_BY, board.sorted_by)]
    shown += [
        Column(column.title, column.text, metric=column.metric, is_comparison=True)
        for column in comparison_columns(section, compared)
    ]
    shown += [Column("tokens", _tokens)]
    if any(row.costs.cached for row in rows):
        shown.append(Column("cached", _cached))
    return [*shown, *_durations(rows)]


def _durations(rows: Sequence[BoardRow]) -> list[Column]:
    """Seconds of every row; where any was trained, those of trainings apart from those of evaluations."""
    total, training, evaluation = SECONDS
    if all(row.costs.training_seconds is None for row in rows):
        return [Column(total, lambda row: _duration(row.costs.seconds))]
    return [
        Column(training, lambda row: _duration(row.costs.training_seconds)),
        Column(evaluation, lambda row: _duration(row.costs.evaluation_seconds)),
    ]


def _duration(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds:.1f}"


def _counts(section: BoardSection) -> list[Column]:
    """Pairs, coverage and unreadable answers; the first two only where finished rows differ in them."""
    finished = [row for row in section.rows if row.state != FAILED]
    shown = []
    if len({row.n for row in finished}) > 1:
        shown.append(Column("n", lambda row: NOTHING if row.state == FAILED else str(row.n)))
    if len({_coverage(row) for row in finished}) > 1:
        shown.append(Column("coverage", _coverage))
    if any(_has_missing(row) for row in section.rows):
        shown.append(Column("unread p/r/call", _unread))
    return shown


def _if_different(section: BoardSection, name: str) -> list[Column]:
    """The column of an attribute, unless all rows with an LLM have the same value."""
    values = {row.facts.get(name) for row in section.rows if row.has_llm}
    return [_attribute(name)] if len(values) > 1 else []


def _differs(name: str, rows: Sequence[BoardRow]) -> bool:
    """Whether the rows that are shown differ in an attribute: a selection of rows may share it."""
    return len({row.facts.get(name) for row in rows}) > 1


def _is_set_by_control(name: str, rows: Sequence[BoardRow]) -> bool:
    """Whether an attribute is an option of a control, or what the control makes of options of the scorer."""
    return any(CONTROL in row.facts and name.startswith(scopes_of(row.facts[CONTROL])) for row in rows)


def _method(row: BoardRow) -> str:
    """The strategy; of a row without an LLM the scorer."""
    return row.facts.get("strategy", row.facts["scorer"])


def _metric_columns(section: BoardSection, metrics: Sequence[BoardMetric]) -> list[Column]:
    """One column per metric, unless it is not registered and no row has it. The first shows which rows failed."""
    recorded = {name for row in section.rows for name in row.values or ()}
    shown = [metric for metric in metrics if metric.lower_is_better is not None or metric.name in recorded]
    return [
        Column(metric.title, _metric_or_failure(metric) if metric is shown[0] else _metric(metric), metric=metric.name)
        for metric in shown
    ]


def _optimal_columns(section: BoardSection, metrics: Sequence[BoardMetric]) -> list[Column]:
    """A column for each metric under the decision rule that it is optimal for, if that is not the rule of all rows."""
    return [
        Column(f"{metric.title} ({metric.optimal_decision})", _optimal(metric), metric=f"{metric.name}.optimal")
        for metric in optimal_metrics(section.rows, metrics)
    ]


def _optimal(metric: BoardMetric) -> Callable[[BoardRow], str]:
    return lambda row: summary_text((row.optimal or {}).get(metric.name))


def notes(section: BoardSection) -> list[str]:
    """The notes below the table: conventions, abbreviations, intervals."""
    convention = section.convention
    lines = [
        f"{_digests(section)[0].upper()}{_digests(section)[1:]}. "
        f"A missing prediction counts as a prediction of {section.fill}.",
        f"Convention {convention.name}: {convention.meaning}.",
    ]
    lines = [*(f"Warning: {TEMPORALLY_UNSAFE}: {reason}." for reason in section.temporal_leakage), *lines]
    if section.key.scorer:
        lines.append(f"Scorer of all rows with an LLM: {section.key.scorer}.")
    lines += comparison_notes(section)
    if any(len(row.seeds) > 1 for row in section.rows):
        lines.append("± is the standard deviation over seeds; coverage is the lowest of the seeds.")
    if any(_has_missing(row) for row in section.rows):
        lines.append("unread: unreadable profiles, unreadable ratings, failed calls. MAE read.: readable only.")
    lines += [*_window_notes(section.rows), *control_notes(section.rows)]
    lines += [f"{_MARKS[row.state]} {_label(row)}: {row.reason}." for row in section.rows if row.state in _MARKS]
    return [*lines, *section.notes]


def _window_notes(rows: Sequence[BoardRow]) -> list[str]:
    """Warnings about empty windows, or that there are none."""
    shares = [row.empty_windows for row in rows if row.empty_windows is not None]
    if shares and not any(shares):
        return ["Empty windows: 0 % of the requests, in all rows whose writer reads histories of users."]
    return [
        f"Warning: {_label(row)}: {starved_text(row.empty_windows)}."
        for row in rows
        if row.empty_windows is not None and row.empty_windows > STARVED
    ]


def _label(row: BoardRow) -> str:
    seeds = ", ".join(map(str, row.seeds))
    return row.label if "[seed " in row.label else f"{row.label} (seed {seeds})"


def _attribute(name: str) -> Column:
    return Column(name, lambda row: row.facts.get(name, NOTHING), is_number=False, is_name=True)


def _metric(metric: BoardMetric) -> Callable[[BoardRow], str]:
    return lambda row: summary_text((row.values or {}).get(metric.name))


def _metric_or_failure(metric: BoardMetric) -> Callable[[BoardRow], str]:
    """The metric's text; for a failed row that it failed. The reason is in the notes."""
    text = _metric(metric)
    return lambda row: text(row) if row.state != FAILED else "FAILED"


def _rank(row: BoardRow) -> str:
    return rank_text(row) or _MARKS.get(row.state, NOTHING)


def _budget(row: BoardRow) -> str:
    costs = row.costs
    if costs.budget_steps is None or costs.budget_tokens is None:
        return NOTHING
    return f"{costs.budget_steps:.0f}/{short_count(costs.budget_tokens)}"


def _coverage(row: BoardRow) -> str:
    """Rounded down, so that a coverage below the floor is not shown as equal to it."""
    return NOTHING if row.coverage is None else f"{math.floor(row.coverage * 1000 + 1e-9) / 1000:.3f}"


def _empty_windows(row: BoardRow) -> str:
    return NOTHING if row.empty_windows is None else f"{100 * row.empty_windows:.1f} %"


def _has_missing(row: BoardRow) -> bool:
    return bool(row.counts) and row.coverage != 1.0


def _unread(row: BoardRow) -> str:
    names = ("unreadable_profile", "unreadable_rating", "failed_call")
    return "/".join(str(row.counts[name]) for name in names) if row.counts else NOTHING


def summary_text(summary: SeedSummary | None) -> str:
    if summary is None:
        return NOTHING
    return f"{summary.mean:.4f}" + ("" if summary.sd is None else f" ± {summary.sd:.4f}")


def _tokens(row: BoardRow) -> str:
    costs = row.costs
    if costs.prompt_tokens is None or costs.completion_tokens is None:
        return NOTHING
    return short_count(costs.prompt_tokens + costs.completion_tokens)


def _cached(row: BoardRow) -> str:
    completions = (row.costs.calls or 0) + (row.costs.cached or 0)
    return f"{100 * (row.costs.cached or 0) / completions:.0f} %" if completions else NOTHING


def short_count(number: float) -> str:
    """A count in at most four digits: 999, 1.2k, 12k, 3.4M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f}{unit}" if number < 10 * size else f"{number / size:.0f}{unit}"
    return f"{number:.0f}"
