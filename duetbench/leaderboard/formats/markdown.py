"""What a section looks like to people: a heading, columns of text, notes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from duetbench.evaluation.statistics import Interval
from duetbench.leaderboard.board import FAILED, LOW, UNPAIRED, Board, BoardRow, BoardSection, SeedSummary

NOTHING = "–"
ALPHA = 0.05

_MARKS = {LOW: "†", UNPAIRED: "‡", FAILED: "×"}


@dataclass(frozen=True)
class Column:
    """One column of a section."""

    title: str
    text: Callable[[BoardRow], str]
    is_number: bool = True


def headings(board: Board) -> list[str]:
    """What all rows of each section share; two sections never look alike."""
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


def columns(section: BoardSection) -> list[Column]:
    """The columns in order; those that would be empty or the same everywhere are left out where the heading says it."""
    rows = section.rows
    shown = [Column("#", _rank), _fact("strategy"), _fact("trainer")]
    if any(row.costs.budget_steps is not None for row in rows):
        shown.append(Column("budget", _budget))
    shown += [_fact(name) for name in section.differing]
    shown += [_fact("scorer"), Column("convention", lambda _: section.convention.name, is_number=False)]
    if any(len(row.seeds) > 1 for row in rows):
        shown.append(Column("seeds", lambda row: str(len(row.seeds))))
    shown += [Column("n", lambda row: NOTHING if row.state == FAILED else str(row.n)), Column("coverage", _coverage)]
    if any(_missing(row) for row in rows):
        shown.append(Column("unread p/r/call", _unread))
    shown += [Column("MAE", _mae)]
    shown += [_metric(title, name) for title, name in _METRICS]
    if any(_missing(row) for row in rows):
        shown.append(Column("MAE read.", lambda row: _spread((row.readable or {}).get("mae"))))
    if section.baseline:
        shown.append(Column(f"Δ MAE to {section.baseline}", _difference))
    shown += [Column("tokens", _tokens)]
    if any(row.costs.cached for row in rows):
        shown.append(Column("cached", _cached))
    return [*shown, Column("seconds", lambda row: f"{row.costs.seconds:.1f}")]


_METRICS = (("RMSE", "rmse"), ("Acc", "accuracy"), ("F1", "f1"), ("F1 weighted", "f1_weighted"))


def notes(section: BoardSection) -> list[str]:
    """What the columns leave unsaid."""
    convention = section.convention
    found = [
        f"{_digests(section)}. Convention {convention.name}: "
        f"{convention.meaning}. All metrics over all pairs; "
        f"what was not readable counts as a prediction of {section.fill}."
    ]
    if section.key.scorer:
        found.append(f"Scorer of all rows with an LLM: {section.key.scorer}.")
    if any(row.rank for row in section.rows):
        found.append(
            "Rows share a rank where the 95 % interval of their difference to the first of that rank includes zero, "
            "on the same pairs."
        )
    if section.baseline:
        found.append(
            f"Δ: MAE minus that of {section.baseline} on the same pairs, 95 % interval from a bootstrap over users; "
            f"* p < {ALPHA:g} after Holm. Below zero is better."
        )
    if any(len(row.seeds) > 1 for row in section.rows):
        found.append("± is the standard deviation over seeds; coverage is the lowest of the seeds.")
    if any(_missing(row) for row in section.rows):
        found.append(
            "unread: profiles, ratings that could not be read, calls that failed. MAE read.: over the readable alone."
        )
    found += [f"{_MARKS[row.state]} {_label(row)}: {row.reason}." for row in section.rows if row.state in _MARKS]
    return [*found, *section.notes]


def _label(row: BoardRow) -> str:
    seeds = ", ".join(map(str, row.seeds))
    return f"{row.name} (seed {seeds})"


def _fact(name: str) -> Column:
    return Column(name, lambda row: row.facts.get(name, NOTHING), is_number=False)


def _metric(title: str, name: str) -> Column:
    return Column(title, lambda row: _spread((row.values or {}).get(name)))


def _rank(row: BoardRow) -> str:
    return _MARKS.get(row.state, NOTHING) if row.rank is None else str(row.rank)


def _budget(row: BoardRow) -> str:
    costs = row.costs
    if costs.budget_steps is None or costs.budget_tokens is None:
        return NOTHING
    return f"{costs.budget_steps:.0f} steps, {short(costs.budget_tokens)} tokens"


def _coverage(row: BoardRow) -> str:
    """Cut, not rounded: what is below the floor must not look as if it were not."""
    return NOTHING if row.coverage is None else f"{math.floor(row.coverage * 1000 + 1e-9) / 1000:.3f}"


def _missing(row: BoardRow) -> bool:
    return bool(row.counts) and row.coverage != 1.0


def _unread(row: BoardRow) -> str:
    names = ("unreadable_profile", "unreadable_rating", "failed_call")
    return "/".join(str(row.counts[name]) for name in names) if row.counts else NOTHING


def _mae(row: BoardRow) -> str:
    if row.state != FAILED:
        return _spread((row.values or {}).get("mae"))
    return f"FAILED({row.reason.partition(':')[0]})"  # the kind of error; the whole reason stands in the notes


def _spread(spread: SeedSummary | None) -> str:
    if spread is None:
        return NOTHING
    return f"{spread.mean:.4f}" + ("" if spread.sd is None else f" ± {spread.sd:.4f}")


def _difference(row: BoardRow) -> str:
    if row.is_baseline or row.difference is None:
        return NOTHING
    star = "*" if row.p_holm is not None and row.p_holm < ALPHA else ""
    return interval_text(row.difference) + star


def interval_text(interval: Interval) -> str:
    """Estimate and bounds, with signs."""
    return f"{interval.estimate:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _tokens(row: BoardRow) -> str:
    costs = row.costs
    if costs.prompt_tokens is None or costs.completion_tokens is None:
        return NOTHING
    return short(costs.prompt_tokens + costs.completion_tokens)


def _cached(row: BoardRow) -> str:
    asked = (row.costs.calls or 0) + (row.costs.cached or 0)
    return f"{100 * (row.costs.cached or 0) / asked:.0f} %" if asked else NOTHING


def short(number: float) -> str:
    """A count in at most four digits: 999, 1.2k, 12k, 3.4M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f}{unit}" if number < 10 * size else f"{number / size:.0f}{unit}"
    return f"{number:.0f}"


def markdown(board: Board) -> str:
    """A heading, a table and a list of notes for each section."""
    parts = [_section(section, title) for section, title in zip(board.sections, headings(board), strict=True)]
    rest = [*board.notes, *board.faults]
    return "\n".join([*parts, *(f"- {_escaped(note)}" for note in rest)]).rstrip("\n") + "\n"


def _section(section: BoardSection, title: str) -> str:
    shown = columns(section)
    lines = [f"### {_escaped(title)}", ""]
    lines.append(_line([column.title for column in shown]))
    lines.append(_line(["--:" if column.is_number else "---" for column in shown]))
    lines += [_line([column.text(row) for column in shown]) for row in section.rows]
    return "\n".join([*lines, "", *(f"- {_escaped(note)}" for note in notes(section)), ""])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    """Text from plugins and errors must not break the table or become markup."""
    text = " ".join(text.split())
    for sign in "\\|<>`":
        text = text.replace(sign, f"\\{sign}")
    return text
