"""Shared by the strategies: options, windows of a history, its lines with sentiments, and prompt rendering."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from duetbench.interfaces import option
from duetbench.prompts import cut, render, template_digest
from duetbench.types import Domain, Interaction, Item, Message, Request, Side


@dataclass(frozen=True)
class WindowConfig:
    """Options of the part of the histories that the writer sees."""

    history_k: int = option(10, "interactions per history that the writer sees", ge=1)
    recent_k: int = option(
        0,
        "latest interactions of the user that the window leaves out; the scorer's history_k shows them",
        ge=0,
        old_names=("overlap",),
    )
    short_history: Literal["overlap", "skip_profile"] = option(
        "overlap",
        "users without interactions before the recent ones; with recent_k=0: without any. overlap: the profile is "
        "written from the recent ones; skip_profile: no profile of the user or of the pair is written",
    )

    def without_effect(self) -> dict[str, str]:
        """See `Plugin.Config`."""
        return {}

    def window_needed(self) -> int:
        """How many of the latest interactions of a history the windows reach back to."""
        return self.history_k + self.recent_k

    def user_window(self, history: Sequence[Interaction]) -> tuple[Interaction, ...]:
        """The user's interactions that the writer sees, oldest first."""
        older = window(history, self.history_k, skip=self.recent_k)
        return older if older or self.short_history == "skip_profile" else window(history, self.history_k)

    def view(self, request: Request, sides: Sequence[Side], *, averages: bool = False) -> Request:
        """The request with the windows of these sides; of other sides the writer sees nothing.

        Args:
            request: With histories of at least `window_needed()` interactions.
            sides: `user`, `item`, or `pair` for both in one prompt; a pair whose profile is skipped reads nothing.
            averages: Whether the prompts show the mean ratings of these sides.
        """
        user = self.user_window(request.user_history)
        skipped = {"user", "pair"} if self.short_history == "skip_profile" and not user else set()
        reads_user, reads_item = ({side, "pair"} & (set(sides) - skipped) for side in ("user", "item"))
        return replace(
            request,
            user_history=user if reads_user else (),
            item_history=window(request.item_history, self.history_k) if reads_item else (),
            user_average=request.user_average if averages and reads_user else None,
            item_average=request.item_average if averages and reads_item else None,
        )

    def skips(self, view: Request) -> bool:
        """Whether the profile of this view's user, or of the pair, is not written."""
        return self.short_history == "skip_profile" and not view.user_history


@dataclass(frozen=True)
class WriterConfig(WindowConfig):
    """Options of a strategy that writes profiles from histories."""

    review_chars: int | None = option(
        None, "characters of each review in addition to the title; none: no review; 0: all", ge=0
    )
    max_tokens: int = option(400, "maximum number of tokens per completion", ge=1)
    prompt_set: Literal["default", "compact"] = option("default", "which set of prompt files")
    prompt: str | None = option(None, "path to your own prompt file (.jinja) for the profile, instead of the set's")

    def render(self, name: str, own_file: str | None, **values: Any) -> tuple[Message, ...]:
        """The turns of the set's prompt of that name, or of the user's own file."""
        return render(own_file or name, self.prompt_set, **values)

    def history_lines(
        self, history: Sequence[Interaction], domain: Domain, notes: Sequence[str] = ()
    ) -> tuple[HistoryLine, ...]:
        """These interactions as a prompt shows them; `notes` holds an earlier stage's text on each."""
        texts = notes or [""] * len(history)
        return tuple(
            self._history_line(interaction, domain, note) for interaction, note in zip(history, texts, strict=True)
        )

    def _history_line(self, interaction: Interaction, domain: Domain, note: str) -> HistoryLine:
        review = "" if self.review_chars is None else cut(interaction.review, self.review_chars)
        return HistoryLine(interaction.item, self.feeling(interaction, domain), interaction.rating, review, note)

    def feeling(self, interaction: Interaction, domain: Domain) -> str:
        """What the user thought of the item, as a history line states it."""
        return domain.sentiment(interaction.rating)


@dataclass(frozen=True)
class SentimentConfig(WriterConfig):
    """Options of a strategy whose prompts state what the user thought of each item."""

    history_ratings: Literal["sentiment", "rating"] = option(
        "sentiment",
        "sentiment: on 1 to 5, 1-2 negative, 3 neutral, 4-5 positive; rating: the rating itself",
        old_names=("told",),
    )

    def feeling(self, interaction: Interaction, domain: Domain) -> str:
        if self.history_ratings == "rating":
            return stars(interaction.rating) if domain.has_stars else domain.rated(interaction.rating)
        return super().feeling(interaction, domain)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One interaction as a prompt shows it; the prompt files use these names."""

    item: Item
    feeling: str
    """The sentiment, or the rating with its unit, according to `history_ratings`."""
    rating: float
    review: str
    """Already cut; empty if reviews are not shown, or if there is none."""
    note: str
    """The text of an earlier stage on this interaction; empty if there is none."""


def as_read(view: Request, review_chars: int | None, decimals: int | None = None) -> Request:
    """A view with reviews and averages as the prompts show them.

    Args:
        view: The windows that the writer sees.
        review_chars: Characters of each review; 0: all; None: no review.
        decimals: Of the averages; None: all.
    """
    return replace(
        view,
        user_history=tuple(_with_cut_review(line, review_chars) for line in view.user_history),
        item_history=tuple(_with_cut_review(line, review_chars) for line in view.item_history),
        user_average=_rounded(view.user_average, decimals),
        item_average=_rounded(view.item_average, decimals),
    )


def _with_cut_review(line: Interaction, review_chars: int | None) -> Interaction:
    return replace(line, review="" if review_chars is None else cut(line.review, review_chars))


def _rounded(average: float | None, decimals: int | None) -> float | None:
    return average if average is None or decimals is None else round(average, decimals)


def stars(rating: float) -> str:
    """The rating with its unit: `1 star`, `3.5 stars`."""
    return f"{rating:g} star" if math.isclose(rating, 1) else f"{rating:g} stars"


def window(history: Sequence[Interaction], k: int, *, skip: int = 0) -> tuple[Interaction, ...]:
    """The `k` interactions before the `skip` most recent ones, oldest first."""
    end = max(len(history) - skip, 0)
    return tuple(history[max(end - k, 0) : end])


def own_prompt_reasons(*own_files: str | None) -> dict[str, str]:
    """Why `prompt_set` has no effect: each prompt of the strategy has an own file; {}: it has one.

    Args:
        own_files: The option of each prompt that the strategy uses.
    """
    return {"prompt_set": "every prompt has your own file"} if all(own_files) else {}


def compact_reasons(config: WriterConfig, *names: str) -> dict[str, str]:
    """Why additions to a paper's prompt have no effect: the compact prompts have none of them.

    Args:
        config: The strategy's options.
        names: The options of the additions, all of them in the prompt that `prompt` replaces.
    """
    has_none = config.prompt_set == "compact" and not config.prompt
    return dict.fromkeys(names, "the compact prompts do not contain it") if has_none else {}


def template_digests(names: Sequence[str], prompt_set: str) -> dict[str, str]:
    """SHA-256 of each prompt file, by its name or path."""
    return {name: template_digest(name, prompt_set) for name in names}
