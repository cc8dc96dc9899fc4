"""Ranks, intervals, differences and gains of the rows of a section, for every metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from duetbench.evaluation.statistics import (
    MAX_CURVATURE,
    Columns,
    Interval,
    Ranking,
    RankInterval,
    Uncertainty,
    curvature_share,
    difference_p,
    holm,
    minimum_detectable_effect,
    needed_sample,
    rank_intervals,
    smallest_gain,
    uncertainty,
    users_needed,
)
from duetbench.evaluation.statistics.intervals import ALPHA, interval
from duetbench.leaderboard.board import RANKED_BY, BoardMetric, Difference, Gain, PairComparison
from duetbench.leaderboard.paired_values import PairedValues

if TYPE_CHECKING:
    from duetbench.evaluation.statistics.crossed import Floats


@dataclass(frozen=True)
class ComparedRows:
    """What the comparison of a section's rows uses."""

    values: Sequence[PairedValues | None]
    """All of the same pairs; None for a row without predictions."""
    labels: Sequence[str]
    """Names of the rows, no two equal."""
    ranked: Sequence[bool]
    """Which rows are ranked."""
    baseline: int | None
    """Position of the row that the others are compared with; None: no comparison."""
    controls: Sequence[tuple[int, ...]]
    """Positions of the control rows of each row."""
    one_checkpoint: Sequence[bool]
    """Which rows are a training with one seed."""
    rating_range: float
    """Largest possible difference of MAE."""


@dataclass
class RowStatistics:
    """Rank, intervals, differences and gains of one row; the last three by metric."""

    ranks: RankInterval | None = None
    """None: not ranked."""
    intervals: dict[str, Interval] = field(default_factory=dict)
    differences: dict[str, Difference] = field(default_factory=dict)
    gains: dict[str, Gain] = field(default_factory=dict)


@dataclass(frozen=True)
class SectionStatistics:
    """The statistics of all rows, and what is compared pairwise."""

    rows: list[RowStatistics]
    pairs: tuple[PairComparison, ...] = ()
    """By MAE, of ranked rows whose difference varies; none with too few users to tell any pair apart."""
    users_needed: int | None = None
    """Number of users from which differences have p-values; None: there are no differences."""
    notes: tuple[str, ...] = ()
    """Metrics whose intervals the sample is too small for."""


def compare(compared: ComparedRows, metrics: Sequence[BoardMetric]) -> SectionStatistics:
    """The statistics of a section.

    Args:
        metrics: Those without a direction have no statistics.
    """
    rows = [RowStatistics() for _ in compared.values]
    pairs: tuple[PairComparison, ...] = ()
    notes = []
    for metric in metrics:
        of_metric = ComparedMetric.of(compared, metric)
        if of_metric is None:
            continue
        share = of_metric.curvature_share
        if share > MAX_CURVATURE:
            notes.append(too_small_text(metric.title, share))
            continue
        of_metric.add_intervals(rows)
        of_metric.add_differences(rows)
        of_metric.add_gains(rows)
        if metric.name == RANKED_BY:
            pairs = of_metric.rank(rows)
    n_compared = max((sum(metric.name in row.differences for row in rows) for metric in metrics), default=0)
    needed = users_needed(n_compared, ALPHA) if n_compared else None
    return SectionStatistics(rows, pairs, needed, tuple(notes))


def too_small_text(title: str, share: float) -> str:
    """Why a metric has no intervals.

    Args:
        share: See `ComparedMetric.curvature_share`.
    """
    differs = f"by {share:.2f} standard errors" if math.isfinite(share) else "beyond measure"
    return (
        f"no intervals, stars and gains of {title}: the sample is too small for them. Its mean over two halves of the "
        f"users differs from that of all users {differs}; intervals hold up to {MAX_CURVATURE:g}"
    )


