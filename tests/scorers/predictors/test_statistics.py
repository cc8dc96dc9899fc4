"""Features of histories, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from request_making import ALBUMS, line, request

from duetbench.scorers.predictors.categories import CategoryStatistics
from duetbench.scorers.predictors.review_vectors import ReviewVectors
from duetbench.scorers.predictors.statistics import Prior, history_statistics
from duetbench.types import Interaction, Item

PRIOR = Prior(4.0, 0.5, 5.0)


def test_the_prior_is_the_mean_and_the_share_of_the_highest_label() -> None:
    assert Prior.of(np.array([5.0, 5.0, 1.0, 3.0]), ALBUMS) == Prior(3.5, 0.5, 5.0)


def test_statistics_of_one_side_by_hand() -> None:
    history = tuple(line("anna", n, rating=rating) for n, rating in enumerate((5.0, 5.0, 2.0, 4.0)))
    user = history_statistics([request(user_history=history, user_average=4.0, n_item=0)], PRIOR, None)[0, :7]
    # Three pseudo-ratings of 4 are added, of which half are the highest label; deviation: 3 x 1 + squares to 4.
    expected = [math.log(5), 4.0, (16 + 12) / 7, (2 + 1.5) / 7, math.sqrt((3 + 1 + 1 + 4 + 0) / 7), (11 + 12) / 6, 4.0]
    assert user == pytest.approx(expected)


def test_an_empty_history_has_the_statistics_of_the_prior() -> None:
    empty = history_statistics([request(n_user=0, n_item=0)], PRIOR, None)[0]
    assert empty == pytest.approx([0.0, 4.0, 4.0, 0.5, 1.0, 4.0, 4.0] * 2)


def test_only_the_latest_k_interactions_count() -> None:
    long, short = (request(n_user=n, n_item=0, user_average=3.0) for n in (9, 2))
    latest = request(user_history=long.user_history[-2:], n_item=0, user_average=3.0)
    assert (history_statistics([long], PRIOR, 2) == history_statistics([latest], PRIOR, None)).all()
    assert (history_statistics([short], PRIOR, 2) == history_statistics([short], PRIOR, None)).all()


def _rated(categories: tuple[str, ...], rating: float) -> Interaction:
    return Interaction("anna", Item("-".join(categories), "", categories), rating, 1)


def test_category_statistics_by_hand() -> None:
    items = [Item("a", "", ("Music", "jazz")), Item("b", "", ("Music", "folk"))]
    history = (_rated(("Music", "jazz"), 5.0), _rated(("Music", "folk"), 1.0))
    wanted = request(item=items[0], user_history=history)
    # `Music` is in all items and has weight 0: only the first interaction is similar. The user's mean is (6 + 4) / 3.
    mean = 10 / 3
    similar = (5 + 0.5 * mean) / 1.5
    result = CategoryStatistics(items, PRIOR).of([wanted], None)[0]
    assert result == pytest.approx([similar, similar - mean, 1.0, 1.0])


def test_an_item_without_categories_is_similar_to_nothing() -> None:
    wanted = request(item=Item("x", ""), user_history=(_rated(("jazz",), 2.0),))
    result = CategoryStatistics([Item("a", "", ("jazz",))], PRIOR).of([wanted], None)[0]
    assert result == pytest.approx([3.0, 0.0, 0.0, 0.0])


def test_a_history_is_the_mean_of_its_reviews_that_are_not_empty() -> None:
    vectors = ReviewVectors(["good jazz", "good folk", "bad folk"], 2)
    reviews = [line("anna", n, review=text) for n, text in enumerate(("good jazz", "bad folk"))]
    both, first, second = (
        vectors.of([request(user_history=tuple(history), n_item=0)])[0]
        for history in (reviews, reviews[:1], reviews[1:])
    )
    assert both[:2] == pytest.approx((first[:2] + second[:2]) / 2)
    assert both[2:].tolist() == [0.0, 0.0, 0.0]


def test_reviews_without_a_common_word_have_no_vectors() -> None:
    assert ReviewVectors(["", "one", "two"], 4).of([request()]).shape == (1, 0)
