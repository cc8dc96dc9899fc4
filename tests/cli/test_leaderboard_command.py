from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from record_making import WITHOUT_LLM, make_cell

from duetbench.cli import main
from duetbench.records import Record, from_json, read_record, to_json, write_record


@pytest.fixture
def run(tmp_path: Path) -> Path:
    make_cell(tmp_path, "duet", [5, 4, 3, 1, 5, 2], [5.0, 4.5, 3.0, 2.0, 4.0, 2.0])
    make_cell(
        tmp_path, "gm", [5, 4, 3, 1, 5, 2], [4.2] * 6, cell=WITHOUT_LLM | {"scorer": "global_mean", "options": {}}
    )
    return tmp_path


def _call(*arguments: str | Path) -> Result:
    words: Sequence[str] = ["leaderboard", *map(str, arguments)]
    return CliRunner().invoke(main, words)


def test_show_prints_the_table_on_stdout(run: Path) -> None:
    result = _call("show", run)
    assert result.exit_code == 0
    assert "global_mean" in result.stdout
    assert "duet" in result.stdout


def test_export_writes_markdown_by_default(run: Path) -> None:
    assert _call("export", run).stdout.startswith("### toy · test · 6 pairs of 3 users · model toy-lm")


def test_export_writes_csv_and_json(run: Path) -> None:
    assert _call("export", "--format", "csv", run).stdout.startswith("dataset,split,")
    assert json.loads(_call("export", "--format", "json", run).stdout)["format"] == 2


def test_export_writes_a_file(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "board.md"
    assert _call("export", "--output", path, run).stdout == ""
    assert path.read_text().startswith("### toy")


def test_check_passes_untouched_runs_and_says_so_on_stderr(run: Path) -> None:
    result = _call("export", "--check", run)
    assert result.exit_code == 0
    assert result.stderr.startswith("checked: 2 finished cells agree with their predictions")
    assert "not checked, since they are of earlier versions: 0 records without a digest, 2 without" in " ".join(
        result.stderr.split()
    )


def test_check_refuses_a_changed_record(run: Path) -> None:
    record = read_record(run / "cells" / "duet")
    assert record.metrics is not None
    write_record(run / "cells" / "duet", replace(record, metrics=replace(record.metrics, coverage=0.5)))
    result = _call("export", "--check", run)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the check failed" in result.stderr


def test_a_broken_record_is_exit_1_after_the_rest(run: Path) -> None:
    make_cell(run, "bad", [5], [5.0])
    (run / "cells" / "bad" / "record.json").write_text("[1]")
    result = _call("show", run)
    assert result.exit_code == 1
    assert "global_mean" in result.stdout
    assert "1 of the records could not be read" in result.stderr


def test_a_folder_without_results_is_one_line(tmp_path: Path) -> None:
    result = _call("show", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "no results in" in result.stderr


def test_no_folder_is_a_usage_error() -> None:
    assert _call("show").exit_code == 2


def test_rows_can_be_sorted_by_a_metric(run: Path) -> None:
    lines = _call("export", "--sort", "rmse", run).stdout.splitlines()
    assert [line.split("|")[2].strip() for line in lines if line.startswith(("| 1", "| 2"))] == ["duet", "global_mean"]
    assert any("rows are in the order of RMSE; ranks are those of MAE" in line for line in lines)


def test_an_unknown_metric_to_sort_by_is_one_line(run: Path) -> None:
    result = _call("show", "--sort", "rmsd", run)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "no metric named 'rmsd'; did you mean 'rmse'?" in result.stderr


def test_an_unknown_format_names_the_known_ones(run: Path) -> None:
    result = _call("export", "--format", "xml", run)
    assert result.exit_code == 2
    assert "'xml' is not one of csv, html, json, md" in result.stderr
    assert "[csv|html|json|md]" in _call("export", "--help").stdout


def test_check_names_what_it_could_not_check(run: Path) -> None:
    record = to_json(read_record(run / "cells" / "duet"))
    for values in record["metrics"]["over"].values():
        values["gone"] = {"raw": 1.0}
    write_record(run / "cells" / "duet", from_json(Record, record))
    result = _call("export", "--check", run)
    assert result.exit_code == 0
    assert "not checked, since they are not registered: gone" in result.stderr
    assert "| gone |" in result.stdout
