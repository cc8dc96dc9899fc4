"""Reason4Rec's predictor: by default an expected rating, from both histories, both averages and the rationale."""

from __future__ import annotations

from dataclasses import dataclass

from duetbench.interfaces import option
from duetbench.scorers.rating_expectation import RatingExpectation


class Reason4RecPredictor(RatingExpectation):
    """The mean, median or mode of the labels under their probabilities, from the inputs of the original's predictor.

    One difference: the histories show the beginnings of the reviews instead of the summarizer's aspects, so that the
    predictor works with any strategy. Without training it is the base model; training adds an adapter.
    """

    name = "r4rec_predictor"
    summary = "mean, median or mode of the labels, from both histories with ratings, both averages and the rationale"
    source = "Reason4Rec (Fang et al. 2025)"
    template = "r4rec_predict"

    @dataclass(frozen=True)
    class Config(RatingExpectation.Config):
        answer_prefix: str = option(
            "Predicted Rating: ", "beginning of the completion; each label must be a single token after it"
        )
