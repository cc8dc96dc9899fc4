"""Boards on consoles of several widths."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from builtin_metrics import METRICS
from rich.console import Console

from duetbench.leaderboard import collect
from duetbench.leaderboard.terminal import print_board

CONTROLS = ("no_profile", "averages_only", "raw_evidence", "shuffled_user", "shuffled_item", "shuffled_both")
CORE = ["MAE", "RMSE", "Acc", "F1"]


def _printed(run: Path, width: int) -> str:
    text = io.StringIO()
    print_board(collect([run], METRICS), Console(file=text, width=width))
    return text.getvalue()


def _table(run: Path, width: int) -> list[str]:
    """The lines of the table, its titles first; without heading and notes."""
    lines = _printed(run, width).splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("──"))
    last = next(n for n, line in enumerate(lines) if line.startswith("  Data "))
    return [lines[first - 1], *lines[first + 1 : last]]


@pytest.fixture
def demo(cell: Callable, free: Callable, run: Path) -> Path:
    """A board with the rows of the demo: untrained and trained rows, controls of both, rows without an LLM."""
    for trainer, budget in (("none", None), ("grpo", {"steps": 30, "tokens": 83_000, "seconds": 61.5})):
        names = ("", *CONTROLS) if trainer == "none" else ("", *CONTROLS[2:])
        for n, control in enumerate(names):
            spread = 0.2 + n / 3 if trainer == "grpo" else 1 + n / 9
            added = {"trainer": trainer, "budget": budget, "seed_of_values": n + 1}
            cell(f"{trainer}{n}", spread, **added, **({"control": control} if control else {}))
    cell("sft", 0.3, trainer="sft", control="best_of_n", budget={"steps": 9, "tokens": 83_000, "seconds": 40.0})
    for n, name in enumerate(("bias", "boosting", "matrix_factorization", "history_logistic", "global_mean")):
        free(name, 0.8 + n / 5)
    return run


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_four_metrics_of_the_demo_fit(demo: Path, width: int) -> None:
    titles, *lines = _table(demo, width)
    assert [word for word in titles.split() if word in CORE][:4] == CORE
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [80, 100, 140])
def test_every_row_of_the_demo_is_one_line_with_four_whole_numbers(demo: Path, width: int) -> None:
    numbers = [re.findall(r"(?<![-+\d.])\d\.\d{4}(?!\d)", line) for line in _table(demo, width)[1:]]
    assert [len(found) for found in numbers if found] == [4] * 18


def test_differences_fit_into_a_hundred_columns_and_gains_into_a_hundred_and_forty(demo: Path) -> None:
    titles = {width: _table(demo, width)[0] for width in (80, 100, 140)}
    assert ["to bias" in titles[width] or "bias" in titles[width].split() for width in titles] == [False, True, True]
    assert ["over controls" in titles[width] for width in titles] == [False, False, True]


@pytest.mark.parametrize("width", [20, 60, 80, 100, 140, 200, 400])
def test_estimates_and_intervals_are_never_split(demo: Path, width: int) -> None:
    text = "\n".join(_table(demo, width)[1:])
    estimates = re.findall(r"[-+]\d\.\d{3}(?= |\n)", text)
    assert len(re.findall(r"[-+]\d\.\d{3} \[[-+]\d\.\d{3}, [-+]\d\.\d{3}\]", text)) == len(estimates)


@pytest.mark.parametrize("width", [60, 80])
def test_names_hold_what_the_columns_of_trainer_and_control_showed(demo: Path, width: int) -> None:
    text = "\n".join(_table(demo, width))
    assert "trainer" not in text
    assert "duet+grpo" in text
    assert "duet (shuffled_user)" in text


def test_a_narrow_console_names_the_columns_that_it_leaves_out(demo: Path) -> None:
    words = " ".join(_printed(demo, 70).split())
    assert "columns that do not fit: cached, training steps/tokens, F1 weighted, tokens," in words


def test_a_wide_console_gets_every_column_on_one_line(demo: Path) -> None:
    titles, first, *_ = _table(demo, 1000)
    assert "training steps/tokens" in titles
    assert first.count("[") >= 1
    assert "do not fit" not in _printed(demo, 1000)


def test_lines_have_the_width_of_the_console(demo: Path) -> None:
    assert max(map(len, _printed(demo, 70).splitlines())) <= 70


def test_deviations_over_seeds_are_below_the_means_where_they_do_not_fit(cell: Callable, run: Path) -> None:
    for seed in (0, 1):
        cell(f"a{seed}", 0.4 + seed / 10, trainer="grpo", seed=seed)
        cell(f"b{seed}", 0.9 + seed / 10, trainer="none", seed=seed)
    assert all(" ± 0." in line for line in _table(run, 120)[1:])
    titles, first, second, *_ = _table(run, 60)
    assert titles.split()[2:] == CORE
    assert len(re.findall(r"0\.\d{4}", first)) == 4
    assert re.findall(r"±(0\.\d{4})", second) == re.findall(r"0\.\d{4}", second)


def test_the_console_keeps_its_width(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    console = Console(file=io.StringIO(), width=20)
    print_board(collect([run], METRICS), console)
    assert console.width == 20


def test_markup_in_names_is_printed_as_it_is(cell: Callable, run: Path) -> None:
    cell("a", 0.5, strategy="[red]x")
    assert "[red]x" in _printed(run, 200)
