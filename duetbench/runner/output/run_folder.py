"""The folder of a run.

```
plan.json                      cells of the plan with everything that defines them
env.json                       machine and software (`EnvironmentRecord`)
cells/CELL/record.json         result of the cell; a cell with status `done` is not computed again
          /predictions.parquet one row per example
          /profiles.parquet    profiles as the scorer read them
          /answers.jsonl       every answer, parsed or not
          /prompts.parquet     every distinct prompt
          /error.txt           traceback of a cell that failed with an unexpected exception
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

MIN_FREE_BYTES = 32 * 2**20
"""Free space required before a run starts; the records of a cell need far less."""


class RunFolder:
    """The files of one run.

    Args:
        path: The folder; created if it does not exist.

    Raises:
        RecordError: it cannot be written, or the disk is almost full.
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
        if free < MIN_FREE_BYTES:
            raise RecordError(
                f"no space is left for the output folder {path} ({free // 2**20} MB free): free some, "
                "or choose another with --out"
            )

    def cell(self, cell: Cell) -> Path:
        """The folder of a cell; it may not exist yet."""
        return cell_folder(self.path, cell)

    def training(self, cell: Cell) -> Path:
        """The folder of a cell's training; it may not exist yet."""
        return self.path / "trainings" / cell.training_folder

    def write_json(self, name: str, content: Any) -> None:
        """Writes a file of JSON values into the folder, atomically."""
        atomic.write_json(self.path / name, content)

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file into the folder, atomically."""
        atomic.write_text(self.path / name, text)


def cell_folder(run: Path, cell: Cell) -> Path:
    """The folder of a cell within the folder of a run; neither may exist yet."""
    return run / "cells" / cell.folder
