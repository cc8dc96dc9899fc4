"""A strategy asked about one side alone, for profiles that wait for no pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from duetbench.errors import UsageError
from duetbench.interfaces import Stage, Strategy
from duetbench.types import Item, Profile, Prompt, Request, Side

ProfileSide = Literal["user", "item"]


class SingleSideStrategy(Strategy):
    """A strategy that is asked about users alone, or about items alone.

    Args:
        strategy: The whole.
        side: Whose questions are left; working notes are too.
    """

    name = "one-sided"

    def __init__(self, strategy: Strategy, side: ProfileSide) -> None:
        super().__init__()
        self._strategy, self.side = strategy, side
        self.name = strategy.name  # type: ignore[misc]

    def stages(self) -> tuple[Stage, ...]:
        """See the base class."""
        return tuple(_OneSidedStage(stage, self.side) for stage in self._strategy.stages())

    def check(self, requests: Sequence[Request]) -> None:
        """Passes if the strategy writes profiles of that side that depend on no partner.

        Raises:
            UsageError: it does not.
        """
        others = [_with_partner(request, self.side) for request in requests]
        asked, asked_again = (
            [stage.prompts(each, {}) for stage in self._strategy.stages()] for each in (requests, others)
        )
        sides = {prompt.side for prompts in asked for prompt in prompts}
        if requests and self.side not in sides:
            hint = " (duet: train and run it with joint=cross)" if "pair" in sides else ""
            raise UsageError(
                f"strategy '{self.name}' as it was run writes no {self.side} profile without a partner{hint}; "
                f"it asks about: {', '.join(sorted(sides)) or 'nothing'}"
            )
        keys, keys_again = (
            [prompt.key for prompts in found for prompt in prompts if prompt.side == self.side]
            for found in (asked, asked_again)
        )
        if keys != keys_again:
            raise UsageError(f"strategy '{self.name}' writes {self.side} profiles that depend on the partner")


class _OneSidedStage(Stage):
    def __init__(self, stage: Stage, side: Side) -> None:
        self._stage, self._side = stage, side
        self.name, self.max_tokens, self.stop = stage.name, stage.max_tokens, stage.stop

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        return [prompt for prompt in self._stage.prompts(requests, earlier) if prompt.side in (self._side, "note")]

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        return self._stage.parse(prompt, text)


def _with_partner(request: Request, side: ProfileSide) -> Request:
    return replace(request, item=Item("x", "Another")) if side == "user" else replace(request, user_id="x")
