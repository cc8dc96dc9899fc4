"""Compares all pairs of rows by all metrics, paired on the interactions that both have predicted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from duetbench.errors import RecordError, UnknownName
from duetbench.evaluation.conventions import CONVENTIONS, Convention
from duetbench.evaluation.statistics import (
    MAX_CURVATURE,
    Interval,
    difference_p,
    holm,
    minimum_detectable_effect,
    users_needed,
)
from duetbench.evaluation.statistics.intervals import ALPHA, interval
from duetbench.interfaces import Metric
from duetbench.leaderboard.board import BoardMetric
from duetbench.leaderboard.comparison import ComparedMetric, ComparedRows, too_small_text
from duetbench.leaderboard.decisions import with_decisions
from duetbench.leaderboard.pairwise.rows import PairedRow, SharedPairs, paired_rows, shared_pairs
from duetbench.leaderboard.read_results import CellResult, read_results
from duetbench.leaderboard.recorded_metrics import board_metrics, common_fill, without_incomplete


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """Two rows by one metric, on the interactions that they share."""

    metric: str
    title: str
    lower_is_better: bool
    value: float
    """Of the first row, the mean over its seeds."""
    other_value: float
    difference: Interval | None = None
    """The first row's value minus the other's; None: there are too few users for an interval, or nothing varies."""
    p: float | None = None
    """Of the hypothesis of no difference; None: there are too few users for any p-value."""
    p_holm: float | None = None
    """Adjusted for all compared pairs of rows."""
    minimum_detectable: float | None = None
    """True difference that one two-sided test at 5 % detects with 80 % power; None: nothing varies."""
    minimum_detectable_adjusted: float | None = None
    """The same after adjustment for all compared pairs of rows."""

    @property
    def is_significant(self) -> bool:
        """Whether the adjusted p-value is below ALPHA."""
        return self.p_holm is not None and self.p_holm < ALPHA

    @property
    def is_first_better(self) -> bool:
        """Whether the first row has the better value; False if they are equal."""
        return self.value != self.other_value and (self.value < self.other_value) == self.lower_is_better


@dataclass(frozen=True, slots=True)
class RowPair:
    """Two rows, compared on the interactions that they share."""

    row: str
    other: str
    n: int
    """Number of interactions that both have predicted."""
    n_users: int
    n_row_only: int
    """Number of interactions of the first row that did not pair."""
    n_other_only: int
    n_other_rating: int
    """How many of these have another true rating in the other row."""
    metrics: tuple[MetricComparison, ...]
    needs_seeds: bool = False
    """Whether one of them is a training with one seed: the comparison is then one of checkpoints, not of methods."""


@dataclass(frozen=True)
class PairwiseComparison:
    """All pairs of rows of some runs."""

    rows: tuple[str, ...]
    pairs: tuple[RowPair, ...]
    convention: Convention
    fill: str
    users_needed: int
    """Number of users below which there are no p-values."""
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    """Records and predictions that could not be read."""


def compare_pairwise(
    runs: Sequence[Path], metrics: Sequence[Metric], *, convention: str = "standard"
) -> PairwiseComparison:
    """Compares every row of some runs with every other one.

    Args:
        runs: Folders of runs, folders that hold runs, or folders of single cells.
        metrics: The registered ones.
        convention: One of CONVENTIONS.

    Raises:
        RecordError: a folder holds no results, or there are fewer than two rows with predictions.
        UnknownName: there is no such convention.
    """
    if convention not in CONVENTIONS:
        raise UnknownName("convention", convention, CONVENTIONS)
    chosen = CONVENTIONS[convention]
    reading = without_incomplete(with_decisions(read_results(runs), metrics), chosen)
    done = [result for result in reading.results if result.is_done]
    fill, notes = _fill(done)
    read = paired_rows(done, metrics, chosen, fill)
    if len(read.rows) < 2:
        found = ", ".join([*(row.label for row in read.rows), *read.faults]) or "none"
        raise RecordError(f"nothing to compare: two rows with predictions are needed, found {found}; name more runs")
    blocks = list(_blocks(read.rows))
    n_apart = sum(not len(block.shared.positions) for block in blocks for _ in block.pairs)
    blocks = [block for block in blocks if len(block.shared.positions)]
    if n_apart:
        notes.append(f"{n_apart} pairs of rows share no interaction and are not compared")
    compared = _Comparison(blocks, board_metrics(metrics, ()), metrics, chosen)
    pairs = compared.pairs()
    return PairwiseComparison(
        tuple(row.label for row in read.rows),
        pairs,
        chosen,
        chosen.over or fill,
        users_needed(max(len(pairs), 1), ALPHA),
        (*reading.notes, *notes, *compared.notes),
        (*reading.faults, *read.faults),
    )


def _fill(results: Sequence[CellResult]) -> tuple[str, list[str]]:
    recorded = [result.record.metrics for result in results if result.record.metrics]
    declared = sorted({metrics.fill for metrics in recorded})
    if len(declared) == 1:
        return declared[0], []
    fill = common_fill(recorded)
    return fill, [f"records declare different fills ({', '.join(declared)}); all are read with {fill}"]


@dataclass(frozen=True)
class _Block:
    """Rows that are compared on the same interactions."""

    rows: tuple[PairedRow, ...]
    positions: tuple[bool, ...]
    """For each row, whether its interactions are those of the first side."""
    shared: SharedPairs
    pairs: tuple[tuple[int, int], ...]
    """Positions of the compared rows."""


def _blocks(rows: Sequence[PairedRow]) -> Iterator[_Block]:
    """One block for the rows of the same pairs, and one for each two kinds of pairs."""
    by_key: dict[object, list[PairedRow]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    for members in by_key.values():
        pairs = tuple(itertools.combinations(range(len(members)), 2))
        if pairs:
            shared = shared_pairs(members[0], members[0])
            yield _Block(tuple(members), (True,) * len(members), shared, pairs)
    for first, second in itertools.combinations(by_key.values(), 2):
        sides = (True,) * len(first) + (False,) * len(second)
        pairs = tuple((a, len(first) + b) for a in range(len(first)) for b in range(len(second)))
        yield _Block((*first, *second), sides, shared_pairs(first[0], second[0]), pairs)


class _Comparison:
    """The comparison of all blocks; p-values are adjusted over all of them."""

    def __init__(
        self,
        blocks: Sequence[_Block],
        board_metrics: Sequence[BoardMetric],
        metrics: Sequence[Metric],
        convention: Convention,
    ) -> None:
        self._blocks = blocks
        self._metrics = board_metrics
        self._n = sum(len(block.pairs) for block in blocks)
        self._compared = [_compared(block, metrics, convention) for block in blocks]
        faults = (
            fault for compared in self._compared for values in compared.values if values for fault in values.faults
        )
        self._notes = dict.fromkeys(faults)

    @property
    def notes(self) -> list[str]:
        """Metrics without values or intervals, and why."""
        return list(self._notes)

    def pairs(self) -> tuple[RowPair, ...]:
        """All pairs of rows, in the order of the blocks."""
        by_metric = [self._of_metric(metric) for metric in self._metrics]
        found = []
        places = ((block, pair) for block in self._blocks for pair in block.pairs)
        for place, (block, pair) in enumerate(places):
            metrics = tuple(each for comparisons in by_metric if (each := comparisons[place]) is not None)
            found.append(_row_pair(block, pair, metrics))
        return tuple(found)

    def _of_metric(self, metric: BoardMetric) -> list[MetricComparison | None]:
        """The comparison of every pair of rows, with adjusted p-values; None for rows without the metric."""
        found = [
            comparison
            for block, compared in zip(self._blocks, self._compared, strict=True)
            for comparison in self._of_block(block, compared, metric)
        ]
        tested = [each.p for each in found if each is not None and each.p is not None]
        adjusted = iter(holm(tested))
        return [replace(each, p_holm=next(adjusted)) if each and each.p is not None else each for each in found]

    def _of_block(
        self, block: _Block, compared: ComparedRows, metric: BoardMetric
    ) -> Iterator[MetricComparison | None]:
        of = ComparedMetric.of(compared, metric)
        if of is None:
            yield from (None for _ in block.pairs)
            return
        has_intervals = of.curvature_share <= MAX_CURVATURE
        if not has_intervals:
            n = len(block.shared.positions)
            self._notes[f"{too_small_text(metric.title, of.curvature_share)} (rows on {n:,} interactions)"] = None
        for first, second in block.pairs:
            if first in of.column and second in of.column:
                yield self._compare(of, of.column[first], of.column[second], has_intervals=has_intervals)
            else:
                yield None

    def _compare(self, of: ComparedMetric, first: int, second: int, *, has_intervals: bool) -> MetricComparison:
        means, metric = of.uncertainty.means, of.metric
        comparison = MetricComparison(
            metric.name, metric.title, bool(metric.lower_is_better), float(means[first]), float(means[second])
        )
        contrast = of.uncertainty.contrast(first, second)
        found = interval(of.uncertainty, contrast) if has_intervals else None
        if found is None:
            return comparison
        pooled = of.uncertainty.with_pooled_seeds()
        variance = pooled.tail_variance(contrast)
        is_enough = pooled.n_users >= users_needed(self._n, ALPHA)
        return replace(
            comparison,
            difference=found,
            p=difference_p(pooled, contrast) if is_enough else None,
            minimum_detectable=minimum_detectable_effect(variance, alpha=ALPHA),
            minimum_detectable_adjusted=minimum_detectable_effect(variance, alpha=ALPHA / self._n),
        )


def _compared(block: _Block, metrics: Sequence[Metric], convention: Convention) -> ComparedRows:
    shared, n = block.shared, len(block.rows)
    values = [
        row.values(shared.positions if is_first else shared.other_positions, metrics, convention)
        for row, is_first in zip(block.rows, block.positions, strict=True)
    ]
    rating_range = max(row.predicted.domain.rating_range for row in block.rows)
    checkpoints = [row.is_one_checkpoint for row in block.rows]
    return ComparedRows(
        values, [row.label for row in block.rows], [False] * n, None, [()] * n, checkpoints, rating_range
    )


def _row_pair(block: _Block, pair: tuple[int, int], metrics: tuple[MetricComparison, ...]) -> RowPair:
    rows = [block.rows[position] for position in pair]
    users = rows[0].predicted.users
    n = len(block.shared.positions)
    return RowPair(
        rows[0].label,
        rows[1].label,
        n,
        len({users[position] for position in block.shared.positions.tolist()}),
        len(rows[0].predicted.truth) - n,
        len(rows[1].predicted.truth) - n,
        block.shared.n_other_rating,
        metrics,
        any(row.is_one_checkpoint for row in rows),
    )
