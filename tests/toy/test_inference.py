"""Exact inference in the toy world."""

from __future__ import annotations

import re
from random import Random

import pytest

from duetbench.toy import world
from duetbench.toy.corpus import make_history, make_item_history, make_pair
from duetbench.toy.inference import item_belief, predict, review_words, user_belief
from duetbench.toy.measure import exact_maes
from duetbench.toy.world import (
    GENRES,
    TASTE_SHARES,
    ToyItem,
    ToyUser,
    expected_stars,
    rating_distribution,
    rating_distribution_of,
)
from duetbench.types import Interaction, Item

USER = ToyUser("U", (1, -1, 0, 0, 0, 0, 0, 1), 0, 1, "lyrics")
ITEM = ToyItem(Item("T", "River", ("blues",)), "blues", 1, "lyrics")


def line(genre: str, rating: float, review: str = "") -> Interaction:
    return Interaction("U", Item("T", "River", (genre,)), rating, 0, review, "")


def test_without_evidence_a_taste_has_its_prior() -> None:
    assert tuple(user_belief([]).taste("jazz")) == pytest.approx(tuple(TASTE_SHARES.values()))


def test_one_low_rating_makes_a_dislike_of_its_genre_likely() -> None:
    belief = user_belief([line("jazz", 1)])
    assert belief.taste("jazz")[0] > 0.7
    assert belief.taste("jazz")[2] < 0.05


def test_posterior_of_a_taste_is_by_bayes_rule() -> None:
    # by hand: sum over quality, strictness, mood and aspect of the probability of five stars, for each taste
    weights = []
    for taste, prior in TASTE_SHARES.items():
        likelihood = sum(
            rating_distribution(taste, quality, strictness, mood, loved)[4] * (0.25 if loved else 0.75) / 18
            for quality in (-1, 0, 1)
            for strictness in (-1, 0, 1)
            for mood in (-1, 1)
            for loved in (False, True)
        )
        weights.append(prior * likelihood)
    posterior = [weight / sum(weights) for weight in weights]
    assert tuple(user_belief([line("soul", 5)]).taste("soul")) == pytest.approx(posterior)


def test_a_review_tells_mood_and_favourite_aspect() -> None:
    belief = user_belief([line("jazz", 4, "Sigh, my great voice.")])
    assert belief.common[:, 0].sum() == pytest.approx(1)
    assert belief.common[..., 3].sum() == pytest.approx(1)


def test_without_reviews_mood_and_aspect_stay_open() -> None:
    belief = user_belief([line("jazz", 4, "Sigh, my great voice.")], reviews=False)
    assert belief.common[..., 3].sum() == pytest.approx(0.25)
    assert 0 < belief.common[:, 0].sum() < 1


def test_sentiments_tell_less_than_ratings() -> None:
    by_rating = user_belief([line("jazz", 5)], reviews=False).taste("jazz")
    by_sentiment = user_belief([line("jazz", 5)], sentiments=True, reviews=False).taste("jazz")
    by_four = user_belief([line("jazz", 4)], sentiments=True, reviews=False).taste("jazz")
    assert by_rating[2] > by_sentiment[2]
    assert tuple(by_sentiment) == pytest.approx(tuple(by_four))


def test_item_reviews_tell_aspect_and_quality() -> None:
    belief = item_belief("jazz", [line("jazz", 5, "Cheers, superb drums."), line("jazz", 5, "Sigh, great drums.")])
    assert belief.latents[:, 0].sum() == pytest.approx(1)
    assert belief.latents[2].sum() > 0.8


def test_long_histories_reveal_the_latent_attributes() -> None:
    random = Random(4)
    belief = user_belief(make_history(random, USER, 400))
    assert [int(belief.taste(genre).argmax()) - 1 for genre in GENRES] == list(USER.tastes)
    assert item_belief("blues", make_item_history(random, ITEM, 200)).latents[2, 1] > 0.99


def test_prediction_with_certain_beliefs_is_the_true_distribution() -> None:
    random = Random(4)
    user, item = (
        user_belief(make_history(random, USER, 600)),
        item_belief("blues", make_item_history(random, ITEM, 200)),
    )
    assert predict(user, item) == pytest.approx(rating_distribution_of(USER, ITEM), abs=0.01)


def test_the_stars_are_a_sum() -> None:
    assert expected_stars(1, 1, 1, 1, True) == pytest.approx(3 + 1.2 + 0.6 - 0.6 + 0.3 + 0.8 * 0.75)


def test_a_review_is_read_word_by_word() -> None:
    assert review_words("Cheers, my superb voice.") == ("Cheers", True, "superb", "voice")
    assert review_words("") is None


@pytest.fixture(scope="module")
def mae() -> dict[str, float]:
    random = Random(6)
    return exact_maes([make_pair(random, user_lines=50, item_lines=20) for _ in range(800)])


def test_each_source_of_information_lowers_the_best_error(mae: dict[str, float]) -> None:
    order = ("all latent attributes", "50 interactions and the item's reviews", "50 interactions", "10 interactions")
    assert [mae[name] for name in order] == sorted(mae[name] for name in order)
    assert mae["10 interactions"] < 0.85 * mae["nothing"]
    assert mae["50 sentiments"] < 0.85 * mae["10 interactions"]


def test_documented_worth_of_each_source_is_the_exact_one(mae: dict[str, float]) -> None:
    documented = re.findall(r"^    (\w.*?)  +(\d\.\d\d)$", str(world.__doc__), re.MULTILINE)
    assert {name: float(value) for name, value in documented} == pytest.approx(mae, abs=0.05)
