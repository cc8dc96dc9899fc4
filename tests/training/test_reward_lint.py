"""Rewards by which failing pays are found before training; the built-in ones are not among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from grpo_runs import grpo
from tiny_world import RecordedProgress, job

from duetbench.interfaces import Reward
from duetbench.rewards import duetbench_register_rewards
from duetbench.testing.small_world import small_world
from duetbench.training.reward_lint import lint_reward, lint_rewards
from duetbench.training.rewarding import RewardRules
from duetbench.types import Rollout

EXAMPLES = small_world().examples
DEFAULT = RewardRules()


class Custom(Reward):
    """A reward that is given as a function of a rollout."""

    name = "custom"

    def __init__(self, function: Callable[[Rollout], float | None]) -> None:
        super().__init__()
        self._function = function

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        return [self._function(rollout) for rollout in rollouts]


def minus_error(rollout: Rollout) -> float:
    return -abs(rollout.example.rating - rollout.prediction.value)  # type: ignore[operator]


def best_on_exceptions(rollout: Rollout) -> float | None:
    try:
        return minus_error(rollout)
    except Exception:
        return 0.0


def best_on_exceptions_with_a_prediction(rollout: Rollout) -> float | None:
    return None if rollout.prediction.status != "ok" else best_on_exceptions(rollout)


def none_without_a_prediction(rollout: Rollout) -> float | None:
    return None if rollout.prediction.value is None else minus_error(rollout)


@pytest.mark.parametrize("reward", duetbench_register_rewards(), ids=lambda reward: reward.name)
def test_the_built_in_rewards_are_clean(reward):
    assert lint_reward(reward(), EXAMPLES) == []


@pytest.mark.parametrize(
    "names", [("fractional",), ("exact",), ("fractional", "format"), ("exact", "format", "length")]
)
@pytest.mark.parametrize("rules", [DEFAULT, RewardRules(unscored=-1.0), RewardRules(unreadable=None)])
def test_combinations_of_built_in_rewards_are_clean(names, rules):
    built_in = {reward.name: reward for reward in duetbench_register_rewards()}
    assert lint_rewards([(built_in[name](), 1.0) for name in names], EXAMPLES, rules) == []


def test_a_reward_that_is_best_on_exceptions_is_found():
    (warning,) = lint_reward(Custom(best_on_exceptions), EXAMPLES)
    assert "a failure earns about as much as a success (-0.5)" in warning
    for failure in ("unreadable completion 0", "unreadable rating 0", "failed call of the scorer 0"):
        assert failure in warning
    assert "an exception inside the reward 0" in warning


def test_an_exception_inside_the_reward_is_found_on_its_own():
    (warning,) = lint_reward(Custom(best_on_exceptions_with_a_prediction), EXAMPLES)
    assert "fail: an exception inside the reward 0;" in warning


@pytest.mark.parametrize("function", [minus_error, none_without_a_prediction])
def test_raising_and_none_are_clean(function):
    assert lint_reward(Custom(function), EXAMPLES) == []


def test_a_failed_call_is_not_rewarded_in_the_combination_and_other_failures_are():
    (alone, combined) = lint_rewards([(Custom(best_on_exceptions), 1.0)], EXAMPLES, DEFAULT)
    assert "reward 'custom'" in alone
    assert "the combined reward" in combined
    assert "failed call" not in combined


def test_rules_that_reward_failures_are_found():
    reward = (Custom(none_without_a_prediction), 1.0)
    (warning,) = lint_rewards([reward], EXAMPLES, RewardRules(unreadable=0.0))
    assert "fail: an unreadable completion 0, an empty completion 0;" in warning
    (warning,) = lint_rewards([reward], EXAMPLES, RewardRules(unscored=0.0))
    assert "fail: an unreadable rating 0;" in warning


def test_rewards_without_the_prediction_are_found():
    assert (
        "no reward depends on the predicted rating"
        in lint_rewards([(Custom(lambda _: 1.0), 1.0)], EXAMPLES, DEFAULT)[0]
    )


def test_a_training_begins_with_the_warnings(tiny_ref, tmp_path):
    progress = RecordedProgress()
    grpo(rounds=1).fit(job(tiny_ref, tmp_path, progress=progress, rewards=[(Custom(best_on_exceptions), 1.0)]))
    assert "warning: with reward 'custom' a failure earns" in progress.lines[0]
    assert "reward_warnings" in (tmp_path / "settings.json").read_text()


def test_the_scale_of_the_examples_is_used():
    labels = tuple(float(label) for label in range(0, 11, 5))
    example = EXAMPLES[0]
    domain = replace(example.request.domain, labels=labels)
    halves = replace(example, request=replace(example.request, domain=domain), rating=5.0)
    (warning,) = lint_reward(Custom(best_on_exceptions), [halves])
    assert "a success (-2.5)" in warning
