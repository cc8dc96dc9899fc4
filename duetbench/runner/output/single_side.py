"""Restricts a strategy to the profiles of users or of items, for export without user-item pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from duetbench.errors import UsageError
from duetbench.interfaces import Stage, Strategy
from duetbench.types import Item, Profile, Prompt, Request, Side

ProfileSide = Literal["user", "item"]


class SingleSideStrategy(Strategy):
    """A strategy that sends only the prompts of one side.

    Args:
        strategy: The strategy to restrict.
        side: Side whose prompts are kept; prompts for notes are kept as well.
    """

    name = "single-side"

    def __init__(self, strategy: Strategy, side: ProfileSide) -> None:
        super().__init__()
        self._strategy, self.side = strategy, side
        self.name = strategy.name  # type: ignore[misc]

    def stages(self) -> tuple[Stage, ...]:
        return tuple(_SingleSideStage(stage, self.side) for stage in self._strategy.stages())

    def check(self, requests: Sequence[Request]) -> None:
        """Checks that the strategy writes profiles of this side, and that they do not depend on the other side.

        Args:
            requests: Requests to try it with; with none of them the check passes.

        Raises:
            UsageError: it does not.
        """
        prompts = self._prompts(requests)
        sides = {prompt.side for prompt in prompts}
        if requests and self.side not in sides:
            hint = " (duet: train and run it with joint=cross)" if "pair" in sides else ""
            raise UsageError(
                f"strategy '{self.name}' with these options writes no {self.side} profile without a partner{hint}; "
                f"it writes: {', '.join(sorted(sides)) or 'nothing'}"
            )
        with_partner = self._prompts([_with_partner(request, self.side) for request in requests])
        if self._keys(prompts) != self._keys(with_partner):
            raise UsageError(f"strategy '{self.name}' writes {self.side} profiles that depend on the partner")

    def _prompts(self, requests: Sequence[Request]) -> list[Prompt]:
        """Prompts of the unrestricted strategy, all stages without results of earlier ones."""
        return [prompt for stage in self._strategy.stages() for prompt in stage.prompts(requests, {})]

    def _keys(self, prompts: Sequence[Prompt]) -> list[str]:
        return [prompt.key for prompt in prompts if prompt.side == self.side]


class _SingleSideStage(Stage):
    def __init__(self, stage: Stage, side: Side) -> None:
        self._stage, self._side = stage, side
        self.name, self.max_tokens, self.stop = stage.name, stage.max_tokens, stage.stop
        self.reads_truncated = stage.reads_truncated

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        return [prompt for prompt in self._stage.prompts(requests, earlier) if prompt.side in (self._side, "note")]

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        return self._stage.parse(prompt, text)


def _with_partner(request: Request, side: ProfileSide) -> Request:
    """The request with another item for a user, or another user for an item."""
    return replace(request, item=Item("x", "Another")) if side == "user" else replace(request, user_id="x")