@dataclass(frozen=True)
class ComparedMetric:
    """The rows that have a metric, as columns of one `Uncertainty`."""

    compared: ComparedRows
    metric: BoardMetric
    uncertainty: Uncertainty
    column: Mapping[int, int]
    """Column by row."""
    curvatures: Sequence[Floats | None]
    """By column, as in `PairedValues`."""

    @property
    def reference(self) -> int:
        """The column of the baseline, else the first one."""
        baseline = self.compared.baseline
        return 0 if baseline is None else self.column.get(baseline, 0)

    @property
    def curvature_share(self) -> float:
        """How far the metric is from a mean over pairs; above MAX_CURVATURE the sample is too small for intervals."""
        return curvature_share(self.uncertainty, self.curvatures, self.reference)

    @staticmethod
    def of(compared: ComparedRows, metric: BoardMetric) -> ComparedMetric | None:
        """The rows that have values of a metric; None if no row has, or the metric has no direction."""
        known = {
            row: values
            for row, values in enumerate(compared.values)
            if values is not None and metric.name in values.values and metric.lower_is_better is not None
        }
        if not known:
            return None
        first = next(iter(known.values()))
        curvatures = [values.curvatures[metric.name] for values in known.values()]
        columns = Columns(
            [values.values[metric.name] for values in known.values()],
            first.users,
            first.items,
            is_linearised=any(found is None or found.any() for found in curvatures),
        )
        positions = {row: column for column, row in enumerate(known)}
        return ComparedMetric(compared, metric, uncertainty(columns), positions, curvatures)

    def add_intervals(self, rows: Sequence[RowStatistics]) -> None:
        for row, column in self.column.items():
            found = interval(self.uncertainty, self.uncertainty.contrast(column))
            if found is not None:
                rows[row].intervals[self.metric.name] = found

    def add_differences(self, rows: Sequence[RowStatistics]) -> None:
        """Differences to the baseline; with p-values if the number of users is large enough to reject anything."""
        baseline = self.compared.baseline
        if baseline is None or baseline not in self.column or self.uncertainty.n_users < 2:
            return
        others = [row for row in self.column if row != baseline]
        contrasts = [self.uncertainty.contrast(self.column[row], self.column[baseline]) for row in others]
        pooled = self.uncertainty.with_pooled_seeds()
        p_values = [p for contrast in contrasts if (p := difference_p(pooled, contrast)) is not None]
        enough = self.uncertainty.n_users >= users_needed(len(others), ALPHA)
        adjusted = holm(p_values)
        for position, (row, contrast) in enumerate(zip(others, contrasts, strict=True)):
            found = interval(self.uncertainty, contrast)
            if found is not None:
                p, p_holm = (p_values[position], adjusted[position]) if enough else (None, None)
                rows[row].differences[self.metric.name] = Difference(found, p, p_holm)

    def add_gains(self, rows: Sequence[RowStatistics]) -> None:
        for row, column in self.column.items():
            controls = {
                self.column[control]: control for control in self.compared.controls[row] if control in self.column
            }
            gain = smallest_gain(
                self.uncertainty,
                column,
                list(controls),
                lower_is_better=bool(self.metric.lower_is_better),
            )
            if gain is not None:
                strongest = self.compared.labels[controls[gain.control]]
                rows[row].gains[self.metric.name] = Gain(gain.interval, strongest, len(controls))

    def rank(self, rows: Sequence[RowStatistics]) -> tuple[PairComparison, ...]:
        """Adds rank intervals to the ranked rows; returns the comparisons of all pairs of them."""
        ranked = [row for row in self.column if self.compared.ranked[row]]
        if not ranked:
            return ()
        of = self.uncertainty.only([self.column[row] for row in ranked])
        pooled = of.with_pooled_seeds()
        ranking = rank_intervals(of)
        for row, ranks in zip(ranked, ranking.intervals, strict=True):
            rows[row].ranks = ranks
        order = sorted(range(len(ranked)), key=lambda position: (of.means[position], position))
        if of.n_users < users_needed(math.comb(len(ranked), 2), ALPHA):
            return ()
        found = (
            self._pair(of, pooled, (ranked[first], ranked[second]), (first, second), ranking)
            for at, first in enumerate(order)
            for second in order[at + 1 :]
        )
        return tuple(pair for pair in found if pair is not None)

    def _pair(
        self,
        of: Uncertainty,
        pooled: Uncertainty,
        rows: tuple[int, int],
        columns: tuple[int, int],
        ranking: Ranking,
    ) -> PairComparison | None:
        """The comparison of a row with one of larger mean, by the test of the ranks; None if nothing varies.

        Args:
            of: Of the ranked rows.
            pooled: The same with pooled seeds.
            rows: Positions in all rows.
            columns: The same rows as columns of `of`.
            ranking: The ranks of `of`.
        """
        contrast, compared = of.contrast(*columns), self.compared
        found = interval(of, contrast)
        if found is None:
            return None
        variance = pooled.tail_variance(contrast)
        is_told_apart = bool(ranking.is_better[columns])
        seeds = min((n for n in (of.n_seeds[column] for column in columns) if n > 1), default=1)
        needed = None
        if not is_told_apart:
            needed = needed_sample(found.estimate, variance, n_users=of.n_users, n_seeds=seeds, alpha=ranking.level)
        single, adjusted = (
            minimum_detectable_effect(variance, alpha=alpha, largest=compared.rating_range)
            for alpha in (ALPHA, ranking.level)
        )
        return PairComparison(
            compared.labels[rows[0]],
            compared.labels[rows[1]],
            found,
            is_told_apart,
            single,
            adjusted,
            needed,
            any(compared.one_checkpoint[row] for row in rows),
        )
