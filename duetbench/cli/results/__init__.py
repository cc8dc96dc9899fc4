"""`duetbench score` and `duetbench compare`. Open `score` and `compare`."""

from duetbench.cli.results.compare import compare
from duetbench.cli.results.score import score

__all__ = ["compare", "score"]
