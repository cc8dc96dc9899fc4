"""LettinGo (LG): a free-form profile from the older interactions; the recent ones stay raw for the scorer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import parse_free_text
from duetbench.prompts import unique_prompts
from duetbench.strategies.writing import WriterConfig, digests, window
from duetbench.types import Interaction, Message, Profile, Profiles, Prompt, Request

_TEMPLATE = "lg_user"


class LettinGo(Strategy):
    """The writer of LettinGo. Its lifecycle (explore, judge, pair, align) is the trainer `dpo`."""

    name = "lg"
    summary = "a free-form user profile from the older interactions, beside the recent ones in the scorer"
    source = "LettinGo (Wang et al. 2025); DUET, appendix A.2"
    default_trainer = "dpo"

    @dataclass(frozen=True)
    class Config(WriterConfig):
        """Options of LG."""

        history_k: int = option(30, "how many older interactions the profile is written from: 30, 50, 70", ge=1)
        recent_k: int = option(10, "how many recent interactions are left to the scorer (its own history_k)", ge=0)
        short_history: Literal["overlap", "skip_profile"] = option(
            "overlap",
            "users with nothing older. overlap: the profile is written from the recent ones; skip_profile: there is "
            "none, and the scorer sees the recent ones alone",
        )

    def stages(self) -> tuple[Stage, ...]:
        """One round."""
        return (LettinGoStage(self.config),)

    def prompt_digests(self) -> dict[str, str]:
        """See the base class."""
        return digests([self.config.prompt or _TEMPLATE], self.config.prompt_set)

    def history_needed(self) -> int:
        """See the base class."""
        return int(self.config.history_k + self.config.recent_k)

    def measures(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> dict[str, float | None]:
        """The share of requests whose user has nothing older than the recent interactions: the policy decided there."""
        n_short = sum(len(request.user_history) <= self.config.recent_k for request in requests)
        return {"short_history_rate": n_short / len(requests) if requests else None}


class LettinGoStage(Stage):
    """Asks once for each distinct window."""

    name = "profile"

    def __init__(self, config: LettinGo.Config) -> None:
        self.config = config
        self.max_tokens = config.max_tokens

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct window; none for a user without one if the policy is to skip."""
        windows = [(n, request, self._window(request.user_history)) for n, request in enumerate(requests)]
        asked = [(n, self._messages(request, lines)) for n, request, lines in windows if lines is not None]
        return unique_prompts("user", asked)

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The whole answer, if it is prose."""
        prose = parse_free_text(text)
        return None if prose is None else [Profile("user", prose)]

    def _messages(self, request: Request, lines: Sequence[Interaction]) -> tuple[Message, ...]:
        told = self.config.lines(lines, request.domain)
        return self.config.render(_TEMPLATE, self.config.prompt, domain=request.domain, history=told)

    def _window(self, history: Sequence[Interaction]) -> tuple[Interaction, ...] | None:
        older = window(history, self.config.history_k, skip=self.config.recent_k)
        if older:
            return older
        return window(history, self.config.history_k) if self.config.short_history == "overlap" else None
