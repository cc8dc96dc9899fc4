"""Trainings in which the reward is hacked, and trainings in which it is not, with a scorer outside the loop."""

from __future__ import annotations

import json

import pytest
from grpo_runs import grpo, lines
from hacking_runs import N_LONG, ROUNDS, SEEDS, AlsoVowels, Consonants, changes, train
from tiny_world import RecordedProgress, examples, job

from duetbench.errors import TrainingError
from duetbench.training.report.show import read_training, render_training


def test_a_hacked_reward_raises_the_alarm_everywhere(tiny_ref, tmp_path):
    result = train(tiny_ref, tmp_path)
    evaluations = lines(tmp_path / "evaluations.jsonl")
    assert evaluations[-1]["mae"] < evaluations[0]["mae"]
    assert evaluations[-1]["held_out_mae"] > evaluations[0]["held_out_mae"]
    assert result["alarm"].startswith("reward hacking: the training reward rose from")
    assert json.loads((tmp_path / "settings.json").read_text())["alarm"] == result["alarm"]
    assert "**Warning**: reward hacking" in (tmp_path / "best" / "README.md").read_text()
    shown = [str(part) for part in render_training(read_training(tmp_path), rows=0)]
    assert any(line.startswith("warning: update ") and result["alarm"] in line for line in shown)


def test_stop_on_alarm_ends_the_training(tiny_ref, tmp_path):
    scorers = {"monitor_scorer": Consonants(), "stop_on_alarm": True}
    grpo(**ROUNDS).fit(job(tiny_ref, tmp_path, valid=examples("valid", 48), **scorers))
    assert json.loads((tmp_path / "result.json").read_text())["steps"] == 18


def test_a_scorer_that_agrees_raises_no_alarm(tiny_ref, tmp_path):
    progress = RecordedProgress()
    assert train(tiny_ref, tmp_path, monitor_scorer=AlsoVowels(), progress=progress)["alarm"] is None


def test_a_scorer_outside_the_loop_without_validation_rows_is_an_error(tiny_ref, tmp_path):
    with pytest.raises(TrainingError, match=r"training\.monitor_scorer has no effect without validation rows"):
        train(tiny_ref, tmp_path, valid=[])


def test_patience_without_validation_rows_is_an_error(tiny_ref, tmp_path):
    with pytest.raises(TrainingError, match=r"grpo\.patience has no effect without validation rows"):
        grpo(patience=3).fit(job(tiny_ref, tmp_path, valid=[]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS["hacked"])
def test_5_of_5_hacked_trainings_raise_it(tiny_ref, tmp_path, seed):
    assert train(tiny_ref, tmp_path, rounds=N_LONG, **changes("hacked", seed))["alarm"] is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "seed"), [(kind, seed) for kind in ("learns", "random_reward") for seed in SEEDS[kind][:5]]
)
def test_0_of_10_other_trainings_raise_it(tiny_ref, tmp_path, kind, seed):
    assert train(tiny_ref, tmp_path, rounds=N_LONG, **changes(kind, seed))["alarm"] is None
