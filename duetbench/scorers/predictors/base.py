"""Base classes of scorers without a model: fitted to training rows, with settings chosen on validation rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from duetbench.errors import DataError
from duetbench.evaluation.decision import decide
from duetbench.interfaces import Engine, FittingData, Scorer
from duetbench.types import Decision, Example, Prediction, Profiles, Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

S = TypeVar("S")


class Predictor(Scorer):
    """Fitted to the training rows; ignores profiles and engine."""

    needs_engine: ClassVar[bool] = False
    _is_fitted = False

    def fit(self, data: FittingData) -> None:
        """Fits the scorer to the training rows.

        Raises:
            DataError: there are no training rows.
        """
        if not data.interactions.height:
            raise DataError(f"scorer '{self.name}' got no training rows: check the split")
        self._domain = data.domain
        self._fit(data)
        self._is_fitted = True

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request; profiles and engine are ignored.

        Raises:
            RuntimeError: the scorer was not fitted.
        """
        if not self._is_fitted:
            raise RuntimeError(f"scorer '{self.name}' must be fitted before it predicts")
        return self._predictions(requests) if requests else []

    @abstractmethod
    def _fit(self, data: FittingData) -> None:
        """Learns what `_predictions` needs."""

    @abstractmethod
    def _predictions(self, requests: Sequence[Request]) -> list[Prediction]:
        """One prediction per request; there is at least one."""

    def history_needed(self) -> int:
        """0 unless the option `history_k` is set: it uses the histories that requests carry anyway."""
        return getattr(self.config, "history_k", None) or 0

    def _clipped(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values within the rating scale."""
        import numpy as np

        return np.clip(values, self._domain.labels[0], self._domain.labels[-1])


class FeaturePredictor(Predictor):
    """Fits an estimator to features of the requests; one setting of the estimator is chosen on validation rows.

    The error that is minimised there follows from `decision`.
    """

    grid: ClassVar[Sequence[Any]]
    """Settings of the estimator; the first one is used without validation rows."""

    def fit(self, data: FittingData) -> None:
        with one_thread():
            super().fit(data)

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        with one_thread():
            return super().score(requests, profiles, engine)

    def _fit(self, data: FittingData) -> None:
        train = sorted(data.train(), key=lambda example: example.request.request_id)  # any order gives the same fit
        requests, ratings = [example.request for example in train], ratings_of(train)
        self._learn_features(data, ratings)
        features = self._features(requests)
        estimators = {setting: self._estimator(setting) for setting in self.grid}
        valid = list(data.valid())
        valid_features = self._features([example.request for example in valid]) if valid else None

        decision = self.decision() or "mean"

        def error(setting: Any) -> float:
            estimators[setting].fit(features, ratings)
            return mean_error(self._values(estimators[setting], valid_features), ratings_of(valid), decision)

        self._setting = choose(self.grid, error) if valid else self.grid[0]
        self._fitted = estimators[self._setting]
        if not valid:
            self._fitted.fit(features, ratings)

    @abstractmethod
    def _learn_features(self, data: FittingData, ratings: NDArray[np.float64]) -> None:
        """Learns what `_features` needs from the training rows, such as a vocabulary."""

    @abstractmethod
    def _features(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        """(requests, features), the same for training rows and for predictions."""

    @abstractmethod
    def _estimator(self, setting: Any) -> Any:
        """An estimator with `fit(features, ratings)`."""

    @abstractmethod
    def _values(self, estimator: Any, features: Any) -> NDArray[np.float64]:
        """(rows,) predicted ratings of a fitted estimator."""


class ClassPredictor(FeaturePredictor):
    """Predicts the probability of each label, and from these the rating by the option `decision`."""

    def _values(self, estimator: Any, features: Any) -> NDArray[np.float64]:
        return decide(estimator.probabilities(features), self._domain.labels, self.config.decision)

    def _predictions(self, requests: Sequence[Request]) -> list[Prediction]:
        probabilities = self._fitted.probabilities(self._features(requests))
        values = decide(probabilities, self._domain.labels, self.config.decision)
        return [
            Prediction(float(value), probabilities=tuple(row))
            for value, row in zip(values, probabilities.tolist(), strict=True)
        ]


@contextmanager
def one_thread() -> Iterator[None]:
    """Limits OpenMP and BLAS to one thread.

    The numbers then do not depend on the number of cores, and boosting with two threads on two busy cores was measured
    to take 10 to 20 times longer than with one.
    """
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401  # limits apply only to libraries that are already loaded
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def mean_error(values: NDArray[np.float64], ratings: NDArray[np.float64], decision: Decision) -> float:
    """The mean error that a decision minimises: squared, absolute, or the share of wrong predictions."""
    errors = {
        "mean": (values - ratings) ** 2,
        "median": abs(values - ratings),
        "mode": (values != ratings).astype(float),
    }
    return float(errors[decision].mean())


def choose(grid: Sequence[S], error: Callable[[S], float]) -> S:
    """The setting with the smallest validation error; the first one on a tie."""
    errors = [round(error(setting), 9) for setting in grid]
    return grid[errors.index(min(errors))]


def ratings_of(examples: Sequence[Example]) -> NDArray[np.float64]:
    """(examples,) true ratings."""
    import numpy as np

    return np.array([example.rating for example in examples], dtype=np.float64)
