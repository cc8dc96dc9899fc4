"""The report on a training, read from its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from duetbench.cli import main
from duetbench.errors import TrainingError
from duetbench.training.report.curves import sparkline
from duetbench.training.report.show import find_trainings, read_training
from duetbench.training.training_folder import JsonLinesLog, TrainingFolder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with one training of two evaluations, between which one profile changed."""
    folder = TrainingFolder(tmp_path / "trainings" / "one")
    folder.claim({"trainer": "grpo", "strategy": {"name": "duet"}})
    for step, text in ((0, "Listens now and then."), (25, "Likes jazz.")):
        profiles = {"user": {"text": text, "notes": {}}}
        row = {"request_id": "valid:7", "rating": 4.0, "value": 3.5, "failed": None, "profiles": profiles}
        JsonLinesLog(folder.path / "profiles.jsonl").append({"step": step, "rows": [row]})
        JsonLinesLog(folder.path / "evaluations.jsonl").append({"step": step, "mae": 1.0 - step / 100, "readable": 1.0})
    return tmp_path


def test_the_trainings_of_a_run_are_found(run):
    assert find_trainings(run) == [run / "trainings" / "one"]
    assert find_trainings(run / "trainings" / "one") == [run / "trainings" / "one"]


def test_training_stages_are_listed_in_the_order_in_which_they_began(run):
    for started, name in enumerate(("summarizer", "reward", "reasoner")):
        folder = TrainingFolder(run / "trainings" / "two" / name)
        folder.claim({"trainer": "sft", "strategy": {"name": "r4rec"}})
        os.utime(folder.path / "job.json", (started, started))
    stages = [run / "trainings" / "two" / name for name in ("summarizer", "reward", "reasoner")]
    assert find_trainings(run) == [run / "trainings" / "one", *stages]
    assert find_trainings(run / "trainings" / "two") == stages
    shown = CliRunner().invoke(main, ["train", "show", str(run)])
    assert shown.output.count("sft of r4rec") == 3


def test_curves_are_shown_with_their_first_and_last_values(run):
    for step in range(1, 41):
        JsonLinesLog(run / "trainings" / "one" / "curve.jsonl").append({"step": step, "reward": step / 100, "kl": None})
    shown = CliRunner().invoke(main, ["train", "show", str(run)])
    (line,) = [line for line in shown.output.splitlines() if "Reward" in line]
    assert "0.025" in line  # the mean of 0.01 to 0.04
    assert "0.385" in line
    assert "▁" in line
    assert "█" in line
    assert "KL" not in shown.output


def test_the_best_evaluation_is_marked(run):
    TrainingFolder(run / "trainings" / "one").finish({"steps": 25, "best_step": 25, "tokens": 1, "seconds": 1.0})
    shown = CliRunner().invoke(main, ["train", "show", str(run), "--rows", "0"])
    assert ["0.7500" in line for line in shown.output.splitlines() if "best │" in line] == [True]


@pytest.mark.parametrize(
    ("values", "drawn"), [([], ""), ([1.0], "▁"), ([2.0, 2.0], "▁▁"), ([0.0, 7.0], "▁█"), ([1.0, 3.0, 0.0, 0.0], "█▁")]
)
def test_a_sparkline_goes_from_the_lowest_to_the_highest_value(values, drawn):
    assert sparkline(values, width=2) == drawn


def test_a_run_without_a_training_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match="contains no training"):
        find_trainings(tmp_path)


def test_a_training_that_has_not_ended_has_no_result(run):
    assert read_training(run / "trainings" / "one").result is None


def test_the_command_shows_evaluations_and_how_profiles_changed(run):
    shown = CliRunner().invoke(main, ["train", "show", str(run)])
    assert shown.exit_code == 0
    for text in ("grpo of duet", "not finished", "0.7500", "Listens now and then.", "Likes jazz.", "valid:7"):
        assert text in shown.output


def test_the_outcome_is_at_the_top(run):
    folder = TrainingFolder(run / "trainings" / "one")
    folder.finish({"steps": 25, "best_step": 25, "tokens": 1000, "seconds": 12.3})
    shown = CliRunner().invoke(main, ["train", "show", str(run), "--rows", "0"])
    assert "25 updates (best after 25), 1000 tokens sampled, 12 s" in shown.output
    assert "Likes jazz." not in shown.output
