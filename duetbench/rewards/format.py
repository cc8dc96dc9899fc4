"""What a completion earns for being readable at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.interfaces import Reward, option
from duetbench.types import Rollout


class Format(Reward):
    """A penalty for what cannot be read. Added to `fractional` it gives the authors' reward: -1, else 1 - |e| / 4."""

    name = "format"
    summary = "a penalty for completions that cannot be read"
    source = "the DUET authors' code"

    @dataclass(frozen=True)
    class Config:
        """Options."""

        readable: float = option(0.0, "for a completion that was read")
        unreadable: float = option(-1.0, "for a completion that was not")

        def __post_init__(self) -> None:
            """Refuses to pay more for what cannot be read."""
            if self.unreadable > self.readable:
                raise ValueError("unreadable must be <= readable")

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """Always applies."""
        return [self.config.readable if rollout.readable else self.config.unreadable for rollout in rollouts]
