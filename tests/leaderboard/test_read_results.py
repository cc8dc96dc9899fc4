from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from record_making import make_record, record_values

from duetbench.errors import RecordError
from duetbench.leaderboard.read_results import read_results
from duetbench.records import write_record


def test_runs_folders_of_runs_and_single_cells_are_read(cell: Callable, run: Path) -> None:
    folder = cell("one", 0.5)
    for path in (run, run.parent, folder):
        assert [result.record.cell_id for result in read_results([path]).results] == ["one"]


def test_a_run_named_twice_counts_once(cell: Callable, run: Path) -> None:
    cell("one", 0.5)
    reading = read_results([run, run])
    assert (len(reading.results), reading.notes) == (1, ())


def test_no_results_is_one_line_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no results in .*: no cells/CELL/record\.json in it; name a folder"):
        read_results([tmp_path])
    with pytest.raises(RecordError, match="there is no such folder"):
        read_results([tmp_path / "typo"])


def test_a_broken_record_is_reported_and_the_others_are_read(cell: Callable, run: Path) -> None:
    cell("one", 0.5)
    broken = cell("two", 0.5)
    (broken / "record.json").write_text("{")
    reading = read_results([run])
    assert [result.record.cell_id for result in reading.results] == ["one"]
    assert "not valid JSON: line 1" in reading.faults[0]


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"[" * 5_000, b"[]", b'{"schema_version": ' + b"1" * 5_001 + b"}", b'{"a": 1, "a": 2}', b""],
)
def test_whatever_a_damaged_record_holds_the_others_are_read(cell: Callable, run: Path, content: bytes) -> None:
    cell("one", 0.5)
    (cell("two", 0.5) / "record.json").write_bytes(content)
    reading = read_results([run])
    assert [result.record.cell_id for result in reading.results] == ["one"]
    assert len(reading.faults) == 1
    assert "record.json" in reading.faults[0]
    assert len(reading.faults[0]) < 500


def test_damaged_answers_of_the_store_are_noted(run: Path) -> None:
    usage = record_values()["usage"]
    usage["scoring"] = {**usage["scoring"], "damaged": 2}
    write_record(run / "cells" / "one", make_record(cell_id="one", usage=usage))
    assert read_results([run]).notes == ("2 damaged answers of the request store computed again",)


def test_cells_without_a_record_are_counted(cell: Callable, run: Path) -> None:
    cell("one", 0.5)
    (run / "cells" / "two").mkdir()
    assert read_results([run]).notes == ("1 cell has no record yet",)


def test_of_a_cell_in_two_runs_the_latest_finished_one_counts(tmp_path: Path) -> None:
    for name, day, error in (("a", "01", None), ("b", "02", None), ("c", "03", "it broke")):
        record = make_record(cell_id="same", error=error, finished=f"2026-01-{day}T00:00:00Z")
        write_record(tmp_path / name / "cells" / "same", record)
    reading = read_results([tmp_path])
    assert [result.folder.parts[-3] for result in reading.results] == ["b"]
    assert reading.notes[0].startswith("cell same is in 3 folders")
