"""Checks for rewards: training must not gain from wrong, unreadable or degenerate completions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from duetbench.interfaces import Reward
from duetbench.testing.conformance.base import Conformance, Observation
from duetbench.testing.conformance.checks import require
from duetbench.testing.degenerate_completions import completion_kinds, mean_reward, rollouts_of
from duetbench.testing.small_world import exact_prediction, sample_rollouts, small_world, worst_prediction
from duetbench.training.reward_lint import lint_reward
from duetbench.types import Prediction, Rollout


class RewardConformance(Conformance):
    """Checks for a reward: finite, deterministic, and no higher for worse completions."""

    def make(self) -> Reward:
        """A fresh instance with the options."""
        reward: Reward = super().make()
        return reward

    def test_one_reward_per_rollout(self) -> None:
        """Every rollout gets a finite number or None, also empty, very long and unreadable ones."""
        rewards = self.make()(sample_rollouts())
        expected = len(sample_rollouts())
        require(len(rewards) == expected, f"expected {expected} rewards, got {len(rewards)}")
        for reward in rewards:
            is_number = isinstance(reward, int | float) and not isinstance(reward, bool) and math.isfinite(reward)
            require(reward is None or is_number, f"{reward!r} is neither a finite number nor None")

    def test_no_rollouts_no_rewards(self) -> None:
        """Without rollouts there are no rewards."""
        require(list(self.make()([])) == [], "it returns rewards without rollouts")

    def test_rewards_are_deterministic(self) -> None:
        """The same rollouts get the same rewards on every call and from every instance."""
        used = self.make()
        first = used(sample_rollouts())
        require(used(sample_rollouts()) == first, "a second call gives other rewards")
        require(self.make()(sample_rollouts()) == first, "a new instance gives other rewards")

    def test_rewards_follow_their_rollouts(self) -> None:
        """Rollouts in another order get the same rewards, in that order."""
        forward, backward = self.make()(sample_rollouts()), self.make()(sample_rollouts()[::-1])
        require(list(backward)[::-1] == list(forward), "rollouts in reverse order get other rewards")

    def test_wrong_predictions_earn_no_more(self) -> None:
        """The worst prediction gets no higher reward than the exact one, all else equal."""
        good = _rollout()
        bad = replace(good, prediction=worst_prediction(good.example))
        require(_at_most(self._pair(bad, good)), "a wrong prediction gets a higher reward than the exact one")

    def test_unreadable_completions_earn_no_more(self) -> None:
        """An unreadable completion gets no higher reward than a readable one with the exact prediction."""
        good = _rollout()
        prediction = Prediction(None, "unreadable", "profile")
        profiles = replace(good.profiles, user=None, item=None, failed="unreadable")
        bad = Rollout(good.example, good.completion, profiles, prediction, readable=False)
        require(_at_most(self._pair(bad, good)), "an unreadable completion gets a higher reward than a readable one")

    def test_degenerate_completions_earn_no_more(self) -> None:
        """Degenerate completions (constant, copied, empty, ...) get no higher reward than honest ones."""
        honest, *degenerate = completion_kinds()
        honest_reward = mean_reward(self.make()(rollouts_of(honest)))
        rewards = {kind.name: mean_reward(self.make()(rollouts_of(kind))) for kind in degenerate}
        higher = [name for name, reward in rewards.items() if not _at_most((reward, honest_reward))]
        require(not higher, f"higher reward than for honest completions: {', '.join(higher)}")

    def warnings(self) -> list[str]:
        """Ways in which a failure earns about as much as a success."""
        return lint_reward(self.make(), small_world().examples)

    def observations(self) -> list[Observation]:
        """The mean reward per kind of completion; a policy may learn any kind with the reward of an honest one."""
        rewards = [mean_reward(self.make()(rollouts_of(kind))) for kind in completion_kinds()]
        kinds = zip(completion_kinds(), rewards, strict=True)
        return [Observation(kind.name, reward, kind.meaning) for kind, reward in kinds]

    def _pair(self, bad: Rollout, good: Rollout) -> Sequence[float | None]:
        return self.make()([bad, good])


def _rollout() -> Rollout:
    example = small_world().examples[0]
    return replace(sample_rollouts()[0], example=example, prediction=exact_prediction(example))


def _at_most(rewards: Sequence[float | None]) -> bool:
    worse, better = rewards
    return worse is None or better is None or worse <= better + 1e-9  # means of equal numbers differ by rounding
