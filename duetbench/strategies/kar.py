"""KAR: an analysis of the user's preferences along the factors that matter in the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import parse_free_text
from duetbench.prompts import unique_prompts
from duetbench.strategies.writing import SentimentConfig, as_read, compact_reasons, own_prompt_reasons, template_digests
from duetbench.types import Interaction, Message, Profile, Prompt, Request, Side

_USER, _ITEM = "kar_user", "kar_item"
_FULL_HISTORY = 1_000_000
"""More interactions than any user has."""


class Kar(Strategy):
    """The text of KAR's preference reasoning as a profile for the scorer; the original encodes it for a click model."""

    name = "kar"
    summary = "an analysis of the user's preferences along the domain's factors; optionally facts on the item"
    source = "KAR (Xi et al. 2024); DUET, appendix A.2"

    omitted = (
        "the encoder that turns the texts into vectors (BERT or ChatGLM)",
        "the hybrid-expert adaptor that maps the vectors into the space of the recommender",
        "the click model (DIN and others) that is trained with the adapted vectors",
        "one analysis per user from a fixed part of the history: here one per request, before its time",
    )

    @dataclass(frozen=True)
    class Config(SentimentConfig):
        """Options of KAR."""

        history_slice: Literal["recent", "first"] = option(
            "recent", "recent: the latest history_k; first: as the original, the earlier half, at most history_k"
        )
        item_knowledge: bool = option(False, "also request the original's factual knowledge about the item")
        word_limit: int | None = option(
            150, "words that the prompt allows for the analysis; an addition to the original's; none: no limit", ge=1
        )
        item_prompt: str | None = option(None, "path to your own prompt file for the item's knowledge")

        def without_effect(self) -> dict[str, str]:
            """See `Plugin.Config`."""
            reasons = compact_reasons(self, "word_limit") | own_prompt_reasons(
                self.prompt, self.item_prompt if self.item_knowledge else self.prompt
            )
            if not self.item_knowledge:
                reasons["item_prompt"] = "item_knowledge=false writes nothing about items"
            if self.history_slice == "first":
                reasons["recent_k"] = "history_slice=first already ends at half of the history"
            return reasons

        def user_window(self, history: Sequence[Interaction]) -> tuple[Interaction, ...]:
            """The latest interactions as in the base class, or the first ones."""
            if self.history_slice == "recent":
                return super().user_window(history)
            return tuple(history[: min((len(history) + 1) // 2, self.history_k)])

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        return (KarStage(self.config),)

    def history_needed(self) -> int:
        """As in the base class; the earlier half is only known from the full history."""
        return int(self.config.window_needed()) if self.config.history_slice == "recent" else _FULL_HISTORY

    def writer_view(self, request: Request) -> Request:
        return as_read(self.config.view(request, ("user",)), self.config.review_chars)

    def writes(self) -> tuple[Side, ...]:
        return ("user", "item") if self.config.item_knowledge else ("user",)

    def prompt_digests(self) -> dict[str, str]:
        names = [self.config.prompt or _USER]
        names += [self.config.item_prompt or _ITEM] if self.config.item_knowledge else []
        return template_digests(names, self.config.prompt_set)


class KarStage(Stage):
    """Free text on each distinct history and, with `item_knowledge`, on each distinct item."""

    name = "profile"

    def __init__(self, config: Kar.Config) -> None:
        self.config = config
        self.max_tokens = config.max_tokens

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct history and, with `item_knowledge`, one per distinct item."""
        views = [(n, self.config.view(request, ("user",))) for n, request in enumerate(requests)]
        users = ((n, self._user_messages(view)) for n, view in views if not self.config.skips(view))
        prompts = unique_prompts("user", users)
        if self.config.item_knowledge:
            prompts += unique_prompts("item", ((n, self._item_messages(request)) for n, request in enumerate(requests)))
        return prompts

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The full answer, if it is free text."""
        answer = parse_free_text(text)
        return None if answer is None else [Profile(prompt.side, answer)]

    def _user_messages(self, view: Request) -> tuple[Message, ...]:
        lines = self.config.history_lines(view.user_history, view.domain)
        values = {"domain": view.domain, "history": lines, "word_limit": self.config.word_limit}
        return self.config.render(_USER, self.config.prompt, **values)

    def _item_messages(self, request: Request) -> tuple[Message, ...]:
        return self.config.render(_ITEM, self.config.item_prompt, domain=request.domain, item=request.item)
