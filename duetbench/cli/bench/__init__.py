"""`duetbench bench`: speed measurements. Open `commands` first."""

from duetbench.cli.bench.commands import bench

__all__ = ["bench"]
