from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builtin_metrics import METRICS
from record_making import make_record

from duetbench.leaderboard import Board, collect
from duetbench.records import write_record


@pytest.fixture
def board(cell: Callable, free: Callable, run: Path) -> Board:
    """Two seeds of one row, a row of low coverage, a row without an LLM, and a failed one."""
    cell("duet-0", 0.3, seed=0)
    cell("duet-1", 0.3, seed=1, seed_of_values=5)
    cell("tenh", 0.5, strategy="10h", unread=5)
    free("bias", 1.2)
    failed = make_record(cell_id="kar", cell={"strategy": "kar", "limit": 80}, error="a | b\nc", dataset=None)
    write_record(run / "cells" / "kar", failed)
    return collect([run], METRICS)
