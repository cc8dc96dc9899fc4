"""`duetbench data`: prepare, inspect, check, import and export datasets. Open `commands` first."""

from duetbench.cli.data.commands import data

__all__ = ["data"]
