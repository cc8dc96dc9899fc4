from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from builtin_metrics import LARGEST, METRICS

from duetbench.leaderboard.checking import check
from duetbench.leaderboard.checking.recomputed import first_difference
from duetbench.records import Record, file_entry, from_json, read_record, to_json, write_record


def test_untouched_cells_agree(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.5, unread=3)
    free("bias", 1.0)
    report = check([run], METRICS)
    assert (report.n, report.differences, report.n_without_digest) == (2, (), 0)


def test_a_number_changed_in_the_record_is_found(cell: Callable, run: Path) -> None:
    folder = cell("a", 0.5)
    values = to_json(read_record(folder))
    values["metrics"]["over"]["train_mean"]["mae"]["raw"] *= 0.9
    write_record(folder, from_json(Record, values))
    (line,) = check([run], METRICS).differences
    assert "metrics.over.train_mean.mae.raw: recorded" in line


def test_changed_predictions_are_found_even_with_a_new_digest(cell: Callable, run: Path) -> None:
    folder = cell("a", 0.5)
    path = folder / "predictions.parquet"
    table = pl.read_parquet(path)
    table.with_columns(value=pl.col("rating")).write_parquet(path)
    assert "not the file that the record names" in check([run], METRICS).differences[0]
    write_record(folder, replace(read_record(folder), files={path.name: file_entry(path)}))
    (line,) = check([run], METRICS).differences
    assert "computed from the predictions" in line


def test_missing_predictions_are_found(cell: Callable, run: Path) -> None:
    (cell("a", 0.5) / "predictions.parquet").unlink()
    assert any("cannot read predictions" in line for line in check([run], METRICS).differences)


def test_a_declared_constant_fill_is_checked_as_well(cell: Callable, run: Path) -> None:
    from record_making import STARS

    from duetbench.evaluation import metrics_of, read_predictions

    folder = cell("a", 0.5, unread=2)
    metrics = metrics_of(read_predictions(folder / "predictions.parquet"), STARS, METRICS, train_mean=4.2, fill=2.5)
    write_record(folder, replace(read_record(folder), metrics=metrics))
    assert check([run], METRICS).differences == ()


def test_records_without_a_newer_metric_agree(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    report = check([run], [*METRICS, LARGEST])
    assert (report.differences, report.unchecked) == ((), ())


def test_metrics_that_are_not_registered_are_reported_as_unchecked(cell: Callable, run: Path) -> None:
    cell("a", 0.5, metrics=[*METRICS, LARGEST])
    report = check([run], METRICS)
    assert (report.differences, report.unchecked) == ((), ("largest",))


@pytest.mark.parametrize(
    ("recorded", "computed", "expected"),
    [
        ({"a": 1.0}, {"a": 1.0 + 1e-12}, None),
        ({"a": 1.0}, {"a": 1.1}, ".a: recorded 1.0, computed from the predictions 1.1"),
        ({"a": None}, {"a": 0.0}, ".a: recorded None, computed from the predictions 0.0"),
        ({"a": 1}, {"b": 1}, ": only one has a, b"),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, ".a.b: recorded 'x', computed from the predictions 'y'"),
    ],
)
def test_the_first_difference_is_named_with_its_path(recorded: Any, computed: Any, expected: str | None) -> None:
    assert first_difference(recorded, computed) == expected
