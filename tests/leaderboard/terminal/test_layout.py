"""The order in which columns are left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from builtin_metrics import METRICS

from duetbench.leaderboard import BoardOptions, collect
from duetbench.leaderboard.terminal.layout import fit_columns, table_width


def _fitted(run: Path, width: int, **options: object) -> tuple[list[str], list[str]]:
    board = collect([run], METRICS, BoardOptions(**options))  # type: ignore[arg-type]
    shown, left_out = fit_columns(board.sections[0], board, width)
    return [fitted.title for fitted in shown], list(left_out)


def test_mae_rmse_accuracy_and_f1_go_last_and_mae_never(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.5)
    free("bias", 1.2)
    shown, left_out = _fitted(run, 5)
    assert shown == ["#", "method", "MAE"]
    assert left_out == ["cached", "F1 weighted", "tokens", "seconds", "Δ MAE to bias", "F1", "Acc", "RMSE"]


def test_the_metric_that_rows_are_sorted_by_is_always_shown(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    assert "F1 weighted" in _fitted(run, 5, sort="f1_weighted")[0]


def test_nothing_is_left_out_that_fits(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    board = collect([run], METRICS)
    every, _ = fit_columns(board.sections[0], board, 1000)
    wrapped = table_width(every) - len("F1 ")
    assert fit_columns(board.sections[0], board, wrapped)[1] == ()
    assert fit_columns(board.sections[0], board, wrapped - 1)[1] == ("cached",)


def test_text_is_folded_before_a_metric_of_the_four_is_left_out(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.5)
    free("a_predictor_of_a_long_name", 1.2)
    board = collect([run], METRICS)
    shown, _ = fit_columns(board.sections[0], board, 52)
    assert [fitted.title for fitted in shown] == ["#", "method", "MAE", "RMSE", "Acc", "F1"]
    assert shown[1].width < len("a_predictor_of_a_long_name")
    assert table_width(shown) == 52
