"""Trainings in which the reward is hacked, and trainings in which it is not, with a scorer outside the loop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from grpo_runs import grpo, lines
from tiny_world import RecordedProgress, Tiny, Vowels, Writing, examples, job

from duetbench.errors import TrainingError
from duetbench.training.report.show import read_training, render_training
from duetbench.types import ModelRef, Prediction, Profile

ROUNDS = {"rounds": 27, "pairs_per_round": 8, "num_generations": 8, "evaluate_every": 9}


class Consonants(Vowels):
    """Predicts the opposite of `Vowels`: what raises the reward by its scorer makes this one worse."""

    name = "consonants"

    def score(self, requests, profiles, engine):
        return [Prediction(6 - prediction.value) for prediction in super().score(requests, profiles, engine)]


class AlsoVowels(Vowels):
    """Predicts nearly the same as `Vowels`."""

    name = "also_vowels"

    def score(self, requests, profiles, engine):
        return [
            Prediction(1 + 0.9 * (prediction.value - 1)) for prediction in super().score(requests, profiles, engine)
        ]


class AlwaysReadable(Writing):
    """Any text is a profile: the policy cannot end in unreadable texts, which no scorer rates."""

    def parse(self, prompt, text):
        return [Profile(side, text) for side in ("user", "item")]


class ReadableTiny(Tiny):
    """Writes any text."""

    def stages(self):
        return (AlwaysReadable(("pair",)),)


def trained(model: ModelRef, folder: Path, **changes: Any) -> dict[str, Any]:
    """The result of a training."""
    values = {"strategy": ReadableTiny(), "valid": examples("valid", 48), "monitor_scorer": Consonants(), **changes}
    grpo(**ROUNDS).fit(job(model, folder, **values))
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def test_a_hacked_reward_raises_the_alarm_everywhere(tiny_ref, tmp_path):
    result = trained(tiny_ref, tmp_path)
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
    assert trained(tiny_ref, tmp_path, monitor_scorer=AlsoVowels(), progress=progress)["alarm"] is None


def test_a_scorer_outside_the_loop_without_validation_rows_is_an_error(tiny_ref, tmp_path):
    with pytest.raises(TrainingError, match=r"training\.monitor_scorer has no effect without validation rows"):
        trained(tiny_ref, tmp_path, valid=[])


def test_patience_without_validation_rows_is_an_error(tiny_ref, tmp_path):
    with pytest.raises(TrainingError, match=r"grpo\.patience has no effect without validation rows"):
        grpo(patience=3).fit(job(tiny_ref, tmp_path, valid=[]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_0_of_5_trainings_that_learn_raise_it(tiny_ref, tmp_path, seed):
    assert trained(tiny_ref, tmp_path, seed=seed, monitor_scorer=AlsoVowels())["alarm"] is None
