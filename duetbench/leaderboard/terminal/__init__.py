"""Leaderboards in a terminal. Open `tables` first."""

from duetbench.leaderboard.terminal.tables import print_board

__all__ = ["print_board"]
