"""`duetbench runs`: list, show, compare and remove the folders of runs. Open `commands` first."""

from duetbench.cli.runs.commands import runs

__all__ = ["runs"]
