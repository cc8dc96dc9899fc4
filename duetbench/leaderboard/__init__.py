"""Leaderboards from records: nothing in them that saved predictions do not show."""

from duetbench.leaderboard.board import Board
from duetbench.leaderboard.building import BoardOptions, collect

__all__ = ["Board", "BoardOptions", "collect"]
