"""A reward for predicting whether the rating is above or below the user's average."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Reward
from duetbench.types import Rollout


class DirectionalAccuracy(Reward):
    """1 if prediction and true rating are on the same side of the user's average, else 0.

    None for users without a history, and for a true rating that equals the average.
    """

    name = "directional_accuracy"
    summary = "1 if the prediction is on the true rating's side of the user's average, else 0"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """0, 1 or None per rollout; 0 without a prediction."""
        return [_reward(rollout) for rollout in rollouts]


def _reward(rollout: Rollout) -> float | None:
    average = rollout.example.request.user_average
    if average is None or rollout.example.rating == average:
        return None
    value = rollout.prediction.value
    if value is None:
        return 0.0
    return float((value - average) * (rollout.example.rating - average) > 0)


@hookimpl
def duetbench_register_rewards() -> list[type[Reward]]:
    return [DirectionalAccuracy]
