"""The text of ranks, differences and gains, and the notes that explain them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from duetbench.evaluation.statistics import Interval
from duetbench.evaluation.statistics.intervals import ALPHA
from duetbench.leaderboard.board import BoardMetric, BoardRow, BoardSection, PairComparison

NOTHING = "–"
_MAX_PAIRS = 6
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
    """The number of seeds; of a training with one seed, that intervals are conditional on it."""
    return "1, this checkpoint only" if row.is_one_checkpoint else str(len(row.seeds))


def comparison_columns(section: BoardSection, metrics: Sequence[BoardMetric]) -> list[ComparisonColumn]:
    """Differences to the baseline and gains over the strongest control, a column for each metric that has them."""
    differences = [
        ComparisonColumn(f"Δ {metric.title} to {section.baseline}", _difference(metric.name), metric.name)
        for metric in metrics
        if any(metric.name in (row.differences or {}) for row in section.rows)
    ]
    gains = [
        ComparisonColumn(f"gain over the strongest control, {metric.title}", _gain(metric.name), metric.name)
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


def _gain(metric: str) -> Callable[[BoardRow], str]:
    def text(row: BoardRow) -> str:
        gain = (row.gains or {}).get(metric)
        return NOTHING if gain is None else f"{interval_text(gain.interval)} ({gain.control})"

    return text


def interval_text(interval: Interval) -> str:
    """Estimate and bounds, with signs."""
    return f"{interval.estimate:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def comparison_notes(section: BoardSection) -> list[str]:
    """What ranks, differences and gains mean, what could be detected, and what would be needed to tell rows apart."""
    lines = [f"{section.baseline_note[0].upper()}{section.baseline_note[1:]}."] if section.baseline_note else []
    if any(row.ranks for row in section.rows):
        lines.append(
            "#: ranks by MAE that are compatible with the data; all of them together with 95 % confidence "
            "(Holm over all pairs of rows)."
        )
    lines += _difference_notes(section)
    if any(row.gains for row in section.rows):
        lines.append(
            "gain over the strongest control: how much better than the best of the row's controls; the 95 % interval "
            "holds whichever control is the strongest. Positive values are better."
        )
    checkpoints = list(dict.fromkeys(row.name for row in section.rows if row.is_one_checkpoint and row.intervals))
    if checkpoints:
        lines.append(
            f"This checkpoint only: {', '.join(checkpoints)} trained with one seed; intervals and ranks do not include "
            "how much another seed would change."
        )
    return [*lines, *_power_notes(section.pairs)]


def _difference_notes(section: BoardSection) -> list[str]:
    if section.users_needed is None:
        return []
    lines = [
        f"Δ: value minus that of {section.baseline} on the same pairs. 95 % intervals for users and items crossed, and "
        f"for seeds where a row has several; * p < {ALPHA:g} after Holm over the rows, for each metric."
    ]
    few = (section.n_users or 0) < section.users_needed
    consequence = f"{section.n_users} users are too few" if few else f"there are {section.n_users}"
    return [*lines, f"No star and no p-value with fewer than {section.users_needed} users: {consequence}."]


def _power_notes(pairs: Sequence[PairComparison]) -> list[str]:
    if not pairs:
        return []
    single, adjusted = (
        _spread([getattr(pair, name) for pair in pairs])
        for name in ("minimum_detectable", "minimum_detectable_adjusted")
    )
    lines = [
        f"Minimum detectable difference of MAE (80 % power, two-sided 5 %): {single} for one pair of rows"
        + (f", {adjusted} adjusted for all {len(pairs)} pairs." if len(pairs) > 1 else ".")
    ]
    return [*lines, *_needed_notes([pair for pair in pairs if not pair.is_told_apart])]


def _spread(numbers: Sequence[float | None]) -> str:
    """The median and the range; none: no difference that the scale allows can be detected."""
    texts = ["none" if n is None else f"{n:.3f}" for n in sorted(numbers, key=lambda n: math.inf if n is None else n)]
    middle = texts[len(texts) // 2]
    return middle if texts[0] == texts[-1] else f"{middle} ({texts[0]} to {texts[-1]})"


def _needed_notes(pairs: Sequence[PairComparison]) -> list[str]:
    """Pairs that cannot be told apart: those with the row of the smallest MAE first."""
    if not pairs:
        return []
    named = "; ".join(f"{pair.row} and {pair.other}: {needed_text(pair)}" for pair in pairs[:_MAX_PAIRS])
    more = f"; {len(pairs) - _MAX_PAIRS} more pairs in the JSON export" if len(pairs) > _MAX_PAIRS else ""
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
