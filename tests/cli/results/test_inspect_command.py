from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from log_making import add_logs
from record_making import make_cell


@pytest.fixture
def folder(work: Path) -> Path:
    folder = make_cell(work / "run", "cell", [5, 4, 3], [4.5, 1.0, None])
    add_logs(folder)
    return folder


def test_a_pair_is_shown_from_the_prompt_to_the_rating(cli: Callable[..., Result], folder: Path) -> None:
    result = cli("inspect", str(folder), "--pair", "test:0")
    assert result.exit_code == 0, result.output
    for text in (
        "5 stars: great funk rock.",
        "user profile",
        "shared phrases funk rock",
        "true rating 5, predicted 4.50",
    ):
        assert text in result.stdout


def test_pairs_are_written_as_a_page(cli: Callable[..., Result], folder: Path, work: Path) -> None:
    result = cli("inspect", str(folder), "--status", "unreadable", "--html", "pairs.html")
    assert "wrote 1 pairs to pairs.html" in result.stderr
    assert "no prediction: the rating is unreadable" in (work / "pairs.html").read_text(encoding="utf-8")


def test_ways_to_choose_exclude_each_other(cli: Callable[..., Result], folder: Path) -> None:
    assert cli("inspect", str(folder), "--worst", "2", "--pair", "test:0").exit_code != 0


def test_a_report_is_written_into_the_folder_of_the_run(cli: Callable[..., Result], folder: Path, work: Path) -> None:
    (work / "run" / "plan.json").write_text('{"cells": []}', encoding="utf-8")
    result = cli("report", "run")
    assert result.exit_code == 0, result.output
    assert (work / "run" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
