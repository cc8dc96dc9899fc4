"""The discrete reward that the paper compares against: correct or not."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.interfaces import Reward
from duetbench.types import Rollout


class Exact(Reward):
    """1 if the label nearest to the prediction, rounded half up, is that of the rating, else 0."""

    name = "exact"
    summary = "1 if the rounded prediction equals the rating, else 0"
    source = "DUET, section 3.4 (the discrete alternative)"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """0 or 1 per rollout; None without a prediction."""
        return [_reward(rollout) for rollout in rollouts]


def _reward(rollout: Rollout) -> float | None:
    value, domain = rollout.prediction.value, rollout.example.request.domain
    return None if value is None else float(domain.nearest(value) == domain.nearest(rollout.example.rating))
