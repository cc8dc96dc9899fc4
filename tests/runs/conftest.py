from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from record_making import WITHOUT_LLM, make_record
from run_making import add_cell, make_run

from duetbench.records import write_record


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a finished, a failed and a missing cell, and one without a model."""
    folder = make_run(tmp_path / "runs" / "mine", "a", "missing")
    add_cell(folder, "a")
    add_cell(folder, "b", cell=WITHOUT_LLM | {"scorer": "bias", "options": {}})
    write_record(folder / "cells" / "c", make_record(cell_id="c", error="it broke: mend it"))
    return folder


@pytest.fixture
def two_runs(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Two runs with one cell each, with the changes of the second one."""

    def make(**changes: Any) -> tuple[Path, Path]:
        first, second = (make_run(tmp_path / "runs" / name) for name in ("one", "two"))
        add_cell(first, "a")
        add_cell(second, "b", **changes)
        return first, second

    return make
