"""What the strategies share: options, windows of a history, its lines with sentiments, and the rendering of prompts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from duetbench.interfaces import option
from duetbench.prompts import cut, render, template_digest
from duetbench.types import Domain, Interaction, Item, Message


@dataclass(frozen=True)
class WriterConfig:
    """Options of a strategy that writes from histories."""

    history_k: int = option(10, "interactions per history that the writer sees", ge=1)
    history_ratings: Literal["sentiment", "rating"] = option(
        "sentiment", "sentiment: 1-2 negative, 3 neutral, 4-5 positive; rating: the rating itself", old_names=("told",)
    )
    review_chars: int | None = option(None, "characters of each review beside the title; none: no review; 0: all", ge=0)
    max_tokens: int = option(400, "upper bound of an answer's length", ge=1)
    prompt_set: Literal["default", "compact"] = option("default", "which set of prompt files")
    prompt: str | None = option(None, "a prompt file of one's own (.jinja) instead of the set's, for the profile")

    def render(self, name: str, own: str | None, **values: Any) -> tuple[Message, ...]:
        """The turns of the set's prompt of that name, or of the user's own file."""
        return render(own or name, self.prompt_set, **values)

    def lines(
        self, history: Sequence[Interaction], domain: Domain, notes: Sequence[str] = ()
    ) -> tuple[HistoryLine, ...]:
        """These interactions as a prompt tells them; `notes` are earlier stages' words on each."""
        texts = notes or [""] * len(history)
        return tuple(self._line(each, domain, note) for each, note in zip(history, texts, strict=True))

    def _line(self, interaction: Interaction, domain: Domain, note: str) -> HistoryLine:
        is_rating = self.history_ratings == "rating"
        feeling = stars(interaction.rating) if is_rating else sentiment(interaction.rating, domain)
        review = "" if self.review_chars is None else cut(interaction.review, self.review_chars)
        return HistoryLine(interaction.item, feeling, interaction.rating, review, note)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One interaction as a prompt tells it."""

    item: Item
    feeling: str
    """The sentiment, or the rating in words, whichever the options ask for."""
    rating: float
    review: str
    """Already cut; empty if the options want none, or if there is none."""
    note: str
    """What an earlier stage wrote on it; empty if nothing."""


def sentiment(rating: float, domain: Domain) -> str:
    """The rating in one word: the middle quarter of the scale, ends included, is neutral; on 1..5: 3, from 2.5 to 3.5.

    No paper of those that use sentiments prints its thresholds; this map is the same for all strategies.
    """
    place = (rating - domain.labels[0]) / domain.rating_range
    if place < 0.375:
        return "negative"
    return "neutral" if place <= 0.625 else "positive"


def stars(rating: float) -> str:
    """The rating in words."""
    return f"{rating:g} star" if math.isclose(rating, 1) else f"{rating:g} stars"


def window(history: Sequence[Interaction], k: int, *, skip: int = 0) -> tuple[Interaction, ...]:
    """The `k` interactions before the `skip` most recent ones, oldest first."""
    end = max(len(history) - skip, 0)
    return tuple(history[max(end - k, 0) : end])


def digests(names: Sequence[str], prompt_set: str) -> dict[str, str]:
    """SHA-256 of each prompt file, by the name under which it is asked for."""
    return {name: template_digest(name, prompt_set) for name in names}
