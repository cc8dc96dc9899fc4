"""`duetbench bench grpo`: a step by phase, beside plain TRL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from duetbench.bench.grpo import GrpoBenchResult
from duetbench.bench.grpo_work import PhaseTimer, Round
from duetbench.cli import main

SMALL = ["--joint", "cross", "--steps", "3", "--repeats", "1", "--examples", "8"]
FEW = ["--set", "grpo.pairs_per_round=2", "--set", "grpo.num_generations=2", "--set", "grpo.max_completion_length=24"]


def test_a_ledger_adds_up_to_the_whole_step():
    one = Round(total=2.0, generate=0.5, update=0.75, logps=0.125, score=0.25, reward=0.125)
    assert one.rest == 0.25
    assert one.unscored == 1.75


def test_scoring_does_not_count_against_the_bound_and_all_else_does():
    plain = [[Round(1.0, 0.5, 0.5)]]
    kept = GrpoBenchResult([[Round(2.04, 0.5, 0.5, score=1.0, reward=0.04)]], plain)
    assert [line.is_met for line in kept.lines] == [True, True]
    missed = GrpoBenchResult([[Round(2.06, 0.5, 0.5, score=1.0, reward=0.06)]], plain)
    assert [line.is_met for line in missed.lines] == [False, False]


def test_a_round_counts_as_its_fastest_repeat_had_it():
    runs = [[Round(4.0, 1.0, 3.0), Round(2.0, 1.0, 1.0)], [Round(2.0, 1.5, 0.5), Round(9.0, 1.0, 8.0)]]
    found = GrpoBenchResult(runs, runs)
    assert found.seconds("total") == 2.0
    assert found.seconds("generate") == 1.25


def test_a_plain_round_ends_with_its_last_update():
    timer = PhaseTimer(2)
    timer.on_train_begin(None, 0)
    timer.on_rewards([[1, 2], [3]])
    timer.on_log(1, {})
    assert timer.rounds == []
    timer.on_log(2, {})
    (found,) = timer.rounds
    assert found.tokens == 3
    assert found.total == pytest.approx(found.generate + found.update)


def test_the_command_measures_both_sides(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ["bench", "grpo", *SMALL, *FEW, "--folder", str(tmp_path / "scratch"), "--json", str(report)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "read and reward" in result.stdout
    assert list((tmp_path / "scratch").iterdir()) == []
    content = json.loads(report.read_text())
    (ours,), (plain,) = content["rounds"]["ours"], content["rounds"]["plain"]
    assert len(ours) == len(plain) == 2
    assert all(one["score"] > 0 and one["rest"] >= 0 for one in ours)
    assert all(one["update"] > 0 and one["tokens"] > 0 for one in plain)


def test_forms_are_refused(tmp_path: Path) -> None:
    forms = ["--set", "duet.answer=fill", "--folder", str(tmp_path)]
    result = CliRunner().invoke(main, ["bench", "grpo", *SMALL, *FEW, *forms])
    assert result.exit_code == 2
    assert "does not fill response templates" in result.stderr
