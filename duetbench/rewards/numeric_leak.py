"""A penalty for profiles that contain a rating, which the scorer could simply copy."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.evaluation.leakage import writes_rating
from duetbench.interfaces import Reward
from duetbench.rewards.authored_profiles import authored_profiles
from duetbench.types import Rollout


class NumericLeak(Reward):
    """-1 times the share of the completion's profiles that contain a rating as a number."""

    name = "numeric_leak"
    summary = "a penalty for profiles that contain a rating as a number"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """In [-1, 0]; None if the completion has no profile."""
        return [_reward(rollout) for rollout in rollouts]


def _reward(rollout: Rollout) -> float | None:
    leaks = [writes_rating(profile.text) for profile in authored_profiles(rollout)]
    return 0.0 - sum(leaks) / len(leaks) if leaks else None
