"""The training texts of toy-lm for the strategies other than DUET."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from duetbench.strategies.r4rec import ASPECTS
from duetbench.toy.corpus import ToyPair, make_pair
from duetbench.toy.forms import aspects_text, keyword_text, user_facts
from duetbench.toy.measure import STRATEGIES
from duetbench.toy.other_strategies import (
    ANSWERS,
    PromptChoice,
    aspect_texts,
    careful_profiles,
    careful_rating_text,
    other_strategy_texts,
)
from duetbench.toy.world import GENRES
from duetbench.types import Interaction, Item

NAMES = sorted(ANSWERS)


def line(genre: str, rating: float, title: str = "River", review: str = "") -> Interaction:
    return Interaction("U", Item(title, title, (genre,)), rating, 0, review, "")


def pairs(count: int = 40) -> list[ToyPair]:
    random = Random(3)
    return [make_pair(random, user_lines=random.randint(0, 10), item_lines=random.randint(0, 10)) for _ in range(count)]


def test_every_measured_strategy_has_training_texts() -> None:
    assert sorted(STRATEGIES) == sorted(("duet", *NAMES))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("about_item", [False, True])
def test_every_answer_is_readable(name: str, seed: int | None, about_item: bool) -> None:
    random = None if seed is None else Random(seed)
    answers = [ANSWERS[name](random, pair, PromptChoice(about_item)) for pair in pairs()]
    assert all(stage.parse(prompt, answer) for stage, prompt, answer in answers)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_careful_profiles_do_not_depend_on_the_target(name: str) -> None:
    for pair in pairs(10):
        user = replace(pair.user, tastes=(0,) * len(GENRES), strictness=-pair.user.strictness)
        changed = replace(pair, user=user, example=replace(pair.example, rating=1))
        assert careful_profiles(name, pair) == careful_profiles(name, changed)


def test_palr_cites_only_items_of_the_history() -> None:
    cited = [careful_profiles("palr", pair).user for pair in pairs() if pair.request.user_history]
    assert {profile.notes["invented"] for profile in cited if profile} == {"0"}


def test_keywords_are_liked_genres_then_disliked_ones_with_titles() -> None:
    history = [line("rock", 5, "River"), line("rock", 5, "Canyon"), line("jazz", 1, "Ember"), line("jazz", 1, "Nest")]
    known = user_facts(history, sentiments=True, reviews=False)
    assert keyword_text(None, known, history).splitlines() == ['1. rock: "Canyon"', '2. no jazz: "Nest"']


def test_facts_from_sentiments_do_not_use_reviews() -> None:
    history = [line("rock", 5, review="Sigh, my superb voice.")]
    known = user_facts(history, sentiments=True, reviews=False)
    assert (known.mood, known.aspect) == (None, None)
    assert (user_facts(history).mood, user_facts(history).aspect) == (-1, "voice")


def test_aspects_of_a_review() -> None:
    text = aspects_text(line("jazz", 5, review="Sigh, my awful voice."))
    assert text.splitlines() == [
        "Positive Aspects: jazz",
        "Negative Aspects: voice",
        "User Preference Elements: sigh, my voice",
    ]


def test_aspect_texts_have_all_three_lines() -> None:
    texts = [text for seed in range(20) for text in aspect_texts(Random(seed))]
    assert all([part.split(":")[0] for part in text.answer.splitlines()] == list(ASPECTS) for text in texts)


def test_more_reviews_change_only_the_texts_of_r4rec() -> None:
    pair = make_pair(Random(4), user_lines=40, item_lines=20)
    few, many = (
        {name: ANSWERS[name](None, pair, PromptChoice(reviews=reviews))[1:] for name in NAMES} for reviews in (10, 30)
    )
    assert [name for name in NAMES if few[name] != many[name]] == ["r4rec"]


def test_careful_rating_texts_show_ten_interactions_and_a_profile() -> None:
    texts = [careful_rating_text(Random(seed)).messages[-1].content for seed in range(30)]
    assert {text.count(" stars: ") for text in texts} == {10}
    assert all("The user: " in text or "Thoughts: " in text for text in texts)


def test_same_seed_gives_the_same_texts() -> None:
    assert other_strategy_texts(Random(2)) == other_strategy_texts(Random(2))
