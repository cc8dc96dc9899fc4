"""Raw files to canonical tables, to splits, to histories. Everything here is a plain value or a file."""

from duetbench.data.history import HistoryOptions, build_examples
from duetbench.data.preparation.prepare import prepare
from duetbench.data.preparation.prepared import Prepared, StepCount, load_prepared

__all__ = ["HistoryOptions", "Prepared", "StepCount", "build_examples", "load_prepared", "prepare"]
