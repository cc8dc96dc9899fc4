"""Completions that say nothing about anybody, as a policy writes them that has found a hole in its reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from duetbench.testing.small_world import right, small_world
from duetbench.types import Example, Prediction, Profile, Profiles, Request, Rollout

HONEST = "honest"
"""What the others are compared with: profiles of a user and an item, and the exact prediction."""

_NOTES = {"cue": "taste, sound", "constructed_prompt": "Describe taste and sound."}


@dataclass(frozen=True, slots=True)
class CompletionKind:
    """One way of completing a prompt."""

    name: str
    meaning: str
    """How profiles and prediction come about, in a line."""
    make: Callable[[Example], Rollout]


def completion_kinds() -> tuple[CompletionKind, ...]:
    """An honest completion first, then the degenerate ones."""
    return (
        CompletionKind(HONEST, "profiles that differ by user and item; exact prediction", _honest),
        CompletionKind(
            "format only", "every tag, and filler in it; the middle of the scale is predicted", _format_only
        ),
        CompletionKind("constant", "the same praise for everybody; the mean rating is predicted", _constant),
        CompletionKind("copied history", "the history line by line; exact prediction", _copied),
        CompletionKind("empty", "no text at all; nothing is predicted", _empty),
        CompletionKind("leaked rating", "the rating itself as a number; exact prediction", _leaked),
    )


def rollouts_of(kind: CompletionKind) -> list[Rollout]:
    """What it writes for each example of the small world that has a history."""
    return [kind.make(example) for example in _examples()]


def _examples() -> list[Example]:
    return [example for example in small_world().examples[:8] if example.request.user_history]


def _written(example: Example, user: str, item: str, value: float) -> Rollout:
    blocks = "\n".join(
        f"<{side}_profile><cue>{_NOTES['cue']}</cue><constructed_prompt>{_NOTES['constructed_prompt']}"
        f"</constructed_prompt><profile>{text}</profile></{side}_profile>"
        for side, text in (("user", user), ("item", item))
    )
    profiles = Profiles(Profile("user", user, _NOTES), Profile("item", item, _NOTES))
    return Rollout(example, blocks, profiles, Prediction(value))


def _honest(example: Example) -> Rollout:
    request = example.request
    genre = request.user_history[-1].item.categories[-1]
    user = f"Keeps coming back to {genre} and is hard to please with anything else."
    item = f"{request.item.title}: {', '.join(request.item.categories)}, praised by patient listeners."
    return _written(example, user, item, example.rating)


def _format_only(example: Example) -> Rollout:
    labels = example.request.domain.labels
    return _written(example, "The profile.", "The profile.", (labels[0] + labels[-1]) / 2)


def _constant(example: Example) -> Rollout:
    mean = fmean(line.rating for line in small_world().interactions)
    return _written(example, "A user who loves music.", "An album that everybody loves.", mean)


def _copied(example: Example) -> Rollout:
    request = example.request
    return _written(example, _lines(request), f"{request.item.title}\n{_others(request)}", example.rating)


def _lines(request: Request) -> str:
    return "\n".join(
        f"{line.item.title}, {', '.join(line.item.categories)}: {line.review}" for line in request.user_history
    )


def _others(request: Request) -> str:
    return "\n".join(f"{line.user_id}: {line.review}" for line in request.item_history)


def _empty(example: Example) -> Rollout:
    return Rollout(example, "", Profiles(failed="empty"), Prediction(None, "empty", "profile"), readable=False)


def _leaked(example: Example) -> Rollout:
    user = f"Would rate this {example.rating:.2f} out of {example.request.domain.labels[-1]}."
    return _written(example, user, "An album.", right(example).value or 0.0)


def mean_of(rewards: Sequence[float | None]) -> float | None:
    """The mean of what applies; None where nothing does."""
    known = [reward for reward in rewards if reward is not None]
    return fmean(known) if known else None
