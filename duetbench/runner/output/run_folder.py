"""A run's folder.

```
plan.json                      what was asked for, cell by cell
env.json                       where it was computed
cells/CELL/record.json         the result; what is there with status `done` is not computed again
          /predictions.parquet one row per example
          /profiles.parquet    what was written
          /answers.jsonl       every question's answer, read or not
          /prompts.parquet     every question
          /error.txt           the traceback, if the cell failed by a bug
          /lock                held by the process that computes the cell
trainings/TRAINING/            one folder per training, shared by the cells that need it
leaderboard.md leaderboard.json
```
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from duetbench import atomic
from duetbench.errors import RecordError
from duetbench.runner.planning.cells import Cell

LEAST_FREE = 32 * 2**20
"""Bytes that must be free before a run begins: far more than the records of a cell need."""


class RunFolder:
    """The files of one run.

    Args:
        path: Created if it is not there.

    Raises:
        RecordError: it cannot be written, or hardly any space is left.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            (path / "cells").mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path / "cells"):
                pass
        except OSError as error:
            raise RecordError(
                f"output folder {path} cannot be written ({error.strerror or error}): choose another with --out"
            ) from error
        free = shutil.disk_usage(path).free
        if free < LEAST_FREE:
            raise RecordError(
                f"no space is left for the output folder {path} ({free // 2**20} MB free): free some, "
                "or choose another with --out"
            )

    def cell(self, cell: Cell) -> Path:
        """The folder of a cell; it need not exist."""
        return cell_folder(self.path, cell)

    def training(self, cell: Cell) -> Path:
        """The folder of a cell's training; it need not exist."""
        return self.path / "trainings" / cell.training_folder

    def write_json(self, name: str, content: Any) -> None:
        """Writes a file of the run."""
        atomic.write_json(self.path / name, content)

    def write_text(self, name: str, text: str) -> None:
        """Writes a file of the run."""
        atomic.write_text(self.path / name, text)


def cell_folder(run: Path, cell: Cell) -> Path:
    """The folder of a cell in a run's folder; neither need exist."""
    return run / "cells" / cell.folder
