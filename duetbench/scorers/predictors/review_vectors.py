"""Reviews of histories as vectors: TF-IDF, reduced to some dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from duetbench.scorers.predictors.statistics import windows
from duetbench.types import Interaction, Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_VOCABULARY = 20_000
_K = 10
"""How many of the latest reviews of a history are read."""
_CHARACTERS = 2_000
"""How much of a review is read."""


class ReviewVectors:
    """TF-IDF of reviews (unigrams), reduced by truncated SVD; a history is the mean of its reviews.

    The reduction comes first and the mean second, since both are linear: a review that many histories contain is
    vectorised once, and a history needs no sparse row of its own.

    Args:
        reviews: The reviews of the training rows. Words and dimensions are learned from them without any rating.
        dimensions: Maximum number of dimensions.
    """

    def __init__(self, reviews: Iterable[str], dimensions: int) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts = sorted({text[:_CHARACTERS] for text in reviews})  # sorted: any order of the rows gives the same vectors
        self._vectorizer = TfidfVectorizer(max_features=_VOCABULARY, min_df=2, sublinear_tf=True)
        self._is_fitted = self._has_words(texts)
        if self._is_fitted:
            self._fit_reduction(texts, dimensions)

    def of(self, requests: Sequence[Request], k: int | None = None) -> FloatArray:
        """(requests, 2 x dimensions + 1): the user's and the item's history, and their inner product.

        (requests, 0) if the training rows have no words; a history without reviews is 0.
        """
        import numpy as np

        if not self._is_fitted:
            return np.zeros((len(requests), 0))
        length = _K if k is None else min(_K, k)
        user = self._means([request.user_history for request in requests], length)
        item = self._means([request.item_history for request in requests], length)
        return np.hstack([user, item, (user * item).sum(axis=1, keepdims=True)])

    def _has_words(self, texts: Sequence[str]) -> bool:
        analyze = self._vectorizer.build_analyzer()
        seen: set[str] = set()
        for words in map(set, map(analyze, texts)):
            if seen & words:
                return True  # a word in two reviews
            seen |= words
        return False

    def _fit_reduction(self, texts: Sequence[str], dimensions: int) -> None:
        from sklearn.utils.extmath import randomized_svd  # TruncatedSVD divides by the variance, which may be 0

        matrix = self._vectorizer.fit_transform(texts)
        _, _, self._components = randomized_svd(matrix, min(dimensions, *matrix.shape), random_state=0)
        self._rows = {text: row for row, text in enumerate(texts)}
        self._vectors = matrix @ self._components.T

    def _means(self, histories: Sequence[tuple[Interaction, ...]], k: int) -> FloatArray:
        """(histories, dimensions) mean over the reviews of each history that are not empty."""
        import numpy as np
        from scipy.sparse import csr_array

        window, n = windows(histories, k), len(histories)
        texts = [line.review[:_CHARACTERS] for line in window.lines]
        self._add(text for text in texts if text not in self._rows)
        has_text = np.fromiter(map(bool, texts), dtype=np.bool_, count=len(texts))
        owner = window.owner[has_text]
        rows = np.fromiter((self._rows[text] for text in texts if text), dtype=np.intp, count=len(owner))
        weight = 1 / np.maximum(np.bincount(owner, minlength=n), 1)[owner]
        return np.asarray(csr_array((weight, (owner, rows)), shape=(n, len(self._vectors))) @ self._vectors)

    def _add(self, unknown: Iterable[str]) -> None:
        """Adds reviews that are not among the training rows, such as those of earlier test rows."""
        import numpy as np

        texts = sorted(set(unknown))
        if texts:
            self._rows |= {text: len(self._vectors) + position for position, text in enumerate(texts)}
            self._vectors = np.vstack([self._vectors, self._vectorizer.transform(texts) @ self._components.T])
