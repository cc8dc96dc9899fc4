"""What toy-lm is taught."""

from __future__ import annotations

from random import Random

import pytest

from duetbench.parsing import parse_rating, parse_tagged_fields
from duetbench.strategies.duet import Duet
from duetbench.toy.corpus import HISTORY_TRUST, heard_shares, make_pair, rate, write_duet
from duetbench.toy.styles import ITEM_STYLES, USER_STYLES, ItemFacts, UserFacts


def test_the_same_seed_teaches_the_same() -> None:
    assert write_duet(Random(2)) == write_duet(Random(2))
    assert rate(Random(2)) == rate(Random(2))


def test_answers_to_duet_can_be_read_by_duet() -> None:
    random = Random(0)
    (stage,) = Duet(Duet.Config(prompt_set="compact")).stages()
    lessons = [lesson for _ in range(60) for lesson in write_duet(random)]
    whole = [one for one in lessons if one.answer.count("<cue>") == 2 and "<constructed_prompt>" in one.answer]
    (prompt,) = stage.prompts([make_pair(random, user_lines=2, item_lines=2).request], {})
    assert len(whole) > 10
    assert all(stage.parse(prompt, lesson.answer) for lesson in whole)


def test_a_side_asked_alone_is_answered_alone() -> None:
    random = Random(0)
    alone = [lesson for _ in range(60) for lesson in write_duet(random) if "one user so" in lesson.messages[0].content]
    assert alone
    assert all(parse_tagged_fields(one.answer, ["profile"], block="user_profile") for one in alone)
    assert not any("item_profile" in one.answer for one in alone)


def test_ratings_in_text_can_be_read() -> None:
    random = Random(0)
    texts = [one.answer for _ in range(60) for one in rate(random) if one.answer.startswith("<rating>")]
    assert texts
    assert all(parse_rating(text, (1, 2, 3, 4, 5), decimals="two") is not None for text in texts)


def test_labels_come_with_shares_that_sum_to_one() -> None:
    random = Random(0)
    shares = [one.shares for _ in range(60) for one in rate(random) if one.shares]
    assert [sum(one) for one in shares] == pytest.approx([1.0] * len(shares))


def test_styles_are_chosen_as_often_as_they_should() -> None:
    assert sum(USER_STYLES.values()) == pytest.approx(1)
    assert sum(ITEM_STYLES.values()) == pytest.approx(1)


def test_all_facts_leave_only_the_noise() -> None:
    told = heard_shares(UserFacts("rock", "jazz", 0), ItemFacts("rock", 1), "rock")
    assert told == pytest.approx((0, 0, 0, 0.1, 0.9))


def test_no_facts_leave_all_ratings_open() -> None:
    assert min(heard_shares(UserFacts(), ItemFacts("rock"), "rock")) > 0.05


def test_a_neutral_genre_is_known_to_be_neutral() -> None:
    told = heard_shares(UserFacts("rock", "jazz", 0), ItemFacts("folk", 0), "folk")
    assert told == pytest.approx((0, 0.1, 0.8, 0.1, 0))


def test_what_only_the_history_tells_counts_in_part() -> None:
    assert 0 < HISTORY_TRUST < 1
