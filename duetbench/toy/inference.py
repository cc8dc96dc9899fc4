"""Exact inference in the toy world: what its evidence tells about a user, an item and a rating.

The careful profiles of toy-lm's training texts state these estimates, and the build reports what each source of
information is worth. Arrays of a user's latents have the axes (taste, strictness, mood, favourite aspect).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from duetbench.toy.words import ASPECTS, MOOD_WORDS, QUALITY_WORDS, WORD_ACCURACY
from duetbench.toy.world import DOMAIN, GENRES, LEVELS, MOODS, TASTE_SHARES, rating_distribution
from duetbench.types import Interaction

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

_REVIEW = re.compile(r"(\w+), (my )?(\w+) (\w+)\.")
_QUALITY_OF = {word: level for level, words in QUALITY_WORDS.items() for word in words}
_MOOD_OF = {word: level for level, words in MOOD_WORDS.items() for word in words}


@dataclass(frozen=True, slots=True)
class UserBelief:
    """The posterior of a user's latents."""

    common: Array
    """(strictness, mood, aspect): the probability of these."""
    tastes: Array
    """(genre, taste, strictness, mood, aspect): of each genre's taste, given the other three."""

    def taste(self, genre: str) -> Array:
        """(taste,): the probabilities of the levels -1, 0 and 1."""
        array: Array = (self.tastes[GENRES.index(genre)] * self.common).sum((1, 2, 3))
        return array


@dataclass(frozen=True, slots=True)
class ItemBelief:
    """The posterior of an item's latents."""

    genre: str
    latents: Array
    """(quality, aspect)."""


@cache
def _rating_table() -> Array:
    """(taste, quality, strictness, mood, is_loved, rating)."""
    import numpy as np

    return np.array(
        [
            [
                [[[rating_distribution(t, q, s, m, a) for a in (False, True)] for m in MOODS] for s in LEVELS]
                for q in LEVELS
            ]
            for t in LEVELS
        ]
    )


def _ratings_seen(rating: float, sentiments: bool) -> list[int]:
    """Positions of the ratings that agree with what is shown: one, or all of the same sentiment."""
    if not sentiments:
        return [int(rating) - 1]
    return [i for i, label in enumerate(DOMAIN.labels) if DOMAIN.sentiment(label) == DOMAIN.sentiment(rating)]


def _word_likelihood(word: str) -> Array:
    """(quality,): the probability of a quality word of this level."""
    import numpy as np

    level = _QUALITY_OF[word]
    return np.array([(1 - WORD_ACCURACY) / 3 + WORD_ACCURACY * (level == quality) for quality in LEVELS])


@cache
def _line_likelihood(rating: float, sentiments: bool, words: tuple[str, bool, str, str] | None) -> Array:
    """(taste, strictness, mood, aspect): the probability of a line, given the user; `words` are those of its review."""
    import numpy as np

    table = _rating_table()[..., _ratings_seen(rating, sentiments)].sum(-1)  # taste, quality, strictness, mood, loved
    if words is None:
        by_loved = table.mean(1)
        n = len(ASPECTS)
        likelihood = by_loved[..., 1] / n + by_loved[..., 0] * (n - 1) / n
        return np.repeat(likelihood[..., None], n, axis=-1)
    mood, own, quality, aspect = words
    by_loved = np.einsum("tqsml,q->tsml", table, _word_likelihood(quality))
    is_loved = np.array([name == aspect for name in ASPECTS])
    likelihood = np.where(is_loved, by_loved[..., 1:], by_loved[..., :1]) * (is_loved == own)
    return np.asarray(likelihood * np.array([level == _MOOD_OF[mood] for level in MOODS])[:, None])


def mood_of(word: str) -> int:
    """The mood that a review's first word shows."""
    return _MOOD_OF[word]


def quality_of(word: str) -> int:
    """The level that a review's quality word names."""
    return _QUALITY_OF[word]


def review_words(review: str) -> tuple[str, bool, str, str] | None:
    """Mood word, whether the aspect is the user's own, quality word and aspect; None: no review."""
    found = _REVIEW.fullmatch(review)
    return (found[1], bool(found[2]), found[3], found[4]) if found else None


def user_belief(history: Sequence[Interaction], *, sentiments: bool = False, reviews: bool = True) -> UserBelief:
    """The posterior of a user's latents, given the history.

    Args:
        history: The user's interactions.
        sentiments: Whether only the sentiments of the ratings are known.
        reviews: Whether the reviews are known.
    """
    import numpy as np

    prior = np.array(list(TASTE_SHARES.values()))[:, None, None, None]
    tastes = np.broadcast_to(prior, (len(GENRES), 3, 3, 2, len(ASPECTS))).copy()
    for line in history:
        words = review_words(line.review) if reviews else None
        tastes[GENRES.index(line.item.categories[0])] *= _line_likelihood(line.rating, sentiments, words)
    evidence = tastes.sum(1)  # (genre, strictness, mood, aspect)
    common = evidence.prod(0)
    return UserBelief(common / common.sum(), tastes / np.maximum(evidence[:, None], 1e-300))


@cache
def _stranger_likelihood(rating: float) -> Array:
    """(quality, is_loved): the probability of a random user's rating."""
    import numpy as np

    shares = np.array(list(TASTE_SHARES.values()))
    table: Array = np.einsum("tqsml,t->qsml", _rating_table()[..., int(rating) - 1], shares).mean((1, 2))
    return table


def item_belief(genre: str, history: Sequence[Interaction], *, reviews: bool = True) -> ItemBelief:
    """The posterior of an item's latents, given its ratings by others; a review's mood and ownership are not used."""
    import numpy as np

    latents = np.full((3, len(ASPECTS)), 1 / (3 * len(ASPECTS)))
    for line in history:
        table = _stranger_likelihood(line.rating)
        words = review_words(line.review) if reviews else None
        mean = table[:, 1] / len(ASPECTS) + table[:, 0] * (1 - 1 / len(ASPECTS))
        latents *= mean[:, None]
        if words:
            latents *= _word_likelihood(words[2])[:, None] * np.array([name == words[3] for name in ASPECTS])
    return ItemBelief(genre, latents / latents.sum())


def predict(user: UserBelief, item: ItemBelief) -> tuple[float, ...]:
    """The probabilities of the ratings 1..5, given both posteriors."""
    import numpy as np

    joint = user.tastes[GENRES.index(item.genre)] * user.common  # taste, strictness, mood, favourite aspect
    loved = np.einsum("tsma,qa->tqsm", joint, item.latents)
    other = np.einsum("tsm,q->tqsm", joint.sum(-1), item.latents.sum(-1)) - loved
    weights = np.stack([other, loved], axis=-1)
    return tuple(float(value) for value in np.einsum("tqsml,tqsmlr->r", weights, _rating_table()))
