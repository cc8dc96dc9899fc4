"""Checks of what a board is made of: metrics, digests, ids and the plan. Open `check` first."""

from duetbench.leaderboard.checking.check import CheckReport, check

__all__ = ["CheckReport", "check"]
