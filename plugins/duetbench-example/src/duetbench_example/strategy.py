"""The strategy likes_dislikes: what a user likes and dislikes, in the two slots of a response template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import has_words, parse_tagged_fields
from duetbench.prompts import render, template_digest, unique_prompts
from duetbench.types import Message, Profile, Prompt, Request, Side, Slot

PROMPT = str(Path(__file__).with_name("likes_dislikes.md.jinja"))


class LikesDislikes(Strategy):
    """The model fills two slots and generates no tags itself, so that small models keep the format too."""

    name = "likes_dislikes"
    summary = "what the user likes and dislikes, filled into a response template"

    @dataclass(frozen=True)
    class Config:
        history_k: int = option(10, "recent interactions in the prompt", ge=1)
        words: int = option(12, "maximum number of tokens per slot", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        return (LikesDislikesStage(self.config),)

    def writes(self) -> tuple[Side, ...]:
        return ("user",)

    def prompt_digests(self) -> dict[str, str]:
        return {"likes_dislikes": template_digest(PROMPT, "default")}


class LikesDislikesStage(Stage):
    def __init__(self, config: LikesDislikes.Config) -> None:
        self.config = config
        self.max_tokens = 4 * config.words
        self.response_template = (
            Slot("<likes>", "</likes>", config.words),
            Slot("</likes><dislikes>", "</dislikes>", config.words),
            Slot("</dislikes>", "", 0),
        )

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        return unique_prompts("user", self._messages(requests), response_template=self.response_template)

    def _messages(self, requests: Sequence[Request]) -> Iterator[tuple[int, tuple[Message, ...]]]:
        for position, request in enumerate(requests):
            history = request.user_history[-self.config.history_k :]
            yield position, render(PROMPT, "default", domain=request.domain, history=history)

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        fields = parse_tagged_fields(text, ["likes", "dislikes"])
        if fields is None or not has_words(fields["likes"] + fields["dislikes"]):
            return None
        return [Profile("user", f"likes {fields['likes']} . dislikes {fields['dislikes']}", fields)]
