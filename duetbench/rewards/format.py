"""A reward for readable completions, or a penalty for unreadable ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.interfaces import Reward, option
from duetbench.types import Rollout


class Format(Reward):
    """A penalty for unreadable completions. With `fractional` it gives the authors' reward: -1, else 1 - |e| / 4."""

    name = "format"
    summary = "a penalty for unreadable completions"
    source = "the DUET authors' code"

    @dataclass(frozen=True)
    class Config:
        readable: float = option(0.0, "reward of a readable completion")
        unreadable: float = option(-1.0, "reward of an unreadable completion")

        def __post_init__(self) -> None:
            """Rejects a higher reward for unreadable completions."""
            if self.unreadable > self.readable:
                raise ValueError(f"unreadable must be <= readable ({self.readable:g}), got {self.unreadable:g}")

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """`readable` or `unreadable` per rollout, never None."""
        return [self.config.readable if rollout.readable else self.config.unreadable for rollout in rollouts]
