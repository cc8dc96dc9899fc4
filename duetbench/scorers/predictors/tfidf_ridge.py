"""Ridge regression on the reviews and statistics of both histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from duetbench.interfaces import option
from duetbench.scorers.predictors.review_features import ReviewPredictor
from duetbench.types import Decision, Prediction, Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TfidfRidge(ReviewPredictor):
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

    def _estimator(self, setting: float) -> Any:
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), Ridge(alpha=setting, solver="cholesky"))

    def _values(self, estimator: Any, features: Any) -> NDArray[np.float64]:
        return self._clipped(estimator.predict(features))

    def _predictions(self, requests: Sequence[Request]) -> list[Prediction]:
        return [Prediction(float(value)) for value in self._values(self._fitted, self._features(requests))]
