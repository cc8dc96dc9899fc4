"""Estimators of label probabilities: logistic regression in two forms, and boosted trees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Form = Literal["multinomial", "ordinal"]


class LabelModel(ABC):
    """Estimates the probability of each label; labels without training rows get probability 0."""

    def __init__(self, labels: Sequence[float]) -> None:
        self._labels = labels

    def fit(self, features: FloatArray, ratings: FloatArray) -> None:
        """Fits it; ratings between two labels count as the nearest one."""
        import numpy as np

        nearest = abs(ratings[:, None] - np.asarray(self._labels)).argmin(axis=1)
        self._present, classes = np.unique(nearest, return_inverse=True)
        if len(self._present) > 1:
            self._fit(features, classes)

    def probabilities(self, features: FloatArray) -> FloatArray:
        """(rows, labels); one label alone in the training rows has probability 1."""
        import numpy as np

        result = np.zeros((len(features), len(self._labels)))
        result[:, self._present] = self._predict(features) if len(self._present) > 1 else 1.0
        return result

    @abstractmethod
    def _fit(self, features: FloatArray, classes: NDArray[np.intp]) -> None:
        """Fits it to at least two classes, which are positions in `_present`."""

    @abstractmethod
    def _predict(self, features: FloatArray) -> FloatArray:
        """(rows, classes) probabilities."""


class LogisticModel(LabelModel):
    """Logistic regression on standardised features.

    Args:
        labels: The scale.
        form: `multinomial`: one model of all labels; `ordinal`: one model of "at least this label" per label, whose
            differences are the probabilities (Frank & Hall, A Simple Approach to Ordinal Classification, ECML 2001).
        inverse_penalty: scikit-learn's `C`.
    """

    def __init__(self, labels: Sequence[float], form: Form, inverse_penalty: float) -> None:
        super().__init__(labels)
        self._form = form
        self._inverse_penalty = inverse_penalty

    def _fit(self, features: FloatArray, classes: NDArray[np.intp]) -> None:
        targets = [classes] if self._form == "multinomial" else [classes >= n for n in range(1, len(self._present))]
        self._models = [self._model().fit(features, target) for target in targets]

    def _model(self) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(C=self._inverse_penalty, max_iter=2000))

    def _predict(self, features: FloatArray) -> FloatArray:
        import numpy as np

        if self._form == "multinomial":
            return np.asarray(self._models[0].predict_proba(features))
        at_least = np.stack([model.predict_proba(features)[:, 1] for model in self._models], axis=1)
        at_least = np.minimum.accumulate(at_least, axis=1)  # the models are fitted apart and may cross
        return -np.diff(at_least, axis=1, prepend=1.0, append=0.0)


class BoostedModel(LabelModel):
    """Gradient boosted trees.

    Args:
        labels: The scale.
        leaves: Maximum number of leaves of a tree.
        rounds: Number of trees per label.
    """

    def __init__(self, labels: Sequence[float], leaves: int, rounds: int) -> None:
        super().__init__(labels)
        self._leaves = leaves
        self._rounds = rounds

    def _fit(self, features: FloatArray, classes: NDArray[np.intp]) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier

        self._model = HistGradientBoostingClassifier(
            max_iter=self._rounds,
            max_leaf_nodes=self._leaves,
            early_stopping=False,  # it would take its validation rows from the training rows at random
            random_state=0,
        ).fit(features, classes)

    def _predict(self, features: FloatArray) -> FloatArray:
        import numpy as np

        return np.asarray(self._model.predict_proba(features))
