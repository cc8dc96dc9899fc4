"""Domains of any rating scale."""

from __future__ import annotations

import pytest

from duetbench.types import Domain

STARS = Domain("book", "books")
HALVES = Domain("film", "films", tuple(number / 2 for number in range(1, 11)))
TEN = Domain("film", "films", tuple(range(1, 11)))


def test_whole_labels_are_whole_numbers() -> None:
    assert HALVES.labels[:3] == (0.5, 1, 1.5)
    assert [type(label) for label in HALVES.labels[:2]] == [float, int]
    assert HALVES.label_texts[:4] == ("0.5", "1", "1.5", "2")


@pytest.mark.parametrize(
    ("labels", "sentiments"),
    [
        ((1, 2, 3, 4, 5), "nnmpp"),
        (HALVES.labels, "nnnnmmpppp"),
        (tuple(range(11)), "nnnnmmmpppp"),
        (tuple(range(1, 11)), "nnnnmmpppp"),
        ((0, 1), "np"),
    ],
)
def test_sentiments_split_every_scale_at_its_middle_quarter(labels: tuple[float, ...], sentiments: str) -> None:
    words = {"n": "negative", "m": "neutral", "p": "positive"}
    domain = Domain("film", "films", labels)
    assert [domain.sentiment(label) for label in labels] == [words[letter] for letter in sentiments]


def test_ratings_are_stars_only_where_the_scale_is_one_of_stars() -> None:
    assert [domain.rated(4) for domain in (STARS, HALVES, TEN)] == ["4 stars", "4 stars", "4 of 10"]
    assert (HALVES.rated(3.5), TEN.rated(11 / 3)) == ("3.5 stars", "3.67 of 10")


@pytest.mark.parametrize(
    ("labels", "form"),
    [(STARS.labels, "d.dd"), (HALVES.labels, "d.dd"), (TEN.labels, "d.dd or dd.dd"), ((-1, 0, 1), "-d.dd or d.dd")],
)
def test_the_form_of_an_answer_fits_the_scale(labels: tuple[float, ...], form: str) -> None:
    assert Domain("film", "films", labels).answer_form == form


def test_a_rescaled_domain_maps_to_the_scale_of_the_data_and_back() -> None:
    rescaled = Domain("film", "films", (1, 2, 3, 4, 5), original=TEN.labels)
    assert rescaled.of_data == TEN
    assert rescaled.from_original(10) == 5
    assert [rescaled.to_original(rescaled.from_original(label)) for label in TEN.labels] == list(TEN.labels)
    assert rescaled.to_original(2) == 3.25
    assert (STARS.to_original(3.3), STARS.from_original(3.3), STARS.of_data) == (3.3, 3.3, STARS)
