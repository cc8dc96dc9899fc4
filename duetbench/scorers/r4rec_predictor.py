"""Reason4Rec's predictor: both histories with their ratings, both averages and the rationale, read at the labels."""

from __future__ import annotations

from dataclasses import dataclass

from duetbench.interfaces import option
from duetbench.scorers.rating_expectation import RatingExpectation


class Reason4RecPredictor(RatingExpectation):
    """An expectation over the labels from all that the original's predictor is told.

    One departure: the histories hold the beginnings of the reviews where the original has the summarizer's aspects,
    so that the predictor can judge any strategy. Untrained it is the model itself; a trained one is an adapter.
    """

    name = "r4rec_predictor"
    summary = "the mean of the labels, from both histories with ratings, both averages and the rationale"
    source = "Reason4Rec (Fang et al. 2025)"
    template = "r4rec_predict"

    @dataclass(frozen=True)
    class Config(RatingExpectation.Config):
        """Options."""

        answer_prefix: str = option(
            "Predicted Rating: ", "the answer's beginning; each label must be one token after it"
        )
