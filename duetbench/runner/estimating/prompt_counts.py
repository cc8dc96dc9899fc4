"""Counts the prompts of a sample of requests without a model.

First stages are rendered. Later stages and the scorer depend on completions that do not exist yet: placeholder
completions of the maximum length are used instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from duetbench.errors import DataError
from duetbench.interfaces import ControlledInput, Strategy
from duetbench.runner.controlling import CHARS_PER_TOKEN, apply_control
from duetbench.runner.planning.cells import Cell, WriterSpec
from duetbench.types import Profile, Profiles, Prompt, Request

if TYPE_CHECKING:
    from duetbench.data import ExampleSample

RATING_TOKENS = 8
"""Approximate length of a rating as text."""


class PromptSize(NamedTuple):
    """A rendered prompt."""

    prompt_tokens: int
    completion_tokens: int
    weight: float
    """Number of prompts that it represents: 1 if all requests are rendered."""


PromptTokens = dict[str, PromptSize]
"""By the prompt's key."""


class PromptCounter:
    """Counts the prompts of a sample of requests, weighted by what the sample represents.

    A user whose history does not change between pairs has one profile for all of them, so the weight of a user's
    prompts is a ratio of histories and not of pairs.
    """

    def __init__(self, sample: ExampleSample) -> None:
        pairs = sample.n_pairs / len(sample.examples)
        sides = {side: whole / max(part, 1) for side, (whole, part) in sample.n_histories.items()}
        self._weights: dict[str, float] = {"pair": pairs, "note": pairs, **sides}
        self.profiles: PromptTokens = {}
        self.ratings: PromptTokens = {}

    def count(self, cell: Cell, writing: WriterSpec, requests: Sequence[Request]) -> None:
        """Counts the prompts of a cell."""
        profiles = [Profiles() for _ in requests]
        if cell.writes_profiles:
            profiles = self._placeholder_profiles(writing, requests)
        read = _controlled(cell, requests, profiles)
        scorer = cell.control.scorer if cell.control else cell.scorer
        for prompt in scorer.make().prompts(read.requests, read.profiles):
            self.ratings[prompt.key] = self._size(prompt, RATING_TOKENS, "pair")

    def _placeholder_profiles(self, writing: WriterSpec, requests: Sequence[Request]) -> list[Profiles]:
        """Profiles of the maximum length; the prompts of every stage are counted on the way."""
        profiles = [Profiles() for _ in requests]
        earlier: Mapping[str, Sequence[Profile]] = {}
        strategy: Strategy = writing.strategy.make()
        for stage in strategy.stages():
            prompts = stage.prompts(requests, earlier)
            for prompt in prompts:
                self.profiles[prompt.key] = self._size(prompt, stage.max_tokens, prompt.side)
            answers = {prompt.key: _placeholder(prompt, stage.max_tokens) for prompt in prompts}
            for prompt in prompts:
                for position in prompt.for_requests:
                    for profile in answers[prompt.key]:
                        profiles[position] = profiles[position].with_profile(profile)
            earlier = {**earlier, **answers}
        return [
            replace(written, line_notes=strategy.line_notes(request, earlier))
            for written, request in zip(profiles, requests, strict=True)
        ]

    def _size(self, prompt: Prompt, max_tokens: int, side: str) -> PromptSize:
        chars = sum(len(message.content) for message in prompt.messages) + len(prompt.prefill)
        return PromptSize(chars // CHARS_PER_TOKEN, max_tokens, self._weights[side])


def _controlled(cell: Cell, requests: Sequence[Request], profiles: Sequence[Profiles]) -> ControlledInput:
    """What the scorer reads; where the control is impossible with these requests, the run reports it for its cell."""
    try:
        return apply_control(cell, requests, profiles, lambda text: len(text) // CHARS_PER_TOKEN)
    except DataError:
        return ControlledInput(requests, profiles)


def _placeholder(prompt: Prompt, max_tokens: int) -> list[Profile]:
    """Placeholder profiles of one completion: half of its tokens are notes; a `pair` prompt gives both sides."""
    text = (f"{prompt.key} " + "word " * max_tokens)[: max_tokens * CHARS_PER_TOKEN // 2]
    if prompt.side != "pair":
        return [Profile(prompt.side, text)]
    half = text[: max(len(text) // 2, len(prompt.key))]
    return [Profile("user", half), Profile("item", half)]
