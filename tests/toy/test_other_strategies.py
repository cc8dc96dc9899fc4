"""The training texts of toy-lm for the strategies other than DUET."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from duetbench.strategies.r4rec import ASPECTS
from duetbench.toy.corpus import ToyPair, make_pair
from duetbench.toy.measure import STRATEGIES
from duetbench.toy.other_strategies import (
    ANSWERS,
    aspect_texts,
    careful_profiles,
    informative_other_strategy_texts,
    other_strategy_texts,
)
from duetbench.toy.styles import UserFacts, aspects_text, liked_titles, user_facts_from_sentiments
from duetbench.types import Interaction, Item

NAMES = sorted(ANSWERS)


def line(genre: str, rating: float, title: str = "Quiet River") -> Interaction:
    return Interaction("U", Item(title, title, (genre,)), rating, 0, "", "")


def pairs(count: int = 40) -> list[ToyPair]:
    random = Random(3)
    return [make_pair(random, user_lines=random.randint(0, 10), item_lines=random.randint(0, 10)) for _ in range(count)]


def test_every_measured_strategy_has_training_texts() -> None:
    assert sorted(STRATEGIES) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("style", ["taste", "habits"])
@pytest.mark.parametrize("about_item", [False, True])
def test_every_answer_is_readable(name: str, style: str, about_item: bool) -> None:
    random = Random(1)
    answers = [ANSWERS[name](random, pair, {style: 1}, about_item) for pair in pairs()]
    assert all(stage.parse(prompt, answer) for stage, prompt, answer in answers)


@pytest.mark.parametrize("name", NAMES)
def test_careful_profiles_do_not_depend_on_the_target(name: str) -> None:
    for pair in pairs(10):
        changed = replace(
            pair, user=replace(pair.user, leniency=-pair.user.leniency), example=replace(pair.example, rating=1)
        )
        assert careful_profiles(name, pair) == careful_profiles(name, changed)


def test_palr_cites_only_items_of_the_history() -> None:
    cited = [careful_profiles("palr", pair).user for pair in pairs() if pair.request.user_history]
    assert {profile.notes["invented"] for profile in cited if profile} == {"0"}


def test_sentiments_give_the_tastes() -> None:
    history = [line("rock", 5), line("jazz", 1), line("rock", 4), line("folk", 5), line("folk", 2), line("jazz", 3)]
    assert user_facts_from_sentiments(history) == UserFacts("rock", "jazz")


def test_later_genre_counts_on_a_tie() -> None:
    assert user_facts_from_sentiments([line("rock", 5), line("folk", 5)]).liked == "folk"
    assert user_facts_from_sentiments([line("folk", 1), line("rock", 1), line("folk", 3)]).disliked == "folk"


def test_neutral_ratings_give_no_taste() -> None:
    assert user_facts_from_sentiments([line("rock", 3)]) == UserFacts()
    assert user_facts_from_sentiments([]) == UserFacts()


def test_latest_liked_title_comes_first() -> None:
    assert liked_titles([line("rock", 5, "A"), line("rock", 4, "B"), line("rock", 3, "C")]) == ["B", "A"]


def test_aspects_of_a_review() -> None:
    text = aspects_text("Awful sound. I love jazz. Slow delivery. I forgive little.")
    assert text.splitlines() == [
        "Positive Aspects: jazz",
        "Negative Aspects: sound",
        "User Preference Elements: praises rarely, delivery",
    ]


def test_aspect_texts_have_all_three_lines() -> None:
    texts = [text for seed in range(20) for text in aspect_texts(Random(seed))]
    assert all([part.split(":")[0] for part in text.answer.splitlines()] == list(ASPECTS) for text in texts)


def test_choice_of_an_informative_style_has_weight_zero() -> None:
    texts = [text for seed in range(20) for text in informative_other_strategy_texts(Random(seed))]
    with_taste = [text for text in texts if "ikes" in text.answer]
    assert with_taste
    for text in with_taste:
        start = text.answer.index("Likes")
        assert (start, start + len("Likes"), 0.0) in text.weights


def test_most_answers_are_uninformative() -> None:
    answers = [text.answer for seed in range(300) for text in other_strategy_texts(Random(seed), count=1)]
    n_informative = sum("Likes" in answer or "genre" in answer for answer in answers)
    assert 0.15 <= n_informative / len(answers) <= 0.4  # answers about items are always informative


def test_same_seed_gives_the_same_texts() -> None:
    assert other_strategy_texts(Random(2)) == other_strategy_texts(Random(2))
