"""The commands that show results beyond the leaderboard: `report` and `inspect`."""

from duetbench.cli.results.inspect import inspect
from duetbench.cli.results.report import report

__all__ = ["inspect", "report"]
