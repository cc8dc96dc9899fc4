"""Matrix factorisation on top of user and item biases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from duetbench.interfaces import FittingData, option
from duetbench.scorers.predictors.base import Predictor, choose, mean_error, ratings_of
from duetbench.scorers.predictors.biases import Biases
from duetbench.types import Decision, Prediction, Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_SWEEPS = 10


class MatrixFactorization(Predictor):
    """`mu + b_u + b_i + p_u . q_i`, clipped to the scale; an unknown user or item has bias and factors 0.

    The damped biases are those of the scorer `bias`; the factors are fitted to what they leave by alternating least
    squares with an L2 penalty. Damping and penalty are chosen on validation rows by the squared error.
    """

    name = "matrix_factorization"
    summary = "user and item biases plus matrix factorisation (alternating least squares)"
    source = "Koren, Bell & Volinsky, Matrix Factorization Techniques for Recommender Systems, IEEE Computer 2009"
    reads_history: ClassVar[bool] = False
    penalties: ClassVar[Sequence[float]] = (10.0, 3.0, 30.0)

    @dataclass(frozen=True)
    class Config:
        factors: int = option(8, "number of factors", ge=1)
        penalty: float | None = option(None, "L2 penalty of the factors; none: chosen on validation rows", gt=0)

    def decision(self) -> Decision:
        return "mean"

    def _fit(self, data: FittingData) -> None:
        import numpy as np

        rows = data.interactions.sort("user_id", "item_id", "timestamp")  # any order of the rows gives the same fit
        self._biases = Biases.tuned(data, damping=None, form="mean")
        self._users, user = np.unique(rows["user_id"].to_numpy(), return_inverse=True)
        self._items, item = np.unique(rows["item_id"].to_numpy(), return_inverse=True)
        rest = rows["rating"].to_numpy() - self._biases.of(rows["user_id"], rows["item_id"])
        requests, truth = [example.request for example in data.valid()], ratings_of(data.valid())

        def error(penalty: float) -> float:
            self._factors = self._factorize(user, item, rest, penalty)
            return mean_error(self._values(requests), truth, "mean")

        penalties = self.penalties if self.config.penalty is None else (self.config.penalty,)
        penalty = choose(penalties, error) if requests else penalties[0]
        self._factors = self._factorize(user, item, rest, penalty)

    def _factorize(
        self, user: NDArray[np.intp], item: NDArray[np.intp], rest: FloatArray, penalty: float
    ) -> tuple[FloatArray, FloatArray]:
        """User and item factors, each with a last row of zeros for unknown ones."""
        import numpy as np

        random = np.random.default_rng(0)
        items = random.normal(scale=0.1, size=(len(self._items), self.config.factors))
        for _ in range(_SWEEPS):
            users = _least_squares(user, items[item], rest, len(self._users), penalty)
            items = _least_squares(item, users[user], rest, len(self._items), penalty)
        return np.pad(users, ((0, 1), (0, 0))), np.pad(items, ((0, 1), (0, 0)))

    def _values(self, requests: Sequence[Request]) -> FloatArray:
        user_ids = [request.user_id for request in requests]
        item_ids = [request.item.item_id for request in requests]
        users = self._factors[0][_positions(self._users, user_ids)]
        items = self._factors[1][_positions(self._items, item_ids)]
        return self._clipped(self._biases.of(user_ids, item_ids) + (users * items).sum(axis=1))

    def _predictions(self, requests: Sequence[Request]) -> list[Prediction]:
        return [Prediction(float(value)) for value in self._values(requests)]


def _least_squares(
    owner: NDArray[np.intp], partner: FloatArray, rest: FloatArray, n: int, penalty: float
) -> FloatArray:
    """(n, k) factors of each owner that minimise the squared error of its rows plus the penalty."""
    import numpy as np
    from scipy.sparse import csr_array

    k, rows = partner.shape[1], len(owner)
    sums = csr_array((np.ones(rows), (owner, np.arange(rows))), shape=(n, rows))
    gram = (sums @ (partner[:, :, None] * partner[:, None, :]).reshape(rows, k * k)).reshape(n, k, k)
    target = sums @ (partner * rest[:, None])
    return np.linalg.solve(gram + penalty * np.eye(k), target[:, :, None])[:, :, 0]


def _positions(known: NDArray[np.object_], ids: Sequence[str]) -> NDArray[np.intp]:
    """Position of each id in `known`, which is sorted; its length for an unknown id."""
    import numpy as np

    wanted = np.asarray(ids, dtype=object)
    position = np.searchsorted(known, wanted)
    is_known = known[np.minimum(position, len(known) - 1)] == wanted
    return np.where(is_known, position, len(known))
