"""The paper's reward: it falls linearly with the prediction error."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.interfaces import Reward
from duetbench.types import Rollout


class Fractional(Reward):
    """`1 - |y - y_hat| / M`, with M the largest possible distance on the scale: 1 if exact, 0 at distance M."""

    name = "fractional"
    summary = "1 - |rating - prediction| / width of the scale"
    source = "DUET, section 3.4, Definition 2"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """In [0, 1]; None without a prediction: the reward `format` penalizes that."""
        return [_reward(rollout) for rollout in rollouts]


def _reward(rollout: Rollout) -> float | None:
    value = rollout.prediction.value
    return (
        None if value is None else 1 - abs(rollout.example.rating - value) / rollout.example.request.domain.rating_range
    )
