"""Sentiments, windows, history lines and options that the strategies share."""

from __future__ import annotations

import pytest
from request_making import ALBUMS, line

from duetbench.config import build_config
from duetbench.strategies.writing import SentimentConfig, WriterConfig, sentiment, stars, window
from duetbench.types import Domain


@pytest.mark.parametrize(
    ("rating", "word"),
    [
        *((1, "negative"), (2, "negative"), (2.4, "negative")),
        *((2.5, "neutral"), (3, "neutral"), (3.5, "neutral")),
        *((4, "positive"), (5, "positive")),
    ],
)
def test_sentiment_of_stars(rating: float, word: str) -> None:
    assert sentiment(rating, ALBUMS) == word


def test_sentiment_follows_the_scale() -> None:
    ten = Domain("film", "films", tuple(range(1, 11)))
    assert [sentiment(rating, ten) for rating in (4, 5, 6, 7)] == ["negative", "neutral", "neutral", "positive"]


@pytest.mark.parametrize(("rating", "words"), [(1, "1 star"), (4, "4 stars"), (3.5, "3.5 stars")])
def test_stars_have_a_unit(rating: float, words: str) -> None:
    assert stars(rating) == words


@pytest.mark.parametrize(
    ("k", "skip", "expected"),
    [(2, 0, [3, 4]), (9, 0, [0, 1, 2, 3, 4]), (2, 2, [1, 2]), (9, 4, [0]), (2, 5, []), (2, 9, [])],
)
def test_window(k: int, skip: int, expected: list[int]) -> None:
    history = [line("anna", n) for n in range(5)]
    assert [int(interaction.item.item_id.split("-")[1]) for interaction in window(history, k, skip=skip)] == expected


def test_history_lines_can_show_the_rating() -> None:
    (shown,) = SentimentConfig(history_ratings="rating").history_lines([line("anna", 1, rating=2.0)], ALBUMS)
    assert shown.feeling == "2 stars"


@pytest.mark.parametrize(("review_chars", "review"), [(None, ""), (0, "a b c d"), (3, "a b...")])
def test_history_lines_can_show_the_review(review_chars: int | None, review: str) -> None:
    (shown,) = WriterConfig(review_chars=review_chars).history_lines([line("anna", 1, review="a b c d")], ALBUMS)
    assert shown.review == review


@pytest.mark.parametrize("bad", [{"history_k": 0}, {"max_tokens": 0}, {"review_chars": -1}])
def test_sizes_out_of_range_are_faults(bad: dict[str, int]) -> None:
    (fault,) = build_config(WriterConfig, bad, path="kar")[1]
    assert "must be >= " in fault
