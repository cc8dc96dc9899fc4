"""What a policy may write that has found a hole in its reward, and what it earns."""

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


def earned(reward: str, tmp_path: Path) -> dict[str, float | None]:
    report = tmp_path / "report.json"
    result = CliRunner().invoke(main, ["plugin", "check", reward, "--report", str(report)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "what a completion earns on average:" in result.stdout
    return {entry["name"]: entry["value"] for entry in json.loads(report.read_text())["findings"]}


def test_every_kind_is_there_and_speaks_of_several_pairs():
    assert [kind.name for kind in completion_kinds()] == NAMES
    assert all(len(rollouts_of(kind)) >= 4 for kind in completion_kinds())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "empty"])
def test_their_completions_are_read_as_their_profiles(name):
    for rollout in rollouts(name):
        fields = parse_tagged_fields(rollout.completion, ["cue", "constructed_prompt", "profile"], block="user_profile")
        assert fields is not None
        assert rollout.profiles.user is not None
        assert fields["profile"] == rollout.profiles.user.text


def test_constants_are_the_same_for_all_and_honest_profiles_are_not():
    assert len({rollout.completion for rollout in rollouts("constant")}) == 1
    assert len({rollout.completion for rollout in rollouts("honest")}) > 2


def test_the_leaked_rating_is_seen_by_the_leak_s_own_measure():
    texts = [rollout.profiles.user.text for rollout in rollouts("leaked rating") if rollout.profiles.user]
    assert texts
    assert all(map(writes_rating, texts))


def test_a_copy_holds_the_history():
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
def test_the_check_shows_what_each_earns(reward, expected, tmp_path):
    found = earned(reward, tmp_path)
    assert list(found) == NAMES
    assert {name: found[name] for name in expected} == expected


def test_filler_and_constants_earn_less_than_honesty_where_the_prediction_counts(tmp_path):
    for reward in ("fractional", "exact"):
        found = earned(reward, tmp_path)
        assert max(found["format only"] or 0, found["constant"] or 0) < (found["honest"] or 0)
