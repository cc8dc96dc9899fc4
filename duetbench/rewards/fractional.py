"""The paper's reward: the closer the rating, the more."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.interfaces import Reward
from duetbench.types import Rollout


class Fractional(Reward):
    """`1 - |y - y_hat| / M`, with M the largest possible distance on the scale: 1 if exact, 0 if as wrong as can be."""

    name = "fractional"
    summary = "1 - |rating - prediction| / the scale's width"
    source = "DUET, section 3.4, Definition 2"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """In [0, 1]; None where no rating was predicted: what that costs is `format`'s to say."""
        return [_reward(rollout) for rollout in rollouts]


def _reward(rollout: Rollout) -> float | None:
    value = rollout.prediction.value
    return (
        None if value is None else 1 - abs(rollout.example.rating - value) / rollout.example.request.domain.rating_range
    )
