"""A cell without any readable prediction is a failed cell, and the first reason is printed with what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from grid_making import PLUGIN

from duetbench.cli import main
from duetbench.leaderboard import collect
from duetbench.progress import Progress
from duetbench.records import Record, read_record
from duetbench.runner import Plan, RunOutcome, run

Planned = Callable[..., Plan]
Ran = Callable[..., RunOutcome]

PICKY: dict[str, Any] = {"strategies": ("picky",), "baselines": False}


class Lines(Progress):
    """Keeps the printed lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def print_line(self, text: str) -> None:
        self.lines.append(text)


def _record(outcome: RunOutcome) -> tuple[Record, Path]:
    (path,) = outcome.folder.glob("cells/*/record.json")
    return read_record(path.parent), path.parent


def _reason(outcome: RunOutcome) -> str:
    ((_, reason),) = outcome.failures
    return reason


def test_a_cell_in_which_nothing_succeeded_has_failed(ran: Ran) -> None:
    outcome = ran(limit=4, **PICKY)
    assert outcome.count("failed") == 1
    record, _ = _record(outcome)
    assert record.status == "failed"
    assert record.error is not None
    assert record.error.type == "NoPredictions"
    assert record.error.message == _reason(outcome)
    assert record.metrics is None


def test_its_completions_and_costs_are_kept(ran: Ran) -> None:
    record, folder = _record(ran(limit=4, **PICKY))
    assert sorted(record.files) == ["answers.jsonl", "predictions.parquet", "profiles.parquet", "prompts.parquet"]
    assert pl.read_parquet(folder / "predictions.parquet")["status"].to_list() == ["unreadable"] * 4
    assert record.profiles is not None
    assert record.profiles.statuses.unreadable == record.profiles.asked > 0


def test_it_is_computed_again_by_the_next_run(ran: Ran) -> None:
    ran(limit=4, **PICKY)
    again = ran(limit=4, **PICKY)
    assert (again.count("failed"), again.count("found")) == (1, 0)


def test_some_readable_predictions_are_a_result(ran: Ran) -> None:
    outcome = ran("picky.readable=6", **PICKY)
    record, _ = _record(outcome)
    assert outcome.count("done") == 1
    assert record.metrics is not None
    assert record.metrics.coverage is not None
    assert 0 < record.metrics.coverage < 0.98
    assert record.first_failure is not None


def test_full_coverage_has_no_reason(ran: Ran) -> None:
    record, _ = _record(ran("picky.readable=12", limit=4, **PICKY))
    assert record.first_failure is None


@pytest.mark.parametrize(("readable", "is_said"), [(6, True), (12, False)])
def test_the_result_line_below_the_stated_coverage_has_the_first_reason(
    planned: Planned, tmp_path: Path, readable: int, is_said: bool
) -> None:
    progress = Lines()
    run(planned(f"picky.readable={readable}", **PICKY), tmp_path / "out", progress=progress)
    (line,) = progress.lines
    assert ("; first of the others: the profile has an unexpected format ('" in line) is is_said


@pytest.mark.parametrize(
    ("settings", "changes", "reason"),
    [
        (
            ["logging.answer=Four stars"],
            {"scorers": ("rating_text",)},
            "the rating has an unexpected format ('Four stars'); choose another model with --model, or guide it with "
            "--set rating_text.answer=prefill",
        ),
        (
            ["logging.answer=Four stars", "rating_text.answer=prefill"],
            {"scorers": ("rating_text",)},
            "the rating has an unexpected format ('Four stars'); choose another model with --model; answers.jsonl in "
            "the cell's folder has every completion",
        ),
        (
            ["logging.rejects=true"],
            {},
            "the rating failed (the server answered 400: no); remove the cause and repeat the command",
        ),
        (
            ["logging.rejects=true"],
            {"strategies": ("duet",)},
            "the profile failed (the server answered 400: no); remove the cause and repeat the command",
        ),
        (
            ["duet.max_tokens=3"],
            {"strategies": ("duet",)},
            "; raise it with --set duet.max_tokens=N, or choose another model with --model",
        ),
    ],
)
def test_the_reason_says_what_to_do(ran: Ran, settings: list[str], changes: dict[str, Any], reason: str) -> None:
    text = _reason(ran(*settings, limit=3, baselines=False, **changes))
    assert text.startswith("0 of 3 predictions readable: ")
    assert text.endswith(reason)


def test_a_plugin_that_ends_the_process_fails_its_cell_alone(ran: Ran) -> None:
    outcome = ran(strategies=("leaving", "10h"), limit=3, baselines=False)
    assert (outcome.count("failed"), outcome.count("done")) == (1, 1)
    assert _reason(outcome).startswith("SystemExit: no GPU (traceback in ")


def test_the_command_ends_with_the_reason_and_exit_code_1(model: str, tmp_path: Path) -> None:
    words = ["--plugins-dir", str(PLUGIN), "run", "--strategy", "picky", "--dataset", "tiny", "--model", model]
    words += ["--engine", "logging", "--limit", "3", "--no-baselines", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("duetbench: FAILED picky")]
    assert "0 of 3 predictions readable: the profile has an unexpected format (" in line
    assert "; choose another model with --model" in line


def test_a_board_below_the_stated_coverage_has_the_first_reason(ran: Ran) -> None:
    outcome = ran("picky.readable=6", **PICKY)
    (row,) = collect([outcome.folder], ()).sections[0].rows
    assert row.reason.startswith("coverage below 0.98; the profile has an unexpected format (")
