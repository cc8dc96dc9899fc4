"""Leaderboards from the records and saved predictions of runs."""

from duetbench.leaderboard.board import Board
from duetbench.leaderboard.build import BoardOptions, collect

__all__ = ["Board", "BoardOptions", "collect"]
