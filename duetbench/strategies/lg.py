"""LettinGo (LG): a free-form profile from the older interactions; the recent ones are left to the scorer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import parse_free_text
from duetbench.prompts import unique_prompts
from duetbench.strategies.writing import SentimentConfig, as_read, compact_reasons, own_prompt_reasons, template_digests
from duetbench.types import Message, Profile, Prompt, Request, Side

_TEMPLATE = "lg_user"


class LettinGo(Strategy):
    """The writer of LettinGo. Its training (explore, compare, pair, align) is the trainer `dpo`."""

    name = "lg"
    summary = "a free-form user profile from the older interactions; the scorer sees the recent ones"
    source = "LettinGo (Wang et al. 2025); DUET, appendix A.2"
    default_trainer = "dpo"

    omitted = (
        "a predictor that answers with one of three classes: here dpo.judge=sentiment compares the ratings by class",
    )

    @dataclass(frozen=True)
    class Config(SentimentConfig):
        """Options of LG."""

        history_k: int = option(30, "older interactions that the writer sees; the paper uses 30, 50, 70", ge=1)
        recent_k: int = option(10, "recent interactions that are left to the scorer (its own history_k)", ge=0)

        word_limit: int | None = option(
            200, "words that the prompt allows for the profile; an addition to the paper's; none: no limit", ge=1
        )

        def without_effect(self) -> dict[str, str]:
            """See `Plugin.Config`."""
            return own_prompt_reasons(self.prompt) | compact_reasons(self, "word_limit")

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        return (LettinGoStage(self.config),)

    def writes(self) -> tuple[Side, ...]:
        return ("user",)

    def prompt_digests(self) -> dict[str, str]:
        return template_digests([self.config.prompt or _TEMPLATE], self.config.prompt_set)

    def history_needed(self) -> int:
        return int(self.config.window_needed())

    def writer_view(self, request: Request) -> Request:
        return as_read(self.config.view(request, ("user",)), self.config.review_chars)


class LettinGoStage(Stage):
    """One prompt for each distinct window of a history."""

    name = "profile"

    def __init__(self, config: LettinGo.Config) -> None:
        self.config = config
        self.max_tokens = config.max_tokens

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct window; users without older interactions have none with `skip_profile`."""
        views = [(n, self.config.view(request, ("user",))) for n, request in enumerate(requests)]
        return unique_prompts("user", ((n, self._messages(view)) for n, view in views if not self.config.skips(view)))

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The full answer, if it is free text."""
        answer = parse_free_text(text)
        return None if answer is None else [Profile("user", answer)]

    def _messages(self, view: Request) -> tuple[Message, ...]:
        lines = self.config.history_lines(view.user_history, view.domain)
        values = {"domain": view.domain, "history": lines, "word_limit": self.config.word_limit}
        return self.config.render(_TEMPLATE, self.config.prompt, **values)
