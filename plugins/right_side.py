"""A reward that asks only whether the user liked the item more or less than usual."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Reward
from duetbench.types import Rollout


class RightSide(Reward):
    """1 if prediction and truth lie on the same side of the user's own average, else 0.

    It does not apply (None) to a user without history, or to a rating that is exactly the average.
    """

    name = "right_side"
    summary = "1 if the prediction is on the right side of the user's own average"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """One number per rollout; nothing is paid for what could not be read."""
        return [_one(rollout) for rollout in rollouts]


def _one(rollout: Rollout) -> float | None:
    average = rollout.example.request.user_average
    if average is None or rollout.example.rating == average:
        return None
    value = rollout.prediction.value
    if value is None:
        return 0.0
    return float((value - average) * (rollout.example.rating - average) > 0)


@hookimpl
def duetbench_register_rewards() -> list[type[Reward]]:
    """The reward of this file."""
    return [RightSide]
