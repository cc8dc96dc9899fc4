"""The training texts of toy-lm for DUET and the scorers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random

import pytest

from duetbench.parsing import parse_rating, parse_tagged_fields
from duetbench.strategies.duet import Duet
from duetbench.toy.build import make_tokenizer
from duetbench.toy.corpus import (
    LESSON_FORMS,
    QUESTIONS,
    WRITER_WINDOW,
    LessonForm,
    duet_text,
    duet_texts,
    lesson,
    make_pair,
    rating_texts,
)
from duetbench.toy.forms import PAIR_PARTS, USER_PARTS, sample_parts, user_facts, user_text
from duetbench.toy.train import encode
from duetbench.toy.world import GENRES


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


def test_writer_reads_fifty_interactions() -> None:
    pair = make_pair(Random(0), user_lines=60, item_lines=2)
    (message,) = duet_text(Random(0), pair, "user").messages
    assert message.content.count(" stars: ") == WRITER_WINDOW == 50


def test_answers_do_not_depend_on_the_target() -> None:
    pair = make_pair(Random(5), user_lines=20, item_lines=5)
    other = replace(pair, user=replace(pair.user, tastes=(0,) * len(GENRES)), example=replace(pair.example, rating=1))
    assert duet_text(Random(1), pair, "both") == duet_text(Random(1), other, "both")


def test_every_part_is_equally_frequent() -> None:
    random = Random(0)
    counts = Counter(part for _ in range(4000) for part in sample_parts(random, USER_PARTS))
    assert set(counts) == set(USER_PARTS)
    assert max(counts.values()) < 1.15 * min(counts.values())


def test_every_part_has_its_sentence() -> None:
    known = replace(user_facts([]), target_genre="jazz")
    sentences = [user_text(None, [part], known) for part in PAIR_PARTS]
    assert len(set(sentences)) == len(PAIR_PARTS)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_generated_ratings_are_readable() -> None:
    random = Random(0)
    answers = [text.answer for _ in range(120) for text in rating_texts(random) if text.answer.startswith("<rating>")]
    assert answers
    assert all(parse_rating(answer, (1, 2, 3, 4, 5), decimals="two") is not None for answer in answers)


def test_label_probabilities_sum_to_one() -> None:
    random = Random(0)
    texts = [text for _ in range(60) for text in rating_texts(random)]
    sums = [sum(label.probabilities) for text in texts for label in text.labels]
    assert sums == pytest.approx([1.0] * len(sums))


@pytest.mark.parametrize(("lines", "form"), list(product((0, 8), LESSON_FORMS)))
def test_the_digits_of_a_lesson_are_its_labels(lines: int, form: LessonForm) -> None:
    text = lesson(Random(3), lines=lines, is_exact=True, form=form)
    assert len(text.labels) == QUESTIONS
    assert all(text.answer[label.position] in "234" for label in text.labels)
    encoded = encode(make_tokenizer(), text)
    assert len(encoded.labels) == QUESTIONS
    assert not any(encoded.weights[position] for position, _ in encoded.labels)


def test_a_lesson_rates_by_what_its_profile_says() -> None:
    text = lesson(Random(3), lines=0, is_exact=True)
    for answer in text.answer.strip(",").split(","):
        genre, label = answer.strip()[:-1], answer[-1]
        stated = text.messages[-1].content.lower().replace("dislikes", "hates")
        expected = "4" if f"likes {genre}" in stated else "2" if f"hates {genre}" in stated else "3"
        assert label == expected
