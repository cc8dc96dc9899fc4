"""Catches profiles that write the rating itself: the scorer would only have to copy it."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.evaluation.leakage import writes_rating
from duetbench.interfaces import Reward
from duetbench.rewards.authored_profiles import own_profiles
from duetbench.types import Rollout


class NumericLeak(Reward):
    """-1 times the share of the completion's own profiles in which a rating stands as a number."""

    name = "numeric_leak"
    summary = "a penalty for profiles that write a rating as a number"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """In [-1, 0]; None where the completion holds no profile."""
        return [_reward(rollout) for rollout in rollouts]


def _reward(rollout: Rollout) -> float | None:
    leaks = [writes_rating(profile.text) for profile in own_profiles(rollout)]
    return 0.0 - sum(leaks) / len(leaks) if leaks else None
