"""Data that is not safe against leakage from the future is marked in every form of a board."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from builtin_metrics import METRICS
from record_making import make_cell, record_values
from rich.console import Console

from duetbench.leaderboard import collect
from duetbench.leaderboard.formats import render
from duetbench.leaderboard.terminal import print_board

REASONS = ["5 of 9 rows are later", "no times"]
MARK = "not safe against leakage from the future"


@pytest.fixture
def unsafe(run: Path) -> None:
    dataset = record_values()["dataset"] | {"temporal_leakage": REASONS}
    make_cell(run, "a", [5.0, 4.0], [5.0, 3.0], cell={"limit": 2}, dataset=dataset)


@pytest.mark.usefixtures("unsafe")
def test_markdown_marks_the_heading_and_notes_every_reason(run: Path) -> None:
    text = render(collect([run], METRICS), "md")
    assert MARK in text.splitlines()[0]
    assert [line for line in text.splitlines() if line.startswith("- Warning")] == [
        f"- Warning: {MARK}: {reason}." for reason in REASONS
    ]


@pytest.mark.usefixtures("unsafe")
def test_a_terminal_marks_the_heading_and_notes_every_reason(run: Path) -> None:
    text = io.StringIO()
    print_board(collect([run], METRICS), Console(file=text, width=300))
    assert MARK in text.getvalue().splitlines()[0]
    assert all(f"Warning: {MARK}: {reason}." in text.getvalue() for reason in REASONS)


@pytest.mark.usefixtures("unsafe")
def test_csv_and_json_have_the_reasons(run: Path) -> None:
    board = collect([run], METRICS)
    (row,) = csv.DictReader(io.StringIO(render(board, "csv")))
    assert row["temporal_leakage"] == "; ".join(REASONS)
    assert json.loads(render(board, "json"))["sections"][0]["temporal_leakage"] == REASONS


@pytest.mark.parametrize("name", ["md", "csv", "json"])
def test_safe_data_has_no_mark(cell: Callable, run: Path, name: str) -> None:
    cell("a", 0.5)
    assert MARK not in render(collect([run], METRICS), name)
