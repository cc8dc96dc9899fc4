"""A penalty for long profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.interfaces import Reward, option
from duetbench.rewards.authored_profiles import authored_profiles
from duetbench.types import Rollout


class Length(Reward):
    """0 up to `free_words` per profile, then falling linearly to -1 at twice as many words and constant beyond."""

    name = "length"
    summary = "a penalty for profiles above a number of words"

    @dataclass(frozen=True)
    class Config:
        free_words: int = option(80, "words per profile without a penalty: about three sentences", ge=1)

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """In [-1, 0], the mean over the completion's profiles; None if it has none."""
        return [self._reward(rollout) for rollout in rollouts]

    def _reward(self, rollout: Rollout) -> float | None:
        penalties = [self._penalty(len(profile.text.split())) for profile in authored_profiles(rollout)]
        return sum(penalties) / len(penalties) if penalties else None

    def _penalty(self, n_words: int) -> float:
        free: int = self.config.free_words
        return 0.0 - min(max(n_words - free, 0) / free, 1.0)
