from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from builtin_metrics import LARGEST, METRICS

from duetbench.leaderboard import Board, collect
from duetbench.leaderboard.board import BoardMetric
from duetbench.leaderboard.formats.csv import csv_columns, render


def _rows(board: Board) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(board))))


def test_csv_has_the_same_columns_on_every_board(board: Board) -> None:
    rows = _rows(board)
    assert tuple(rows[0]) == csv_columns(board.metrics)
    assert [row["state"] for row in rows] == ["ranked", "ranked", "low coverage", "failed"]
    assert (rows[0]["seeds"], rows[0]["baseline"], rows[3]["mae"], rows[3]["reason"]) == (
        "0 1",
        "bias",
        "",
        "EngineError: a | b\nc",
    )


def test_columns_of_built_in_metrics_keep_names_and_order(board: Board) -> None:
    columns = csv_columns(board.metrics)
    first = columns.index("mae")
    assert columns[first - 1] == "failed_call"
    assert columns[first : first + 18] == (
        *("mae", "mae_sd", "mae_readable", "mae_median", "rmse", "rmse_sd", "rmse_readable", "rmse_mean"),
        *("accuracy", "accuracy_sd", "accuracy_readable", "accuracy_mode", "f1", "f1_sd", "f1_readable"),
        *("f1_weighted", "f1_weighted_sd", "f1_weighted_readable"),
    )
    assert columns[first + 18] == "baseline"


def test_csv_names_the_settings_in_which_rows_differ(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    cell("b", 0.4, options={"duet": {"joint": "cross", "cue": True}, "rating_expectation": {"history_k": 10}})
    rows = _rows(collect([run], METRICS))
    assert {row["settings"] for row in rows} == {"duet.joint=paired", "duet.joint=cross"}


def test_a_metric_of_a_plugin_has_columns_of_its_own(cell: Callable, run: Path) -> None:
    cell("a", 0.5, unread=1, metrics=[*METRICS, LARGEST])
    (row,) = _rows(collect([run], [*METRICS, LARGEST]))
    assert float(row["largest"]) >= float(row["largest_readable"]) > 1
    assert row["largest_sd"] == ""


def test_no_two_columns_have_one_name() -> None:
    names = ("mae", "mae_low", "coverage", "mae_sd")
    columns = csv_columns([BoardMetric(name, name, True) for name in names])
    assert len(set(columns)) == len(columns)
    assert {"mae", "metric_mae_low", "metric_coverage", "metric_mae_sd"} <= set(columns)
