"""`duetbench bench grpo`: the time of a step by phase, compared with plain TRL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from duetbench.bench.grpo import GrpoBenchResult
from duetbench.bench.grpo_runs import PhaseTimer, Round
from duetbench.cli import main

SMALL = ["--joint", "cross", "--steps", "3", "--repeats", "1", "--examples", "8"]
FEW = ["--set", "grpo.pairs_per_round=2", "--set", "grpo.num_generations=2", "--set", "grpo.max_completion_length=24"]


def test_phases_add_up_to_the_total():
    measured = Round(total=2.0, generate=0.5, update=0.75, logps=0.125, score=0.25, reward=0.125)
    assert measured.rest == 0.25
    assert measured.unscored == 1.75


def test_scoring_does_not_count_towards_the_bound():
    plain = [[Round(1.0, 0.5, 0.5)]]
    kept = GrpoBenchResult([[Round(2.04, 0.5, 0.5, score=1.0, reward=0.04)]], plain)
    assert [result.is_met for result in kept.results] == [True, True, False]
    missed = GrpoBenchResult([[Round(2.06, 0.5, 0.5, score=1.0, reward=0.06)]], plain)
    assert [result.is_met for result in missed.results] == [False, False, False]


def test_updates_are_compared_with_those_of_plain_trl():
    result = GrpoBenchResult([[Round(1.0, 0.5, 0.2)]], [[Round(1.0, 0.5, 0.5)]]).results[-1]
    assert result.value == pytest.approx(0.4)
    assert result.is_met


def test_fastest_repeat_of_a_round_counts():
    runs = [[Round(4.0, 1.0, 3.0), Round(2.0, 1.0, 1.0)], [Round(2.0, 1.5, 0.5), Round(9.0, 1.0, 8.0)]]
    result = GrpoBenchResult(runs, runs)
    assert result.seconds("total") == 2.0
    assert result.seconds("generate") == 1.25


def test_a_plain_round_ends_with_its_last_update():
    timer = PhaseTimer(2)
    timer.on_train_begin(None, 0)
    timer.on_rewards([[1, 2], [3]])
    timer.on_log(1, {})
    assert timer.rounds == []
    timer.on_log(2, {})
    (measured,) = timer.rounds
    assert measured.tokens == 3
    assert measured.total == pytest.approx(measured.generate + measured.update)


def test_command_measures_duetbench_and_plain_trl(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ["bench", "grpo", *SMALL, *FEW, "--folder", str(tmp_path / "scratch"), "--json", str(report)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "parse and reward" in result.stdout
    assert list((tmp_path / "scratch").iterdir()) == []
    content = json.loads(report.read_text())
    (ours,), (plain,) = content["rounds"]["ours"], content["rounds"]["plain"]
    assert len(ours) == len(plain) == 2
    assert all(measured["score"] > 0 and measured["rest"] >= 0 for measured in ours)
    assert all(measured["update"] > 0 and measured["tokens"] > 0 for measured in plain)


def test_response_templates_are_an_error(tmp_path: Path) -> None:
    fill = ["--set", "duet.answer=fill", "--folder", str(tmp_path)]
    result = CliRunner().invoke(main, ["bench", "grpo", *SMALL, *FEW, *fill])
    assert result.exit_code == 2
    assert "does not fill response templates" in result.stderr
