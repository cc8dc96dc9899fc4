"""The training texts of toy-lm for DUET and the scorers."""

from __future__ import annotations

from random import Random

import pytest

from duetbench.parsing import parse_rating, parse_tagged_fields
from duetbench.strategies.duet import Duet
from duetbench.toy.corpus import HISTORY_WEIGHT, duet_texts, make_pair, rating_distribution_given, rating_texts
from duetbench.toy.styles import ITEM_STYLES, USER_STYLES, ItemFacts, UserFacts


def test_same_seed_gives_the_same_texts() -> None:
    assert duet_texts(Random(2)) == duet_texts(Random(2))
    assert rating_texts(Random(2)) == rating_texts(Random(2))


def test_duet_answers_are_readable() -> None:
    random = Random(0)
    (stage,) = Duet(Duet.Config(prompt_set="compact")).stages()
    texts = [text for _ in range(60) for text in duet_texts(random)]
    complete = [text for text in texts if text.answer.count("<cue>") == 2 and "<constructed_prompt>" in text.answer]
    (prompt,) = stage.prompts([make_pair(random, user_lines=2, item_lines=2).request], {})
    assert len(complete) > 10
    assert all(stage.parse(prompt, text.answer) for text in complete)


def test_single_side_prompt_has_a_single_side_answer() -> None:
    random = Random(0)
    texts = [text for _ in range(60) for text in duet_texts(random) if "one user so" in text.messages[0].content]
    assert texts
    assert all(parse_tagged_fields(text.answer, ["profile"], block="user_profile") for text in texts)
    assert not any("item_profile" in text.answer for text in texts)


def test_generated_ratings_are_readable() -> None:
    random = Random(0)
    answers = [text.answer for _ in range(60) for text in rating_texts(random) if text.answer.startswith("<rating>")]
    assert answers
    assert all(parse_rating(answer, (1, 2, 3, 4, 5), decimals="two") is not None for answer in answers)


def test_label_probabilities_sum_to_one() -> None:
    random = Random(0)
    texts = [text for _ in range(60) for text in rating_texts(random)]
    sums = [sum(text.label_probabilities) for text in texts if text.label_probabilities]
    assert sums == pytest.approx([1.0] * len(sums))


def test_style_probabilities_sum_to_one() -> None:
    assert sum(USER_STYLES.values()) == pytest.approx(1)
    assert sum(ITEM_STYLES.values()) == pytest.approx(1)


def test_with_all_facts_only_the_noise_remains() -> None:
    probabilities = rating_distribution_given(UserFacts("rock", "jazz", 0), ItemFacts("rock", 1), "rock")
    assert probabilities == pytest.approx((0, 0, 0, 0.1, 0.9))


def test_without_facts_every_rating_is_possible() -> None:
    assert min(rating_distribution_given(UserFacts(), ItemFacts("rock"), "rock")) > 0.05


def test_other_genres_are_known_to_be_neutral() -> None:
    probabilities = rating_distribution_given(UserFacts("rock", "jazz", 0), ItemFacts("folk", 0), "folk")
    assert probabilities == pytest.approx((0, 0.1, 0.8, 0.1, 0))


def test_facts_in_the_history_count_in_part() -> None:
    assert 0 < HISTORY_WEIGHT < 1
