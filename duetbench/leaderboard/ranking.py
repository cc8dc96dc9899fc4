"""Errors pair by pair, from which ranks and intervals come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duetbench.errors import DuetbenchError, RecordError
from duetbench.evaluation.conventions import Convention, for_error
from duetbench.evaluation.metrics import filled
from duetbench.evaluation.predictions import read_predictions
from duetbench.evaluation.statistics import Bootstrap, Interval, bootstrap, holm, shared_ranks
from duetbench.leaderboard.reading import CellResult
from duetbench.types import Domain

if TYPE_CHECKING:
    import polars as pl

    from duetbench.evaluation.conventions import Floats


@dataclass(frozen=True, slots=True)
class PairErrors:
    """Absolute errors of one row, averaged over its seeds, in the order of the request ids."""

    values: Floats
    users: tuple[str, ...]


def domain_of(result: CellResult) -> Domain:
    """The domain that the record names."""
    assert result.record.dataset is not None
    found = result.record.dataset.domain
    return Domain(found.noun, found.plural, found.labels)


def errors_of(results: Sequence[CellResult], convention: Convention, fill: str) -> PairErrors | str:
    """The errors of a row from the saved predictions; or one line that says why there are none."""
    import numpy as np

    try:
        tables = [read_predictions(result.predictions).sort("request_id") for result in results]
        each = [_errors(table, result, convention, fill) for table, result in zip(tables, results, strict=True)]
    except DuetbenchError as error:
        return str(error)
    return PairErrors(np.mean(each, axis=0), tuple(tables[0]["user_id"].to_list()))


def _errors(table: pl.DataFrame, result: CellResult, convention: Convention, fill: str) -> Floats:
    metrics, domain = result.record.metrics, domain_of(result)
    assert metrics is not None
    if table.height != metrics.n:
        raise RecordError(f"{result.predictions} has {table.height} rows, its record says {metrics.n}")
    values = filled(table, convention.over or fill, domain, metrics.train_mean)
    truth = table["rating"].to_numpy().astype(float)
    return abs(for_error(values, domain, convention.error) - truth)


@dataclass(frozen=True, slots=True)
class RowStatistics:
    """What the pairs say of one row."""

    rank: int | None = None
    """None: not ranked."""
    interval: Interval | None = None
    """Of its own MAE; None: no predictions, or fewer than two users."""
    difference: Interval | None = None
    """MAE minus the baseline's; None for the baseline itself and where there is none."""
    p_holm: float | None = None
    """The difference's p-value, adjusted for the number of rows compared with the baseline."""


def row_statistics(
    errors: Sequence[PairErrors | None], ranked: Sequence[bool], baseline: int | None, *, resamples: int, seed: int
) -> list[RowStatistics]:
    """One per row: ranks among the `ranked` rows, differences of all rows from the baseline.

    Args:
        errors: None for a row without predictions; the others are of the same pairs.
        ranked: Which rows may have a rank; a row without errors never has.
        baseline: Position of the row that the others are compared with; None: no comparison.
    """
    import numpy as np

    have = [row for row, found in enumerate(errors) if found is not None and found.values.size]
    if not have:
        return [RowStatistics() for _ in errors]
    present = [found for row in have if (found := errors[row]) is not None]
    drawn = bootstrap(
        np.stack([part.values for part in present], axis=1), present[0].users, resamples=resamples, seed=seed
    )
    column = {row: place for place, row in enumerate(have)}
    ranks = _ranks(drawn, [row for row in have if ranked[row]], column)
    differences = _differences(drawn, column, baseline)
    adjusted = dict(zip(differences, holm([found.p or 0.0 for found in differences.values()]), strict=True))
    return [
        RowStatistics(
            ranks.get(row),
            drawn.interval(column[row]) if row in column else None,
            differences.get(row),
            adjusted.get(row),
        )
        for row in range(len(errors))
    ]


def _ranks(drawn: Bootstrap, rows: Sequence[int], column: dict[int, int]) -> dict[int, int]:
    columns = [column[row] for row in rows]
    part = Bootstrap(drawn.means[columns], drawn.draws[:, columns], drawn.n_users)
    return dict(zip(rows, shared_ranks(part), strict=True))


def _differences(drawn: Bootstrap, column: dict[int, int], baseline: int | None) -> dict[int, Interval]:
    if baseline not in column:
        return {}
    found = {row: drawn.difference(place, column[baseline]) for row, place in column.items() if row != baseline}
    return {row: interval for row, interval in found.items() if interval is not None}
