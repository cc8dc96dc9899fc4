from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from builtin_metrics import METRICS
from rich.console import Console

from duetbench.leaderboard import BoardOptions, collect
from duetbench.leaderboard.terminal import print_board


def _printed(run: Path, **console: object) -> str:
    text = io.StringIO()
    board = collect([run], METRICS)
    print_board(board, Console(file=text, soft_wrap=True, **console))  # type: ignore[arg-type]
    return text.getvalue()


def test_a_pipe_gets_every_column_on_one_line(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.5)
    free("bias", 1.2)
    lines = [line for line in _printed(run, width=40).splitlines() if line.startswith(" 1  duet")]
    assert any("[" in line and line.endswith("3.0 ") for line in lines)


def test_a_narrow_terminal_names_the_columns_that_it_leaves_out(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.5)
    free("bias", 1.2)
    text = _printed(run, width=70, force_terminal=True, color_system=None)
    assert "columns that do not fit: cached" in text
    assert max(map(len, text.splitlines())) <= 70


def test_the_console_keeps_its_width(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    console = Console(file=io.StringIO(), width=60)
    print_board(collect([run], METRICS), console)
    assert console.width == 60


def test_markup_in_names_is_printed_as_it_is(cell: Callable, run: Path) -> None:
    cell("a", 0.5, strategy="[red]x")
    assert "[red]x" in _printed(run, width=200)


def _left_out(run: Path, **options: object) -> list[str]:
    text = io.StringIO()
    board = collect([run], METRICS, BoardOptions(**options))  # type: ignore[arg-type]
    print_board(board, Console(file=text, width=20, force_terminal=True, color_system=None))
    words = " ".join(text.getvalue().split()).partition("columns that do not fit: ")[2].partition(";")[0]
    return words.split(", ")


def test_later_metrics_are_left_out_before_costs_and_the_first_ones_after_them(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    order = ["cached", "F1 weighted", "F1", "tokens", "seconds", "Acc", "RMSE"]
    left_out = _left_out(run)
    assert len(left_out) > 5
    assert left_out == order[: len(left_out)]


def test_the_metric_that_rows_are_sorted_by_is_always_shown(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    assert "F1 weighted" not in _left_out(run, sort="f1_weighted")


def test_titles_and_comparisons_are_wrapped_to_the_width_of_the_numbers(
    cell: Callable, free: Callable, run: Path
) -> None:
    cell("a", 0.1)
    cell("b", 0.9, strategy="10h", control="no_profile", seed_of_values=3)
    free("a_predictor_of_a_long_name", 1.2)
    lines = _printed(run, width=120, force_terminal=True, color_system=None).splitlines()
    (first, second) = (next(line for line in lines if word in line) for word in ("[", "1 of 1)"))
    assert "(no_profile, " not in first or "1 of 1)" not in first
    assert lines.index(second) == lines.index(first) + 1
