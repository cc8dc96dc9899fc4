"""Checks for rewards: what a training could be paid for by mistake."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from duetbench.interfaces import Reward
from duetbench.testing.conformance import Conformance, Observation, require
from duetbench.testing.degenerate_completions import completion_kinds, mean_of, rollouts_of
from duetbench.testing.small_world import right, small_world, some_rollouts, wrong
from duetbench.types import Prediction, Rollout


class RewardConformance(Conformance):
    """Checks for a reward: finite numbers, in order, and nothing to be won by being wrong."""

    def make(self) -> Reward:
        """A fresh instance with the options."""
        reward: Reward = super().make()
        return reward

    def test_one_number_per_rollout(self) -> None:
        """A finite number or None for every rollout, also for empty, endless and unreadable ones."""
        rewards = self.make()(some_rollouts())
        require(len(rewards) == len(some_rollouts()), "not one number per rollout")
        for reward in rewards:
            is_number = isinstance(reward, int | float) and not isinstance(reward, bool) and math.isfinite(reward)
            require(reward is None or is_number, f"{reward!r} is neither a finite number nor None")

    def test_no_rollouts_no_numbers(self) -> None:
        """No rollouts, no numbers."""
        require(list(self.make()([])) == [], "it rewards nobody with something")

    def test_rewards_are_deterministic(self) -> None:
        """The same rollouts get the same rewards, from a used instance and from a fresh one."""
        used = self.make()
        first = used(some_rollouts())
        require(used(some_rollouts()) == first, "a second call gives other numbers")
        require(self.make()(some_rollouts()) == first, "a fresh instance gives other numbers")

    def test_rewards_follow_their_rollouts(self) -> None:
        """Rollouts in another order get the same rewards in that order."""
        forth, back = self.make()(some_rollouts()), self.make()(some_rollouts()[::-1])
        require(list(back)[::-1] == list(forth), "rollouts in reverse order get other rewards")

    def test_being_wrong_never_pays(self) -> None:
        """All else equal, the worst prediction earns no more than the exact one."""
        good = _rollout()
        bad = replace(good, prediction=wrong(good.example))
        require(_at_most(self._pair(bad, good)), "a wrong prediction earns more than the right one")

    def test_being_unreadable_never_pays(self) -> None:
        """A completion that cannot be read earns no more than a readable one with the exact prediction."""
        good = _rollout()
        prediction = Prediction(None, "unreadable", "profile")
        profiles = replace(good.profiles, user=None, item=None, failed="unreadable")
        bad = Rollout(good.example, good.completion, profiles, prediction, readable=False)
        require(_at_most(self._pair(bad, good)), "an unreadable completion earns more than a good one")

    def test_being_degenerate_never_pays(self) -> None:
        """A constant, copied, empty or otherwise degenerate completion earns no more than an honest one."""
        honest, *others = completion_kinds()
        earned = mean_of(self.make()(rollouts_of(honest)))
        values = {kind.name: mean_of(self.make()(rollouts_of(kind))) for kind in others}
        better = [name for name, value in values.items() if not _at_most((value, earned))]
        require(not better, f"{' and '.join(better)} earns more than an honest completion")

    def findings(self) -> list[Observation]:
        """What each kind of completion earns, for people: what pays as much as honesty may be what is learnt."""
        return [
            Observation(kind.name, mean_of(self.make()(rollouts_of(kind))), kind.meaning) for kind in completion_kinds()
        ]

    def _pair(self, bad: Rollout, good: Rollout) -> Sequence[float | None]:
        return self.make()([bad, good])


def _rollout() -> Rollout:
    example = small_world().examples[0]
    return replace(some_rollouts()[0], example=example, prediction=right(example))


def _at_most(rewards: Sequence[float | None]) -> bool:
    bad, good = rewards
    return bad is None or good is None or bad <= good + 1e-9  # means of equal numbers differ by rounding
