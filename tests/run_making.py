"""Folders of runs without running anything, for tests of `duetbench runs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from record_making import make_cell

TRUTHS = (5, 4, 3, 1, 5, 2)


def add_cell(
    run: Path,
    cell_id: str,
    values: list[float | None] | None = None,
    truths: tuple[float, ...] = TRUTHS,
    **changes: Any,
) -> Path:
    """Adds a finished cell with three of its predictions wrong by half a star."""
    return make_cell(run, cell_id, truths, values or [5.0, 4.5, 3.0, 1.5, 5.0, 2.5], **changes)


def make_run(folder: Path, *planned: str) -> Path:
    """The folder of a run with a plan of cells of these names, and nothing computed."""
    (folder / "cells").mkdir(parents=True)
    cells = [
        {
            "folder": f"cells/{name}",
            "label": "",
            "data": {"name": "toy"},
            "scorer": {"name": "rating_text"},
            "seed": 3,
            "writing": {"strategy": {"name": "duet"}, "model": {"name": "toy-lm"}, "training": None},
        }
        for name in planned
    ]
    (folder / "plan.json").write_text(json.dumps({"name": "x", "notes": [], "cells": cells}))
    return folder
