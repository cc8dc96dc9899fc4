"""Ridge regression on the reviews and statistics of both histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from duetbench.interfaces import FittingData, option
from duetbench.scorers.predictors.base import FeaturePredictor
from duetbench.scorers.predictors.review_vectors import ReviewVectors
from duetbench.scorers.predictors.statistics import Prior, history_statistics
from duetbench.types import Decision, Prediction, Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TfidfRidge(FeaturePredictor):
    """The expected rating from the reviews of both histories (TF-IDF with truncated SVD) and their statistics."""

    name = "tfidf_ridge"
    summary = "ridge regression on TF-IDF and statistics of both histories"
    grid: ClassVar[Sequence[float]] = (100.0, 10.0, 1000.0)

    @dataclass(frozen=True)
    class Config:
        dimensions: int = option(16, "dimensions of the reduced TF-IDF vectors of each history", ge=1)
        history_k: int | None = option(None, "latest interactions that count; none: all that requests carry", ge=1)

    def decision(self) -> Decision:
        return "mean"

    def _learn_features(self, data: FittingData, ratings: NDArray[np.float64]) -> None:
        self._prior = Prior.of(ratings, data.domain)
        self._reviews = ReviewVectors(data.interactions["review"], self.config.dimensions)

    def _features(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        import numpy as np

        k = self.config.history_k
        return np.hstack([history_statistics(requests, self._prior, k), self._reviews.of(requests, k)])

    def _estimator(self, setting: float) -> Any:
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), Ridge(alpha=setting, solver="cholesky"))

    def _values(self, estimator: Any, features: Any) -> NDArray[np.float64]:
        return self._clipped(estimator.predict(features))

    def _predictions(self, requests: Sequence[Request]) -> list[Prediction]:
        return [Prediction(float(value)) for value in self._values(self._fitted, self._features(requests))]
