"""Reason4Rec's predictor: by default an expected rating, from both histories, both averages and the rationale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from duetbench.interfaces import option
from duetbench.scorers.rating_expectation import RatingExpectation
from duetbench.scorers.rating_prompts import item_window
from duetbench.types import Interaction, Profiles


class Reason4RecPredictor(RatingExpectation):
    """The mean, median or mode of the labels under their probabilities, from the inputs of the original's predictor.

    By default the histories show the beginnings of the reviews, so that the predictor works with any strategy;
    `reviews: aspects` shows the summarizer's aspects, as the original does. Without training it is the base model;
    training adds an adapter.
    """

    name = "r4rec_predictor"
    summary = "mean, median or mode of the labels, from both histories with ratings, both averages and the rationale"
    source = "Reason4Rec (Fang et al. 2025)"
    template = "r4rec_predict"

    @dataclass(frozen=True)
    class Config(RatingExpectation.Config):
        answer_prefix: str = option("Predicted Rating: ", "beginning of the completion; the labels follow it")
        item_history_k: int | None = option(
            None, "other people's most recent interactions with the item in the prompt; none: history_k", ge=0
        )
        show_averages: bool | None = option(  # type: ignore[assignment]
            None, "show the user's and the item's mean rating; none: each above its history, if that is not empty"
        )
        reviews: Literal["raw", "aspects"] = option(
            "raw",
            "raw: the beginnings of the reviews; aspects: as the original, what its summarizer wrote on each review, "
            "nothing for other interactions; only with a strategy that writes it (r4rec)",
        )

        @property
        def shown_chars(self) -> int:
            """Characters of each review; aspects are shown in full."""
            return 0 if self.reviews == "aspects" else self.review_chars

        def shown(self, history: Sequence[Interaction], profiles: Profiles) -> Sequence[Interaction]:
            """The interactions with their reviews, or with the texts of the strategy in place of them."""
            if self.reviews == "raw":
                return history
            return [replace(line, review=profiles.line_notes.get(line, "")) for line in history]

        def without_effect(self) -> dict[str, str]:
            """See `Plugin.Config`."""
            reasons = super().without_effect()
            if self.reviews == "aspects":
                reasons["review_chars"] = "reviews=aspects shows no reviews"
            if self.history_k == 0 and item_window(self) == 0:
                reasons["reviews"] = "history_k=0 shows no interaction"
            return reasons

    def reads_line_notes(self) -> bool:
        return bool(self.config.reviews == "aspects")
