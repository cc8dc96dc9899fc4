"""A board of 400 rows and 40 columns, for measurements of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from builtin_metrics import METRICS

from duetbench.evaluation.statistics import Interval
from duetbench.leaderboard import Board, collect
from duetbench.leaderboard.board import BoardMetric, SeedSummary

N_ROWS, N_METRICS = 400, 36


def large_board(cell: Callable, run: Path) -> Board:
    """One real row, repeated with other names and values."""
    cell("duet-0", 0.3)
    cell("duet-1", 0.4, strategy="10h")
    board = collect([run], METRICS)
    section = board.sections[0]
    names = ["mae", *(f"metric{number}" for number in range(N_METRICS - 1))]
    rows = tuple(
        replace(
            section.rows[0],
            label=f"duet [variant={position}]",
            facts={**section.rows[0].facts, "strategy": f"duet{position}", "trainer": ("none", "grpo")[position % 2]},
            values={name: SeedSummary(0.3 + 0.001 * position + 0.01 * n, 0.01) for n, name in enumerate(names)},
            intervals={"mae": Interval(0.3 + 0.001 * position, 0.25 + 0.001 * position, 0.35 + 0.001 * position)},
            seeds=(position, position + 1),
            costs=replace(section.rows[0].costs, prompt_tokens=1000.0 + 50 * position),
        )
        for position in range(N_ROWS)
    )
    metrics = tuple(BoardMetric(name, name.upper(), True) for name in names)
    return replace(board, sections=(replace(section, rows=rows, pairs=()),), metrics=metrics)
