"""What is listed of a run, read from damaged files too."""

from __future__ import annotations

from pathlib import Path

import pytest
from record_making import make_record

from duetbench.records import write_record
from duetbench.runs.summary import summarize_run


def test_states_of_cells_are_those_of_their_records_and_of_the_plan(run: Path) -> None:
    summary = summarize_run(run)
    states = {cell.folder: cell.state for cell in summary.cells}
    assert states == {"a": "done", "b": "done", "c": "failed", "missing": "to do"}
    assert [summary.count(state) for state in ("done", "failed", "to do", "damaged")] == [2, 1, 1, 0]


def test_names_come_from_the_record_or_from_the_plan(run: Path) -> None:
    cells = {cell.folder: cell.names for cell in summarize_run(run).cells}
    assert (cells["a"]["strategy"], cells["a"]["scorer"], cells["a"]["seed"]) == ("duet", "rating_expectation", "0")
    assert (cells["missing"]["strategy"], cells["missing"]["trainer"], cells["missing"]["seed"]) == (
        "duet",
        "none",
        "3",
    )
    assert cells["b"]["strategy"] == ""


def test_results_and_reasons_are_those_of_the_record(run: Path) -> None:
    cells = {cell.folder: cell for cell in summarize_run(run).cells}
    assert cells["a"].mae == 0.25  # (0.5 + 0.5 + 0.5) / 6
    assert (cells["a"].seconds, cells["a"].training_seconds) == (3.0, None)
    assert cells["c"].reason == "it broke: mend it"
    assert (cells["missing"].mae, cells["missing"].seconds) == (None, None)


def test_a_control_that_does_not_apply_is_left_out(run: Path) -> None:
    record = make_record(cell_id="d", error="no profiles to shuffle")
    write_record(run / "cells" / "d", record)
    path = run / "cells" / "d" / "record.json"
    path.write_text(path.read_text().replace("EngineError", "NotApplicable"))
    assert {cell.folder: cell.state for cell in summarize_run(run).cells}["d"] == "left out"


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"status": "odd"}', "[" * 100_000])
def test_a_damaged_record_concerns_its_cell_only(run: Path, text: str) -> None:
    (run / "cells" / "a" / "record.json").write_text(text)
    cells = {cell.folder: cell for cell in summarize_run(run).cells}
    assert cells["a"].state == "damaged"
    assert cells["a"].reason.startswith("record.json cannot be read")
    assert cells["a"].names["strategy"] == "duet"  # of the plan
    assert cells["b"].state == "done"


@pytest.mark.parametrize("text", ["", "[1]", '{"cells": [{}]}'])
def test_a_damaged_plan_hides_no_record(run: Path, text: str) -> None:
    (run / "plan.json").write_text(text)
    assert [cell.folder for cell in summarize_run(run).cells] == ["a", "b", "c"]


def test_distinct_names_leave_out_what_a_cell_does_not_have(run: Path) -> None:
    summary = summarize_run(run)
    assert summary.distinct("strategy") == ["duet"]
    assert summary.finished == "2026-01-31T10:00:03Z"
