"""The commands that show results beyond the leaderboard: `report`, `inspect`, `score` and `compare`."""

from duetbench.cli.results.compare import compare
from duetbench.cli.results.inspect import inspect
from duetbench.cli.results.report import report
from duetbench.cli.results.score import score

__all__ = ["compare", "inspect", "report", "score"]
