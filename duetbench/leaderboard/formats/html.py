"""HTML: one file with sorting, filters, charts and single pairs, which needs no network."""

from __future__ import annotations

from duetbench.leaderboard.board import Board
from duetbench.leaderboard.report import render_report


def render(board: Board) -> str:
    """A complete page; it can be read without JavaScript."""
    return render_report(board)
