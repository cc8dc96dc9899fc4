"""The text of a section, for all formats that people read: its heading, its columns and its notes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from duetbench.evaluation.empty_windows import STARVED, starved_text
from duetbench.evaluation.statistics import Interval
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

NOTHING = "–"
ALPHA = 0.05
"""Level of significance, after adjustment for the number of comparisons."""

_MARKS = {LOW: "†", UNPAIRED: "‡", FAILED: "×"}


@dataclass(frozen=True)
class Column:
    """One column of a section."""

    title: str
    text: Callable[[BoardRow], str]
    is_number: bool = True
    metric: str = ""
    """Name of the metric that it shows; empty: none."""


def headings(board: Board) -> list[str]:
    """One heading per section, from the attributes that its rows share; no two are equal."""
    short_ones = [_heading(section, section.key.scorer.partition(" (")[0]) for section in board.sections]
    return [
        text if short_ones.count(text) == 1 else f"{_heading(section, section.key.scorer)} · {_digests(section)}"
        for text, section in zip(short_ones, board.sections, strict=True)
    ]


def _heading(section: BoardSection, scorer: str) -> str:
    key = section.key
    users = f" of {section.n_users} users" if section.n_users is not None else ""
    parts = [key.dataset, key.split, f"{section.n} pairs{users}"]
    parts += [f"model {key.model}"] if key.model else []
    parts += [f"scorer {scorer}"] if scorer else []
    return " · ".join(parts)


def _digests(section: BoardSection) -> str:
    return f"data {section.key.fingerprint[:8] or '?'}, pairs {section.key.pairs[:8] or '?'}"


def columns(section: BoardSection, metrics: Sequence[BoardMetric]) -> list[Column]:
    """The columns of a section in order, without those that apply to no row."""
    rows = section.rows
    shown = [Column("#", _rank), _attribute("strategy"), _attribute("trainer")]
    if any(row.costs.budget_steps is not None for row in rows):
        shown.append(Column("budget", _budget))
    shown += [_attribute(name) for name in section.differing]
    shown += [_attribute("scorer"), Column("convention", lambda _: section.convention.name, is_number=False)]
    if any(len(row.seeds) > 1 for row in rows):
        shown.append(Column("seeds", lambda row: str(len(row.seeds))))
    shown += [Column("n", lambda row: NOTHING if row.state == FAILED else str(row.n)), Column("coverage", _coverage)]
    if any(_has_missing(row) for row in rows):
        shown.append(Column("unread p/r/call", _unread))
    if any(row.empty_windows for row in rows):
        shown.append(Column("empty windows", _empty_windows))
    shown += _metric_columns(section, metrics)
    if any(_has_missing(row) for row in rows):
        shown.append(Column("MAE read.", lambda row: _summary((row.readable or {}).get(RANKED_BY))))
    if section.baseline:
        shown.append(Column(f"Δ MAE to {section.baseline}", _difference))
    shown += [Column("tokens", _tokens)]
    if any(row.costs.cached for row in rows):
        shown.append(Column("cached", _cached))
    return [*shown, Column("seconds", lambda row: f"{row.costs.seconds:.1f}")]


def _metric_columns(section: BoardSection, metrics: Sequence[BoardMetric]) -> list[Column]:
    """One column per metric, unless it is not registered and no row has it. The first shows which rows failed."""
    recorded = {name for row in section.rows for name in row.values or ()}
    shown = [metric for metric in metrics if metric.lower_is_better is not None or metric.name in recorded]
    return [
        Column(metric.title, _metric_or_failure(metric) if metric is shown[0] else _metric(metric), metric=metric.name)
        for metric in shown
    ]


def notes(section: BoardSection) -> list[str]:
    """The notes below the table: conventions, abbreviations, intervals."""
    convention = section.convention
    lines = [
        f"{_digests(section)}. Convention {convention.name}: "
        f"{convention.meaning}. All metrics over all pairs; "
        f"a missing prediction counts as a prediction of {section.fill}."
    ]
    if section.key.scorer:
        lines.append(f"Scorer of all rows with an LLM: {section.key.scorer}.")
    if any(row.rank for row in section.rows):
        lines.append(
            "Rows share a rank where the 95 % interval of the difference of their MAE to that of the first row of the "
            "rank, on the same pairs, includes zero."
        )
    if section.baseline:
        lines.append(
            f"Δ: MAE minus that of {section.baseline} on the same pairs, 95 % interval from a bootstrap over users; "
            f"* p < {ALPHA:g} after Holm. Negative values are better."
        )
    if any(len(row.seeds) > 1 for row in section.rows):
        lines.append("± is the standard deviation over seeds; coverage is the lowest of the seeds.")
    if any(_has_missing(row) for row in section.rows):
        lines.append(
            "unread: numbers of profiles and ratings that could not be read, and of failed calls. "
            "MAE read.: over readable predictions only."
        )
    lines += [
        f"Warning: {_label(row)}: {starved_text(row.empty_windows)}."
        for row in section.rows
        if row.empty_windows is not None and row.empty_windows > STARVED
    ]
    lines += [f"{_MARKS[row.state]} {_label(row)}: {row.reason}." for row in section.rows if row.state in _MARKS]
    return [*lines, *section.notes]


def _label(row: BoardRow) -> str:
    seeds = ", ".join(map(str, row.seeds))
    return f"{row.name} (seed {seeds})"


def _attribute(name: str) -> Column:
    return Column(name, lambda row: row.facts.get(name, NOTHING), is_number=False)


def _metric(metric: BoardMetric) -> Callable[[BoardRow], str]:
    return lambda row: _summary((row.values or {}).get(metric.name))


def _metric_or_failure(metric: BoardMetric) -> Callable[[BoardRow], str]:
    """The metric's text; for a failed row the type of its error, whose complete reason is in the notes."""
    text = _metric(metric)
    return lambda row: text(row) if row.state != FAILED else f"FAILED({row.reason.partition(':')[0]})"


def _rank(row: BoardRow) -> str:
    return _MARKS.get(row.state, NOTHING) if row.rank is None else str(row.rank)


def _budget(row: BoardRow) -> str:
    costs = row.costs
    if costs.budget_steps is None or costs.budget_tokens is None:
        return NOTHING
    return f"{costs.budget_steps:.0f} steps, {short_count(costs.budget_tokens)} tokens"


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


def _summary(summary: SeedSummary | None) -> str:
    if summary is None:
        return NOTHING
    return f"{summary.mean:.4f}" + ("" if summary.sd is None else f" ± {summary.sd:.4f}")


def _difference(row: BoardRow) -> str:
    if row.is_baseline or row.difference is None:
        return NOTHING
    star = "*" if row.p_holm is not None and row.p_holm < ALPHA else ""
    return _interval_text(row.difference) + star


def _interval_text(interval: Interval) -> str:
    """Estimate and bounds, with signs."""
    return f"{interval.estimate:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


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
