"""The strategy likes_dislikes: what a user likes and dislikes, in two short gaps of a form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import has_words, parse_tagged_fields
from duetbench.prompts import render, template_digest, unique_prompts
from duetbench.types import Message, Profile, Prompt, Request, Slot

PROMPT = str(Path(__file__).with_name("likes_dislikes.md.jinja"))


class LikesDislikes(Strategy):
    """The model fills two gaps and never writes a tag itself, so that small models manage the form too."""

    name = "likes_dislikes"
    summary = "what the user likes and dislikes, filled into a form"

    @dataclass(frozen=True)
    class Config:
        """Options of likes_dislikes."""

        history_k: int = option(10, "how many recent interactions are shown", ge=1)
        words: int = option(12, "most tokens per gap", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        """One round."""
        return (_Fill(self.config),)

    def prompt_digests(self) -> dict[str, str]:
        """The digest of the one prompt file."""
        return {"likes_dislikes": template_digest(PROMPT, "default")}


class _Fill(Stage):
    def __init__(self, config: LikesDislikes.Config) -> None:
        self.config = config
        self.max_tokens = 4 * config.words
        self.response_template = (
            Slot("<likes>", "</likes>", config.words),
            Slot("</likes><dislikes>", "</dislikes>", config.words),
            Slot("</dislikes>", "", 0),
        )

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        return unique_prompts("user", self._asked(requests), response_template=self.response_template)

    def _asked(self, requests: Sequence[Request]) -> Iterator[tuple[int, tuple[Message, ...]]]:
        for position, request in enumerate(requests):
            history = request.user_history[-self.config.history_k :]
            yield position, render(PROMPT, "default", domain=request.domain, history=history)

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        found = parse_tagged_fields(text, ["likes", "dislikes"])
        if found is None or not has_words(found["likes"] + found["dislikes"]):
            return None
        return [Profile("user", f"likes {found['likes']} . dislikes {found['dislikes']}", found)]
