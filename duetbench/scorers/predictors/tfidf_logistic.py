"""Ordinal or multinomial logistic regression on the reviews and statistics of both histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from duetbench.interfaces import FittingData, option
from duetbench.scorers.predictors.base import ClassPredictor
from duetbench.scorers.predictors.label_models import LogisticModel
from duetbench.scorers.predictors.review_vectors import ReviewVectors
from duetbench.scorers.predictors.statistics import Prior, history_statistics
from duetbench.types import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TfidfLogistic(ClassPredictor):
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

    def _learn_features(self, data: FittingData, ratings: NDArray[np.float64]) -> None:
        self._prior = Prior.of(ratings, data.domain)
        self._reviews = ReviewVectors(data.interactions["review"], self.config.dimensions)

    def _features(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        import numpy as np

        k = self.config.history_k
        return np.hstack([history_statistics(requests, self._prior, k), self._reviews.of(requests, k)])

    def _estimator(self, setting: float) -> LogisticModel:
        return LogisticModel(self._domain.labels, self.config.form, setting)
