"""Ordinal or multinomial logistic regression on the reviews and statistics of both histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from duetbench.interfaces import option
from duetbench.scorers.predictors.base import ClassPredictor
from duetbench.scorers.predictors.label_models import LogisticModel
from duetbench.scorers.predictors.review_features import ReviewPredictor


class TfidfLogistic(ReviewPredictor, ClassPredictor):
    """Label probabilities from the reviews of both histories (TF-IDF with truncated SVD) and their statistics."""

    name = "tfidf_logistic"
    summary = "ordinal logistic regression on TF-IDF and statistics of both histories"
    grid: ClassVar[Sequence[float]] = (0.01, 0.003, 0.1)

    @dataclass(frozen=True)
    class Config:
        form: Literal["multinomial", "ordinal"] = option("ordinal", "ordinal: one model of 'at least this' per label")
        decision: Literal["mean", "median", "mode"] = option(
            "median", "the value of the label probabilities that is predicted"
        )
        dimensions: int = option(16, "dimensions of the reduced TF-IDF vectors of each history", ge=1)
        history_k: int | None = option(None, "latest interactions that count; none: all that requests carry", ge=1)

    def _estimator(self, setting: float) -> LogisticModel:
        return LogisticModel(self._domain.labels, self.config.form, setting)
