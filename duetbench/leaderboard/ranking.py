"""Errors by pair, and the ranks and intervals that are computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duetbench.errors import DuetbenchError, RecordError
from duetbench.evaluation.conventions import Convention, for_error
from duetbench.evaluation.metrics import filled
from duetbench.evaluation.predictions import read_predictions
from duetbench.evaluation.statistics import Bootstrap, Interval, bootstrap, holm, shared_ranks
from duetbench.leaderboard.read_results import CellResult
from duetbench.types import Domain

if TYPE_CHECKING:
    import polars as pl

    from duetbench.evaluation.conventions import Floats


@dataclass(frozen=True, slots=True)
class PairErrors:
    """Absolute error of each pair of one row, averaged over its seeds, in the order of the request ids."""

    values: Floats
    users: tuple[str, ...]


def domain_of(result: CellResult) -> Domain:
    """The domain of the record."""
    assert result.record.dataset is not None
    domain = result.record.dataset.domain
    return Domain(domain.noun, domain.plural, domain.labels)


def errors_of(results: Sequence[CellResult], convention: Convention, fill: str) -> PairErrors | str:
    """The errors of a row from its saved predictions, or the reason why there are none in one line."""
    import numpy as np

    try:
        tables = [read_predictions(result.predictions).sort("request_id") for result in results]
        errors = [_errors(table, result, convention, fill) for table, result in zip(tables, results, strict=True)]
    except DuetbenchError as error:
        return str(error)
    return PairErrors(np.mean(errors, axis=0), tuple(tables[0]["user_id"].to_list()))


def _errors(table: pl.DataFrame, result: CellResult, convention: Convention, fill: str) -> Floats:
    metrics, domain = result.record.metrics, domain_of(result)
    assert metrics is not None
    if table.height != metrics.n:
        raise RecordError(f"{result.predictions} has {table.height} rows, but its record has n = {metrics.n}")
    values = filled(table, convention.over or fill, domain, metrics.train_mean)
    truth = table["rating"].to_numpy().astype(float)
    return abs(for_error(values, domain, convention.error) - truth)


@dataclass(frozen=True, slots=True)
class RowStatistics:
    """Rank and intervals of one row."""

    rank: int | None = None
    """None: not ranked."""
    interval: Interval | None = None
    """Interval of its MAE; None: no predictions, or fewer than two users."""
    difference: Interval | None = None
    """MAE minus that of the baseline; None for the baseline itself, and if there is no baseline."""
    p_holm: float | None = None
    """The difference's p-value, adjusted for the number of rows compared with the baseline."""


def row_statistics(
    errors: Sequence[PairErrors | None], ranked: Sequence[bool], baseline: int | None, *, resamples: int, seed: int
) -> list[RowStatistics]:
    """One per row: ranks among the `ranked` rows, differences of all rows from the baseline.

    Args:
        errors: All of the same pairs; None for a row without predictions.
        ranked: Which rows are ranked; a row without errors has no rank.
        baseline: Position of the row that the others are compared with; None: no comparison.
    """
    import numpy as np

    known = {row: pairs for row, pairs in enumerate(errors) if pairs is not None and pairs.values.size}
    if not known:
        return [RowStatistics() for _ in errors]
    values = np.stack([pairs.values for pairs in known.values()], axis=1)  # (pairs, rows)
    users = next(iter(known.values())).users
    bootstrapped = bootstrap(values, users, resamples=resamples, seed=seed)
    column = {row: position for position, row in enumerate(known)}
    ranks = _ranks(bootstrapped, [row for row in known if ranked[row]], column)
    differences = _differences(bootstrapped, column, baseline)
    p_values = [difference.p or 0.0 for difference in differences.values()]
    adjusted = dict(zip(differences, holm(p_values), strict=True))
    return [
        RowStatistics(
            ranks.get(row),
            bootstrapped.interval(column[row]) if row in column else None,
            differences.get(row),
            adjusted.get(row),
        )
        for row in range(len(errors))
    ]


def _ranks(bootstrapped: Bootstrap, rows: Sequence[int], column: dict[int, int]) -> dict[int, int]:
    columns = [column[row] for row in rows]
    of_rows = Bootstrap(bootstrapped.means[columns], bootstrapped.draws[:, columns], bootstrapped.n_users)
    return dict(zip(rows, shared_ranks(of_rows), strict=True))


def _differences(bootstrapped: Bootstrap, column: dict[int, int], baseline: int | None) -> dict[int, Interval]:
    if baseline not in column:
        return {}
    others = [row for row in column if row != baseline]
    differences = {row: bootstrapped.difference(column[row], column[baseline]) for row in others}
    return {row: difference for row, difference in differences.items() if difference is not None}
