from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duetbench.cli import main

CSV = "dataset,method,mae,rmse,accuracy\nd,[bold]a[/bold],0.7500,1.1180,50.00\nd,b,0.9000,0.8000,50.00\n"


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit", "table", *arguments])


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.csv"
    path.write_text(CSV)
    return str(path)


def test_a_shipped_table_is_audited_by_its_name() -> None:
    result = _run("duet-table3")
    assert result.exit_code == 0
    assert "feasible rows of 9: integer_exact 9, integer_failures_as_0 9" in result.stdout


def test_an_impossible_row_is_not_a_failure_of_the_command(small: str) -> None:
    result = _run(small)
    assert result.exit_code == 0
    assert "feasible rows of 2: integer_exact 1" in result.stdout


def test_markup_in_names_is_printed_as_it_is(small: str) -> None:
    assert "[bold]a[/bold] " in _run(small).stdout


def test_json_holds_every_result(small: str, tmp_path: Path) -> None:
    assert _run(small, "--json", str(tmp_path / "out.json")).exit_code == 0
    body = json.loads((tmp_path / "out.json").read_text())
    assert [row["shares"]["integer_exact"] for row in body["rows"]] == [
        {"low": 0.0, "high": 0.0, "is_decided": True},
        None,
    ]


def test_progress_is_not_on_stdout(small: str) -> None:
    assert "rows ━" not in _run(small).stdout


def test_a_faulty_file_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(CSV.replace("0.7500", "nan"))
    result = _run(str(tmp_path / "t.csv"))
    assert result.exit_code == 1
    assert result.stderr.startswith("duetbench: t.csv does not match")
    assert "rows[0].mae" in result.stderr


def test_n_has_a_column_where_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("dataset,method,mae,rmse,accuracy,n\nd,a,0.7500,1.1180,50.00,4\n")
    assert " n " in _run(str(tmp_path / "t.csv")).stdout


def test_claims_bold_marks_and_sizes_are_printed() -> None:
    output = " ".join(_run("duet-table1").stdout.split())
    assert "average F1 of 60.80% over the datasets (section 4.2) 60.80 59.45 NO" in output
    assert "LLaMA 3 (8B) / Ours / Amazon Music rmse 0.8277 R4Rec 0.7722" in output
    assert "1296: fits 1 of 14 accuracies" in output


def test_a_size_in_every_row_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    path.write_text("dataset,method,mae,rmse,accuracy,n\nd,a,0.7500,1.1180,50.00,8\n")
    assert "8: fits 1 of 1 accuracies" in _run(str(path)).stdout


def test_a_json_file_in_a_missing_folder_is_an_error(small: str, tmp_path: Path) -> None:
    target = tmp_path / "missing" / "x.json"
    result = _run(small, "--json", str(target))
    assert result.exit_code == 1
    assert "no such file or folder" in result.output
    assert not target.parent.exists()
