"""Degenerate completions, such as those of a policy that exploits a flaw of its reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from duetbench.testing.small_world import exact_prediction, small_world
from duetbench.types import Example, Prediction, Profile, Profiles, Request, Rollout

HONEST = "honest"
"""Name of the reference: specific profiles of the user and the item, and the exact prediction."""

_NOTES = {"cue": "taste, sound", "constructed_prompt": "Describe taste and sound."}


@dataclass(frozen=True, slots=True)
class CompletionKind:
    """One kind of completion."""

    name: str
    meaning: str
    """Its profiles and its prediction, in one line."""
    make: Callable[[Example], Rollout]


def completion_kinds() -> tuple[CompletionKind, ...]:
    """An honest completion first, then the degenerate ones."""
    return (
        CompletionKind(HONEST, "profiles that differ by user and item; exact prediction", _honest),
        CompletionKind("format only", "all tags, with filler text; predicts the middle of the scale", _format_only),
        CompletionKind("constant", "the same profiles for every pair; predicts the mean rating", _constant),
        CompletionKind("copied history", "the lines of the history; exact prediction", _copied),
        CompletionKind("empty", "no text; no prediction", _empty),
        CompletionKind("leaked rating", "the true rating as a number; exact prediction", _leaked),
    )


def rollouts_of(kind: CompletionKind) -> list[Rollout]:
    """One rollout of this kind for each of the first examples of the small world with a history."""
    return [kind.make(example) for example in _examples()]


def _examples() -> list[Example]:
    return [example for example in small_world().examples[:8] if example.request.user_history]


def _rollout(example: Example, user: str, item: str, value: float) -> Rollout:
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
    return _rollout(example, user, item, example.rating)


def _format_only(example: Example) -> Rollout:
    labels = example.request.domain.labels
    return _rollout(example, "The profile.", "The profile.", (labels[0] + labels[-1]) / 2)


def _constant(example: Example) -> Rollout:
    mean = fmean(line.rating for line in small_world().interactions)
    return _rollout(example, "A user who loves music.", "An album that everybody loves.", mean)


def _copied(example: Example) -> Rollout:
    request = example.request
    return _rollout(
        example, _user_history_text(request), f"{request.item.title}\n{_item_history_text(request)}", example.rating
    )


def _user_history_text(request: Request) -> str:
    return "\n".join(
        f"{line.item.title}, {', '.join(line.item.categories)}: {line.review}" for line in request.user_history
    )


def _item_history_text(request: Request) -> str:
    return "\n".join(f"{line.user_id}: {line.review}" for line in request.item_history)


def _empty(example: Example) -> Rollout:
    return Rollout(example, "", Profiles(failed="empty"), Prediction(None, "empty", "profile"), readable=False)


def _leaked(example: Example) -> Rollout:
    user = f"Would rate this {example.rating:.2f} out of {example.request.domain.labels[-1]}."
    return _rollout(example, user, "An album.", exact_prediction(example).value or 0.0)


def mean_reward(rewards: Sequence[float | None]) -> float | None:
    """The mean of the rewards that apply; None if none does."""
    applicable = [reward for reward in rewards if reward is not None]
    return fmean(applicable) if applicable else None
