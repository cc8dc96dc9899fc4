"""Degenerate completions, and the rewards that they get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from duetbench.cli import main
from duetbench.evaluation.leakage import writes_rating
from duetbench.parsing import parse_tagged_fields
from duetbench.testing.degenerate_completions import completion_kinds, rollouts_of
from duetbench.types import Rollout

NAMES = ["honest", "format only", "constant", "copied history", "empty", "leaked rating"]


def rollouts(name: str) -> list[Rollout]:
    return rollouts_of(next(kind for kind in completion_kinds() if kind.name == name))


def mean_rewards(reward: str, tmp_path: Path) -> dict[str, float | None]:
    report = tmp_path / "report.json"
    result = CliRunner().invoke(main, ["plugin", "check", reward, "--report", str(report)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "mean reward per kind of completion:" in result.stdout
    return {entry["name"]: entry["value"] for entry in json.loads(report.read_text())["findings"]}


def test_every_kind_has_several_rollouts():
    assert [kind.name for kind in completion_kinds()] == NAMES
    assert all(len(rollouts_of(kind)) >= 4 for kind in completion_kinds())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "empty"])
def test_completions_are_parsed_into_their_profiles(name):
    for rollout in rollouts(name):
        fields = parse_tagged_fields(rollout.completion, ["cue", "constructed_prompt", "profile"], block="user_profile")
        assert fields is not None
        assert rollout.profiles.user is not None
        assert fields["profile"] == rollout.profiles.user.text


def test_constant_completions_are_equal_and_honest_ones_differ():
    assert len({rollout.completion for rollout in rollouts("constant")}) == 1
    assert len({rollout.completion for rollout in rollouts("honest")}) > 2


def test_leaked_rating_is_detected():
    texts = [rollout.profiles.user.text for rollout in rollouts("leaked rating") if rollout.profiles.user]
    assert texts
    assert all(map(writes_rating, texts))


def test_copied_history_contains_every_review():
    for rollout in rollouts("copied history"):
        assert all(line.review in rollout.completion for line in rollout.example.request.user_history)


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        ("fractional", {"honest": 1.0, "copied history": 1.0, "leaked rating": 1.0, "empty": None}),
        ("format", {"honest": 0.0, "format only": 0.0, "empty": -1.0}),
        ("numeric_leak", {"honest": 0.0, "leaked rating": -0.5, "empty": None}),
    ],
)
def test_check_prints_the_mean_reward_of_each_kind(reward, expected, tmp_path):
    means = mean_rewards(reward, tmp_path)
    assert list(means) == NAMES
    assert {name: means[name] for name in expected} == expected


def test_filler_and_constants_earn_less_than_honest_completions(tmp_path):
    for reward in ("fractional", "exact"):
        means = mean_rewards(reward, tmp_path)
        assert max(means["format only"] or 0, means["constant"] or 0) < (means["honest"] or 0)
