"""The text of ranks, differences and gains, and the notes that explain them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from duetbench.evaluation.statistics import Interval
from duetbench.evaluation.statistics.intervals import ALPHA
from duetbench.leaderboard.board import BoardMetric, BoardRow, BoardSection, PairComparison

NOTHING = "–"
CHECKPOINT = "§"
"""Marks rows of one checkpoint."""
_MOST = 0.9
"""A control that changes fewer of the prompts than this share is noted."""
_MUCH_LESS = 0.5
"""Evidence of fewer tokens than this share of the profiles is noted."""
_MAX_PAIRS = 3
"""Number of pairs of rows that the notes name; exports in JSON hold all of them."""


class ComparisonColumn(NamedTuple):
    """A column of differences or gains."""

    title: str
    text: Callable[[BoardRow], str]
    metric: str


def rank_text(row: BoardRow) -> str | None:
    """`1-3`, or `2` if only one rank is possible; None: it is not ranked."""
    if row.ranks is None:
        return None
    return str(row.ranks.best) if row.ranks.best == row.ranks.worst else f"{row.ranks.best}-{row.ranks.worst}"


def seeds_text(row: BoardRow) -> str:
    """The number of seeds, with a mark for a training with one seed: its intervals are conditional on it."""
    return f"1 {CHECKPOINT}" if row.is_one_checkpoint else str(len(row.seeds))


def comparison_columns(section: BoardSection, metrics: Sequence[BoardMetric]) -> list[ComparisonColumn]:
    """Differences to the baseline and gains over the strongest control, a column for each metric that has them."""
    differences = [
        ComparisonColumn(f"Δ {metric.title} to {section.baseline}", _difference(metric.name), metric.name)
        for metric in metrics
        if any(metric.name in (row.differences or {}) for row in section.rows)
    ]
    gains = [
        ComparisonColumn(f"{metric.title} gain over controls", _gain(metric.name, section.rows), metric.name)
        for metric in metrics
        if any(metric.name in (row.gains or {}) for row in section.rows)
    ]
    return [*differences, *gains]


def _difference(metric: str) -> Callable[[BoardRow], str]:
    def text(row: BoardRow) -> str:
        difference = (row.differences or {}).get(metric)
        if difference is None:
            return NOTHING
        return interval_text(difference.interval) + ("*" if difference.is_significant else "")

    return text


def _gain(metric: str, rows: Sequence[BoardRow]) -> Callable[[BoardRow], str]:
    names = {row.label: row.facts.get("control", row.label) for row in rows}

    def text(row: BoardRow) -> str:
        gain, n_absent = (row.gains or {}).get(metric), len(row.absent_controls or {})
        if gain is None:
            return f"{NOTHING} (0 of {n_absent})" if n_absent else NOTHING
        count = f"{gain.n_controls} of {gain.n_controls + n_absent}"
        return f"{interval_text(gain.interval)} ({names.get(gain.control, gain.control)}, {count})"

    return text


def interval_text(interval: Interval) -> str:
    """Estimate and bounds, with signs."""
    return f"{interval.estimate:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def comparison_notes(section: BoardSection) -> list[str]:
    """What ranks, differences and gains mean, what could be detected, and what would be needed to tell rows apart."""
    lines = [f"{section.baseline_note[0].upper()}{section.baseline_note[1:]}."] if section.baseline_note else []
    if any(row.ranks for row in section.rows):
        lines.append("#: ranks by MAE that are compatible with the data, 95 % for all rows together (Holm).")
    lines += _difference_notes(section)
    if any(row.gains for row in section.rows):
        lines.append(
            "Gain over controls: how much better than the strongest one (named, with the number compared); the 95 % "
            "interval holds whichever is the strongest."
        )
    trained = [row.facts for row in section.rows if row.is_one_checkpoint and row.intervals]
    if trained:
        names = dict.fromkeys(f"{facts['strategy']}+{facts['trainer']}" for facts in trained)
        lines.append(
            f"{CHECKPOINT} This checkpoint only: {', '.join(names)} trained with one seed; intervals and ranks do not "
            "include how much another seed would change."
        )
    return [*lines, *_power_notes(section)]


def control_notes(rows: Sequence[BoardRow]) -> list[str]:
    """Controls that gains leave out, and controls that changed little or show little."""
    absent = [
        f"{row.label}: {', '.join(f'{name} ({state})' for name, state in row.absent_controls.items())}"
        for row in rows
        if row.absent_controls
    ]
    changed = [
        f"{row.label} {100 * row.changed_prompts:.0f} %"
        for row in rows
        if row.changed_prompts is not None and row.changed_prompts < _MOST
    ]
    short = [
        f"{row.label} {row.evidence_tokens:.0f} for {row.profile_tokens:.0f}"
        for row in rows
        if row.evidence_tokens is not None
        and row.profile_tokens is not None
        and row.evidence_tokens < _MUCH_LESS * row.profile_tokens
    ]
    lines = [f"Controls that the gain leaves out: {'; '.join(absent)}."] if absent else []
    lines += [f"Changed only a share of the prompts: {', '.join(changed)}."] if changed else []
    return [*lines, *([f"Tokens of raw evidence, for those of profiles: {', '.join(short)}."] if short else [])]


def _difference_notes(section: BoardSection) -> list[str]:
    if section.users_needed is None:
        return []
    lines = [
        f"Δ: value minus that of {section.baseline} on the same pairs. 95 % intervals: users and items crossed, and "
        f"seeds; * p < {ALPHA:g} (Holm over the rows)."
    ]
    if (section.n_users or 0) >= section.users_needed:
        return lines
    few = f"{section.n_users} users are too few"
    return [*lines, f"No star and no p-value with fewer than {section.users_needed} users: {few}."]


def _power_notes(section: BoardSection) -> list[str]:
    pairs = section.pairs
    if not pairs:
        return []
    single, adjusted = (
        _median([getattr(pair, name) for pair in pairs])
        for name in ("minimum_detectable", "minimum_detectable_adjusted")
    )
    over_all = f", {adjusted} adjusted for all {len(pairs)} pairs" if len(pairs) > 1 else ""
    detectable = f"{single} for one pair of rows{over_all}{' (medians)' if over_all else ''}"
    lines = [f"Minimum detectable difference of MAE (80 % power, two-sided 5 %): {detectable}."]
    return [*lines, *_needed_notes([pair for pair in section.shown_pairs if not pair.is_told_apart])]


def _median(numbers: Sequence[float | None]) -> str:
    """The median; none: no difference that the scale allows can be detected."""
    middle = sorted(math.inf if number is None else number for number in numbers)[len(numbers) // 2]
    return "none" if middle == math.inf else f"{middle:.3f}"


def _needed_notes(pairs: Sequence[PairComparison]) -> list[str]:
    """Pairs that cannot be told apart: those with the row of the smallest MAE first."""
    if not pairs:
        return []
    named = "; ".join(f"{pair.row} and {pair.other}: {needed_text(pair)}" for pair in pairs[:_MAX_PAIRS])
    n_more = len(pairs) - _MAX_PAIRS
    more = f"; and {n_more} more {'pair' if n_more == 1 else 'pairs'} (JSON export)" if n_more > 0 else ""
    return [f"Cannot be told apart by MAE: {named}{more}."]


def needed_text(pair: PairComparison) -> str:
    """`needs about N more users`, or seeds; the difference is taken for the true one."""
    needed = pair.needed
    sizes = {} if needed is None else {"users": needed.users, "seeds per row": needed.seeds}
    parts = [f"{n:,} more {name}" for name, n in sizes.items() if n is not None]
    if not parts or (needed is not None and needed.together and len(parts) < 2):
        return "cannot be told apart at any realistic size" if pair.difference.estimate else "equal"
    seeds = " and several seeds of each training" if pair.needs_seeds else ""
    return "needs about " + (" and " if needed is not None and needed.together else " or ").join(parts) + seeds
