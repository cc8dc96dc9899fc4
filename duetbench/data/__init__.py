"""Raw files to canonical tables, to splits, to histories. Everything here is a plain value or a file."""

from duetbench.data.history import HistoryOptions, build_examples
from duetbench.data.prepared import Prepared, StepCount, load_prepared
from duetbench.data.preparing import prepare

__all__ = ["HistoryOptions", "Prepared", "StepCount", "build_examples", "load_prepared", "prepare"]
