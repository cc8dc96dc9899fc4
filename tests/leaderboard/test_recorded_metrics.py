from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from builtin_metrics import METRICS

from duetbench.leaderboard import collect
from duetbench.records import read_record, write_record

GOLDEN = Path(__file__).parent.parent / "records"


def test_golden_records_are_shown_or_are_faults(tmp_path: Path) -> None:
    for path in sorted(GOLDEN.glob("v1-*.json")):
        folder = tmp_path / "cells" / path.stem
        folder.mkdir(parents=True)
        shutil.copy(path, folder / "record.json")
    board = collect([tmp_path], METRICS)
    (fault,) = board.faults
    assert "v1-trained/record.json is incomplete: metrics.decisions.median has no train_mean" in fault


def test_a_record_without_the_fill_that_it_declares_is_a_fault(cell: Callable, run: Path) -> None:
    folder = cell("a", 0.5)
    cell("b", 0.5, strategy="kar")
    record = read_record(folder)
    assert record.metrics is not None
    write_record(folder, replace(record, metrics=replace(record.metrics, fill="constant:3")))
    board = collect([run], METRICS)
    assert [row.name for row in board.sections[0].rows] == ["kar"]
    assert "metrics.over has no constant:3; run the cell again" in board.faults[0]
