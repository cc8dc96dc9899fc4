"""`duetbench runs`: what is listed, shown, compared and removed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from record_making import WITHOUT_LLM, make_record, record_values
from run_making import add_cell, make_run

from duetbench.cli import main
from duetbench.records import Record, from_json, write_record

Call = Callable[..., Result]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the runs `one` and `two`, which differ in an option, a result and a cell."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        folder = make_run(tmp_path / "runs" / name, "missing")
        options = {"duet": {"joint": "cross" if name == "two" else "paired"}}
        values = [5.0, 4.5, 3.0, 1.5, 5.0, 2.5 if name == "one" else 3.5]
        add_cell(folder, "duet", values, cell={"options": options})
        add_cell(folder, "bias", cell=WITHOUT_LLM | {"scorer": "bias", "options": {}})
    write_record(
        tmp_path / "runs" / "two" / "cells" / "c", make_record(cell_id="c", cell={"seed": 1}, error="it broke")
    )
    return tmp_path / "runs"


def _call(*arguments: str | Path, **kwargs: str) -> Result:
    return CliRunner().invoke(main, ["runs", *map(str, arguments)], **kwargs)  # type: ignore[arg-type]


def test_ls_prints_a_line_for_each_run(runs: Path) -> None:
    result = _call("ls")
    assert result.exit_code == 0
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[:4] for row in rows] == [["one", "3", "2", "0"], ["two", "4", "2", "1"]]
    assert rows[0][5:8] == ["duet", "toy", "2026-01-31 10:00:03"]


def test_ls_of_an_empty_folder_says_so(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = _call("ls", "empty")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no runs in empty\n")


def test_ls_of_no_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = _call("ls")
    assert result.exit_code == 1
    assert result.stderr.startswith("duetbench: there is no folder runs: `duetbench run` writes it")


def test_ls_imports_nothing_heavy(runs: Path) -> None:
    code = "import sys\nfrom click.testing import CliRunner\nfrom duetbench.cli import main\n"
    code += "assert CliRunner().invoke(main, ['runs', 'ls']).exit_code == 0\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "transformers", "numpy", "polars", "scipy", "jsonschema", "yaml", "pluggy", "duetbench.plugins"}
    assert not heavy & set(done.stdout.split())


def test_show_names_what_cells_share_once_and_why_one_failed(runs: Path) -> None:
    result = _call("show", "two")
    assert result.exit_code == 0
    first, shared, *_ = result.stdout.splitlines()
    assert re.match(r"runs/two: 2 done, 1 failed, 1 to do; finished 2026-01-31 10:00:03 UTC; \d+ kB", first)
    assert "dataset toy, model toy-lm" in shared
    assert "failed c: it broke" in result.stdout
    assert re.search(r"duet +rating_expectation +0 +done +0\.4167 +3\.0", result.stdout)


def test_show_marks_data_that_is_not_safe_against_leakage(runs: Path) -> None:
    values = record_values(cell_id="late")
    values["dataset"] |= {"temporal_leakage": ["no times"]}
    write_record(runs / "one" / "cells" / "late", from_json(Record, values))
    stdout = _call("show", "one").stdout
    assert stdout.count("warning: not safe against leakage from the future: no times\n") == 1


def test_show_of_an_unknown_run_is_one_line(runs: Path) -> None:
    result = _call("show", "tow")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "no run named 'tow'; did you mean 'two'?" in result.stderr


def test_diff_prints_settings_results_and_cells_of_one_run_only(runs: Path) -> None:
    result = _call("diff", "one", "two")
    assert result.exit_code == 0
    assert re.search(r"duet\.joint +paired +cross +1", result.stdout)
    assert re.search(r"seed 0 +mae +0\.2500 +0\.4167 +\+0\.1667", result.stdout)
    assert "1 of 2 cells in both runs have the same results" in result.stdout
    assert "only in runs/two: 1 cell\n  duet · toy · test · toy-lm · rating_expectation · seed 1" in result.stdout


def test_diff_of_a_run_with_itself_is_none(runs: Path) -> None:
    assert _call("diff", "one", "one").stdout == "no difference: 2 cells with the same settings and results\n"


def test_diff_subtracts_no_results_of_other_pairs(runs: Path) -> None:
    other = make_run(runs / "other")
    add_cell(other, "duet", truths=(5, 4, 3, 1, 5, 3), cell={"options": {"duet": {"joint": "paired"}}})
    result = _call("diff", "one", "other")
    assert re.search(r"mae +0\.2500 +0\.2500 +–", result.stdout)
    assert "the cells predict other pairs" in result.stdout


def test_rm_asks_and_keeps_the_run_unless_told_otherwise(runs: Path) -> None:
    result = _call("rm", "one", input="n\n")
    assert result.exit_code == 0
    assert "Remove runs/one (2 finished cells, 0 trainings," in result.stderr
    assert "runs/one is kept" in result.stderr
    assert (runs / "one" / "plan.json").is_file()


def test_rm_removes_what_is_confirmed_or_not_asked_for(runs: Path) -> None:
    assert _call("rm", "one", input="y\n").stdout == "removed runs/one\n"
    assert _call("rm", "two", "--yes").stdout == "removed runs/two\n"
    assert list(runs.iterdir()) == []


def test_rm_without_an_answer_removes_nothing(runs: Path) -> None:
    result = _call("rm", "one", input="")
    assert result.exit_code == 2
    assert "no answer: nothing is removed; --yes removes without asking" in result.stderr
    assert (runs / "one" / "plan.json").is_file()


def test_rm_refuses_a_folder_that_is_no_run(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    for name in ("precious", "runs"):
        result = _call("rm", "--yes", name)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert f"{name} is no folder of a run" in result.stderr
    assert (runs / "one" / "plan.json").is_file()


def test_rm_removes_nothing_if_one_of_the_names_is_unknown(runs: Path) -> None:
    assert _call("rm", "--yes", "one", "nowhere").exit_code == 1
    assert (runs / "one" / "plan.json").is_file()


def test_rm_of_a_name_twice_removes_it_once(runs: Path) -> None:
    assert _call("rm", "--yes", "one", "runs/one").stdout == "removed runs/one\n"


def test_rm_of_the_current_folder_removes_it(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs / "one")
    assert _call("rm", "--yes", ".").exit_code == 0
    assert not (runs / "one").exists()


def test_rm_keeps_files_that_no_run_has_written(runs: Path) -> None:
    (runs / "one" / "notes.md").write_text("mine")
    assert _call("rm", "--yes", "one").stdout == "removed runs/one; kept, since no run has written it: notes.md\n"
    assert (runs / "one" / "notes.md").read_text() == "mine"
