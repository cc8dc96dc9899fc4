"""What the two scorers that ask a model share: their options and their prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.errors import EngineError
from duetbench.interfaces import Engine, option
from duetbench.prompts import render, template_digest, unique_prompts
from duetbench.types import Interaction, Profile, Profiles, Prompt, Request, Slot


@dataclass(frozen=True)
class AskingConfig:
    """Options of a scorer that asks a model."""

    history_k: int = option(
        10, "the user's most recent interactions in the prompt; 0: none, as the authors' code", ge=0
    )
    review_chars: int = option(200, "characters of each review; 0: all", ge=0)
    prompt_set: Literal["default", "compact"] = option("default", "which set of prompt files")
    prompt: str | None = option(None, "a prompt file of one's own (.jinja) instead of the set's")


def rating_prompts(
    template: str,
    config: AskingConfig,
    requests: Sequence[Request],
    profiles: Sequence[Profiles],
    *,
    prefill: str = "",
    response_template: Sequence[Slot] = (),
) -> list[Prompt]:
    """What is asked for these requests, each question once."""
    asked = (
        (
            position,
            render(
                config.prompt or template,
                config.prompt_set,
                domain=request.domain,
                item=request.item,
                user_profile=_text(written.user),
                item_profile=_text(written.item),
                rationale=_text(written.pair),
                history=_recent(request.user_history, config.history_k),
                item_history=_recent(request.item_history, config.history_k),
                user_average=request.user_average,
                item_average=request.item_average,
                review_chars=config.review_chars,
            ),
        )
        for position, (request, written) in enumerate(zip(requests, profiles, strict=True))
    )
    return unique_prompts("pair", asked, prefill=prefill, response_template=response_template)


def digest_of(template: str, config: AskingConfig) -> dict[str, str]:
    """The digest of the prompt file, by the name under which it is asked for."""
    name = config.prompt or template
    return {name: template_digest(name, config.prompt_set)}


def needed(engine: Engine | None, name: str) -> Engine:
    """The engine.

    Raises:
        EngineError: there is none.
    """
    if engine is None:
        raise EngineError(f"scorer '{name}' asks a model and got no engine: name one with --model")
    return engine


def _recent(history: Sequence[Interaction], k: int) -> Sequence[Interaction]:
    return history[-k:] if k else ()


def _text(profile: Profile | None) -> str | None:
    return profile.text if profile else None
