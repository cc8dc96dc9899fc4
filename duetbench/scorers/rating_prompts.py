"""Options and prompts that the scorers with a model share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.errors import EngineError
from duetbench.interfaces import Engine, option
from duetbench.prompts import render, template_digest, unique_prompts
from duetbench.types import Interaction, Profile, Profiles, Prompt, Request, Slot


@dataclass(frozen=True)
class PromptedScorerConfig:
    """Options of a scorer that prompts a model."""

    history_k: int = option(
        10, "the user's most recent interactions in the prompt; 0: none, as in the authors' code", ge=0
    )
    review_chars: int = option(200, "characters of each review; 0: all", ge=0)
    item_history_k: int | None = option(
        0, "other people's most recent interactions with the item in the prompt; none: history_k", ge=0
    )
    show_averages: bool = option(False, "show the user's and the item's mean rating")
    prompt_set: Literal["default", "compact"] = option("default", "which set of prompt files")
    prompt: str | None = option(None, "path to your own prompt file (.jinja), instead of the set's")

    @property
    def shown_chars(self) -> int:
        """Characters of each line's text; 0: all."""
        return self.review_chars

    def shown(self, history: Sequence[Interaction], profiles: Profiles) -> Sequence[Interaction]:
        """The interactions as the prompt shows them; the profiles may hold texts on them."""
        return history

    def without_effect(self) -> dict[str, str]:
        """See `Plugin.Config`."""
        reasons = {"prompt_set": "prompt names your own file"} if self.prompt else {}
        if self.history_k == 0 and item_window(self) == 0:
            reasons["review_chars"] = "history_k=0 shows no interaction"
        return reasons


def rating_prompts(
    template: str,
    config: PromptedScorerConfig,
    requests: Sequence[Request],
    profiles: Sequence[Profiles],
    *,
    prefill: str = "",
    response_template: Sequence[Slot] = (),
) -> list[Prompt]:
    """The distinct prompts for these requests."""
    messages = (
        (
            position,
            render(
                config.prompt or template,
                config.prompt_set,
                domain=request.domain,
                item=request.item,
                user_profile=_text(pair_profiles.user),
                item_profile=_text(pair_profiles.item),
                rationale=_text(pair_profiles.pair),
                history=config.shown(_recent(request.user_history, config.history_k), pair_profiles),
                item_history=config.shown(_recent(request.item_history, item_window(config)), pair_profiles),
                user_average=request.user_average,
                item_average=request.item_average,
                show_averages=config.show_averages,
                review_chars=config.shown_chars,
            ),
        )
        for position, (request, pair_profiles) in enumerate(zip(requests, profiles, strict=True))
    )
    return unique_prompts("pair", messages, prefill=prefill, response_template=response_template)


def item_window(config: PromptedScorerConfig) -> int:
    """How many of the item's latest interactions the prompt shows."""
    return config.history_k if config.item_history_k is None else config.item_history_k


def rating_prompt_digests(template: str, config: PromptedScorerConfig) -> dict[str, str]:
    """SHA-256 of the prompt file, by its name or path."""
    name = config.prompt or template
    return {name: template_digest(name, config.prompt_set)}


def require_engine(engine: Engine | None, scorer_name: str) -> Engine:
    """The engine, which must not be None.

    Raises:
        EngineError: it is None.
    """
    if engine is None:
        raise EngineError(f"scorer '{scorer_name}' needs an engine: select a model with --model")
    return engine


def _recent(history: Sequence[Interaction], k: int) -> Sequence[Interaction]:
    return history[-k:] if k else ()


def _text(profile: Profile | None) -> str | None:
    return profile.text if profile else None
