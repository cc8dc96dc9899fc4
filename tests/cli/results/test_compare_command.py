from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from record_making import WITHOUT_LLM, make_cell

from duetbench.cli import main

TRUTHS = [5, 4, 3, 1, 5, 2] * 4


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs with a row each, on the same pairs."""
    first, second = tmp_path / "first", tmp_path / "second"
    make_cell(first, "duet", TRUTHS, [truth + 0.1 * (row % 3) for row, truth in enumerate(TRUTHS)])
    free = WITHOUT_LLM | {"scorer": "global_mean", "options": {}}
    make_cell(second, "gm", TRUTHS, [3.0] * len(TRUTHS), cell=free, usage=None)
    return first, second


def _compare(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def test_two_runs_are_compared_with_a_sentence(runs: tuple[Path, Path]) -> None:
    result = _compare(*runs)
    assert result.exit_code == 0, result.stderr
    assert "has a lower MAE than global_mean" in result.stdout
    assert "on 24 shared interactions of 12 users" in result.stdout


def test_json_has_a_sentence_for_every_metric(runs: tuple[Path, Path], tmp_path: Path) -> None:
    assert _compare(*runs, "--json", tmp_path / "all.json").exit_code == 0
    (pair,) = json.loads((tmp_path / "all.json").read_text())["pairs"]
    assert [metric["metric"] for metric in pair["metrics"]] == ["mae", "rmse", "accuracy", "f1", "f1_weighted"]
    assert all(metric["sentence"] for metric in pair["metrics"])


def test_a_single_row_is_an_error_of_one_line(runs: tuple[Path, Path]) -> None:
    result = _compare(runs[0])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_an_unknown_convention_lists_the_known_ones(runs: tuple[Path, Path]) -> None:
    result = _compare(*runs, "--convention", "dute")
    assert (result.exit_code, "did you mean 'duet'" in result.stderr) == (1, True)
