"""Data: raw files to canonical tables, splits and histories. Open `preparation.prepare` first, then `history`."""

from duetbench.data.history import ExampleSample, HistoryOptions, build_examples, sample_examples
from duetbench.data.preparation.prepare import find_raw_files, prepare
from duetbench.data.preparation.prepared import Prepared, StepCount, load_prepared

__all__ = [
    "ExampleSample",
    "HistoryOptions",
    "Prepared",
    "StepCount",
    "build_examples",
    "find_raw_files",
    "load_prepared",
    "prepare",
    "sample_examples",
]
