"""What toy-lm is taught of the strategies beside DUET."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from duetbench.strategies.r4rec import ASPECTS
from duetbench.toy.corpus import ToyPair, make_pair
from duetbench.toy.measure import STRATEGIES
from duetbench.toy.others import FAMILIES, careful_profiles, sort_aspects, tell_others, write_others
from duetbench.toy.styles import UserFacts, aspects_text, enjoyed, read_feelings
from duetbench.types import Interaction, Item

NAMES = sorted(FAMILIES)


def line(genre: str, rating: float, title: str = "Quiet River") -> Interaction:
    return Interaction("U", Item(title, title, (genre,)), rating, 0, "", "")


def pairs(count: int = 40) -> list[ToyPair]:
    random = Random(3)
    return [make_pair(random, user_lines=random.randint(0, 10), item_lines=random.randint(0, 10)) for _ in range(count)]


def test_every_strategy_that_writes_profiles_is_taught() -> None:
    assert sorted(STRATEGIES) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("style", ["taste", "habits"])
@pytest.mark.parametrize("about_item", [False, True])
def test_every_answer_can_be_read(name: str, style: str, about_item: bool) -> None:
    random = Random(1)
    answered = [FAMILIES[name](random, pair, {style: 1}, about_item) for pair in pairs()]
    assert all(stage.parse(prompt, answer) for stage, prompt, answer in answered)


@pytest.mark.parametrize("name", NAMES)
def test_a_careful_answer_cannot_know_the_target(name: str) -> None:
    for pair in pairs(10):
        other = replace(
            pair, user=replace(pair.user, leniency=-pair.user.leniency), example=replace(pair.example, rating=1)
        )
        assert careful_profiles(name, pair) == careful_profiles(name, other)


def test_palr_cites_what_stands_in_the_history() -> None:
    cited = [careful_profiles("palr", pair).user for pair in pairs() if pair.request.user_history]
    assert {profile.notes["invented"] for profile in cited if profile} == {"0"}


def test_feelings_tell_the_tastes() -> None:
    history = [line("rock", 5), line("jazz", 1), line("rock", 4), line("folk", 5), line("folk", 2), line("jazz", 3)]
    assert read_feelings(history) == UserFacts("rock", "jazz")


def test_of_equal_genres_the_later_counts() -> None:
    assert read_feelings([line("rock", 5), line("folk", 5)]).liked == "folk"
    assert read_feelings([line("folk", 1), line("rock", 1), line("folk", 3)]).disliked == "folk"


def test_neutral_lines_tell_no_taste() -> None:
    assert read_feelings([line("rock", 3)]) == UserFacts()
    assert read_feelings([]) == UserFacts()


def test_the_latest_enjoyed_title_comes_first() -> None:
    assert enjoyed([line("rock", 5, "A"), line("rock", 4, "B"), line("rock", 3, "C")]) == ["B", "A"]


def test_a_review_is_sorted_by_what_it_says() -> None:
    text = aspects_text("Awful sound. I love jazz. Slow delivery. I forgive little.")
    assert text.splitlines() == [
        "Positive Aspects: jazz",
        "Negative Aspects: sound",
        "User Preference Elements: praises rarely, delivery",
    ]


def test_summaries_have_all_three_lines() -> None:
    lessons = [lesson for seed in range(20) for lesson in sort_aspects(Random(seed))]
    assert all([part.split(":")[0] for part in each.answer.splitlines()] == list(ASPECTS) for each in lessons)


def test_telling_answers_do_not_teach_that_they_are_chosen() -> None:
    telling = [lesson for seed in range(20) for lesson in tell_others(Random(seed)) if "ikes" in lesson.answer]
    assert telling
    for lesson in telling:
        start = lesson.answer.index("Likes")
        assert (start, start + len("Likes"), 0.0) in lesson.weights


def test_untrained_writers_mostly_say_little() -> None:
    answers = [lesson.answer for seed in range(300) for lesson in write_others(Random(seed), count=1)]
    telling = sum("Likes" in answer or "genre" in answer for answer in answers)
    assert 0.15 <= telling / len(answers) <= 0.4  # the questions about items are always answered


def test_the_same_seed_teaches_the_same() -> None:
    assert write_others(Random(2)) == write_others(Random(2))
