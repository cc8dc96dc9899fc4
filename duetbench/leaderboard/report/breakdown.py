"""What the predictions of a row show beyond its metrics: errors in groups of pairs, and calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duetbench.errors import DuetbenchError
from duetbench.evaluation import read_predictions
from duetbench.leaderboard.board import BoardRow
from duetbench.leaderboard.paired_values import domain_of
from duetbench.leaderboard.read_results import CellResult
from duetbench.leaderboard.report.charts import Axis, line
from duetbench.leaderboard.report.views import Chart, GroupTable, Mark, Tick
from duetbench.scales import label_text

if TYPE_CHECKING:
    import polars as pl

_LENGTHS = ((0, 0, "0"), (1, 2, "1-2"), (3, 5, "3-5"), (6, 9, "6-9"), (10, None, "10 or more"))
"""Numbers of earlier interactions of a group, from and to, and its name."""
_BINS = 10
_MAX_CHARTS = 12
"""Rows of a section whose calibration is drawn: the first ones."""


@dataclass(frozen=True)
class RowPredictions:
    """The predictions of all seeds of a row."""

    row: BoardRow
    id: str
    table: pl.DataFrame
    labels: tuple[float, ...]


def read_rows(
    rows: Sequence[BoardRow], ids: Mapping[str, str], results: Mapping[str, CellResult]
) -> list[RowPredictions]:
    """The predictions of the rows that have some which can be read."""
    import polars as pl

    found = []
    for row in rows:
        cells = [results[cell] for cell in row.cells if cell in results and results[cell].is_done]
        try:
            tables = [read_predictions(cell.predictions) for cell in cells]
        except DuetbenchError:
            continue  # the row's own notes name the reason
        if tables:
            table = pl.concat(tables, how="diagonal_relaxed")
            found.append(RowPredictions(row, ids[row.label], table, domain_of(cells[0]).of_data.labels))
    return found


def group_tables(rows: Sequence[RowPredictions]) -> list[GroupTable]:
    """Errors by what is known of the user, by the true rating, and by the length of the user's history."""
    if not rows:
        return []
    labels = rows[0].labels
    lengths = [row for row in rows if _has(row, "user_history")]
    known = [row for row in rows if _has(row, "user_average")]
    tables = [
        _groups("Users (cold: without an earlier rating)", known, ["cold", "warm"], _user_group),
        _groups("True rating", rows, [label_text(label) for label in labels], _rating_group),
        _groups("History of the user", lengths, [name for _, _, name in _LENGTHS], _length_group),
    ]
    return [table for table in tables if table is not None]


def _has(row: RowPredictions, column: str) -> bool:
    """Whether a column is recorded; predictions of earlier versions lack some."""
    return column in row.table.columns and (column == "user_average" or not row.table[column].has_nulls())


def _user_group(_row: RowPredictions) -> pl.Expr:
    import polars as pl

    return pl.when(pl.col("user_average").is_null()).then(pl.lit("cold")).otherwise(pl.lit("warm"))


def _rating_group(row: RowPredictions) -> pl.Expr:
    import polars as pl

    names = {float(label): label_text(label) for label in row.labels}
    return pl.col("rating").replace_strict(names, default="other", return_dtype=pl.String)


def _length_group(_row: RowPredictions) -> pl.Expr:
    import polars as pl

    length, group = pl.col("user_history"), pl.lit(_LENGTHS[-1][2])
    for low, high, name in _LENGTHS[:-1]:
        group = pl.when(length.is_between(low, high)).then(pl.lit(name)).otherwise(group)
    return group


def _groups(
    title: str, rows: Sequence[RowPredictions], names: Sequence[str], group: Callable[[RowPredictions], pl.Expr]
) -> GroupTable | None:
    """The table of one division; None if all pairs are in one group."""
    by_row = [(row, _errors(row, group(row))) for row in rows]
    sizes = {name: max((errors[name][1] for _, errors in by_row if name in errors), default=0) for name in names}
    shown = [name for name in names if sizes[name]]
    if len(shown) < 2:
        return None
    values = [errors[name][0] for _, errors in by_row for name in shown if name in errors]
    known = sorted(value for value in values if value is not None)
    low, high = (known[0], known[-1]) if known else (0.0, 0.0)
    lines = [
        (row.id, row.row.label, [_cell(errors.get(name, (None, 0))[0], low, high) for name in shown])
        for row, errors in by_row
    ]
    return GroupTable(title, [f"{name} (n = {sizes[name]})" for name in shown], lines)


def _errors(row: RowPredictions, group: pl.Expr) -> dict[str, tuple[float | None, int]]:
    """By group, the mean absolute error of the readable predictions and the number of pairs of one seed."""
    import polars as pl

    n_seeds = max(len(row.row.seeds), 1)
    errors = (pl.col("value") - pl.col("rating")).abs()
    table = row.table.group_by(group.alias("group")).agg(errors.mean().alias("mae"), pl.len().alias("n"))
    return {name: (mae, n // n_seeds) for name, mae, n in table.iter_rows()}


def _cell(value: float | None, low: float, high: float) -> tuple[str, str]:
    if value is None:
        return "–", "0"
    return f"{value:.3f}", str(int(9 * (value - low) / (high - low)) if high > low else 0)


def calibration_charts(rows: Sequence[RowPredictions]) -> list[Chart]:
    """Reliability diagrams of the first rows that have label probabilities."""
    charts = (_calibration(row) for row in rows)
    return [chart for chart in charts if chart is not None][:_MAX_CHARTS]


def _calibration(row: RowPredictions) -> Chart | None:
    """How often the most probable label is the true one, by its probability."""
    points = reliability(row.table, row.labels)
    if not points:
        return None
    n = sum(count for _, _, count in points)
    error = sum(count * abs(share - confidence) for confidence, share, count in points) / n
    size = 170.0
    x, y = Axis(0, 1, 26, size - 6), Axis(0, 1, size - 22, 6)
    marks = [
        Mark(
            "",
            x.at(confidence),
            y.at(share),
            y.at(share),
            y.at(share),
            "bin",
            f"{share:.2f} of {count} at {confidence:.2f}",
        )
        for confidence, share, count in points
    ]
    title = f"{row.row.label}: expected calibration error {error:.3f}"
    lines = [
        ("diagonal", line([(x.at(0), y.at(0)), (x.at(1), y.at(1))])),
        ("curve", line([(mark.x, mark.y) for mark in marks])),
    ]
    x_ticks, y_ticks = ([Tick(axis.at(at), f"{at:g}") for at in (0.0, 0.5, 1.0)] for axis in (x, y))
    return Chart(title, "probability", "share correct", size, size, x_ticks, y_ticks, marks, lines, title)


def reliability(table: pl.DataFrame, labels: Sequence[float]) -> list[tuple[float, float, int]]:
    """By tenth of the probability of the most probable label: its mean, the share of correct ones, their number."""
    import numpy as np

    known = table.filter(table["probabilities"].list.len() == len(labels))
    if not known.height:
        return []
    probabilities = np.array(known["probabilities"].to_list(), dtype=float)
    confidence = probabilities.max(axis=1)
    is_right = np.asarray(labels, dtype=float)[probabilities.argmax(axis=1)] == known["rating"].to_numpy()
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return [
        (float(confidence[bins == b].mean()), float(is_right[bins == b].mean()), int((bins == b).sum()))
        for b in sorted(set(bins.tolist()))
    ]
