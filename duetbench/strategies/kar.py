"""KAR: an analysis of the user's preferences along the factors that matter in the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import parse_free_text
from duetbench.prompts import unique_prompts
from duetbench.strategies.writing import WriterConfig, digests, window
from duetbench.types import Interaction, Message, Profile, Prompt, Request

_USER, _ITEM = "kar_user", "kar_item"
_WHOLE = 1_000_000
"""More than any user has."""


class Kar(Strategy):
    """The text of KAR's preference reasoning, read by the scorer; the original encodes it for a click model instead."""

    name = "kar"
    summary = "an analysis of the user's preferences along the domain's factors; facts on the item if asked"
    source = "KAR (Xi et al. 2024); DUET, appendix A.2"

    @dataclass(frozen=True)
    class Config(WriterConfig):
        """Options of KAR."""

        history_slice: Literal["recent", "first"] = option(
            "recent", "recent: the latest history_k; first: the original's, the earlier half and at most history_k"
        )
        item_knowledge: bool = option(False, "also ask for the original's factual knowledge about the item")
        item_prompt: str | None = option(None, "a prompt file of one's own for the item's knowledge")

    def stages(self) -> tuple[Stage, ...]:
        """One round."""
        return (KarStage(self.config),)

    def history_needed(self) -> int:
        """See the base class; the earlier half can only be told from the whole."""
        return int(self.config.history_k) if self.config.history_slice == "recent" else _WHOLE

    def prompt_digests(self) -> dict[str, str]:
        """See the base class."""
        names = [self.config.prompt or _USER]
        names += [self.config.item_prompt or _ITEM] if self.config.item_knowledge else []
        return digests(names, self.config.prompt_set)


class KarStage(Stage):
    """Asks for prose, about each distinct history and, if wanted, about each distinct item."""

    name = "profile"

    def __init__(self, config: Kar.Config) -> None:
        self.config = config
        self.max_tokens = config.max_tokens

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct history and, with item knowledge, one per distinct item."""
        users = unique_prompts("user", ((n, self._about_user(request)) for n, request in enumerate(requests)))
        if not self.config.item_knowledge:
            return users
        return users + unique_prompts("item", ((n, self._about_item(request)) for n, request in enumerate(requests)))

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The whole answer, if it is prose."""
        prose = parse_free_text(text)
        return None if prose is None else [Profile(prompt.side, prose)]

    def _about_user(self, request: Request) -> tuple[Message, ...]:
        lines = self.config.lines(self._slice(request.user_history), request.domain)
        return self.config.render(_USER, self.config.prompt, domain=request.domain, history=lines)

    def _about_item(self, request: Request) -> tuple[Message, ...]:
        return self.config.render(_ITEM, self.config.item_prompt, domain=request.domain, item=request.item)

    def _slice(self, history: Sequence[Interaction]) -> tuple[Interaction, ...]:
        if self.config.history_slice == "recent":
            return window(history, self.config.history_k)
        return tuple(history[: min((len(history) + 1) // 2, self.config.history_k)])
