"""Contexts for tests of controls."""

from __future__ import annotations

from typing import Any

from duetbench.interfaces import Control, ControlContext, ControlledInput, Scorer, Strategy
from duetbench.scorers.rating_text import RatingText
from duetbench.strategies.duet import Duet
from duetbench.types import Profile, Profiles, Request


def count_words(text: str) -> int:
    return len(text.split())


def context_of(control: Control, strategy: Strategy | None = None, seed: int = 0, **options: Any) -> ControlContext:
    """The context of a cell whose scorer has these options."""
    strategy = strategy or Duet()
    plain: Scorer = RatingText(RatingText.Config(**options))
    changed = control.scorer_options(strategy, plain)
    read = RatingText(RatingText.Config(**{**options, **changed}))
    return ControlContext(strategy, read, plain, seed, count_words)


def profiles_of(n: int, words: int = 5) -> Profiles:
    return Profiles(Profile("user", f"user{n} " * words), Profile("item", f"item{n} " * words))


def prompt_texts(result: ControlledInput, context: ControlContext) -> list[str]:
    """The scorer's prompts under the control, one per request."""
    texts: list[str] = []
    for each, written in zip(result.requests, result.profiles, strict=True):
        (prompt,) = context.scorer.prompts([each], [written])
        texts.append("\n".join(turn.content for turn in prompt.messages))
    return texts


def plain_texts(requests: list[Request], profiles: list[Profiles], context: ControlContext) -> list[str]:
    """The scorer's prompts without the control."""
    prompts = [
        context.plain_scorer.prompts([each], [written])[0] for each, written in zip(requests, profiles, strict=True)
    ]
    return ["\n".join(turn.content for turn in prompt.messages) for prompt in prompts]
