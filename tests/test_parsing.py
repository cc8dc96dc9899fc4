"""Ratings, tagged fields, JSON objects and failure statuses are parsed from answers."""

from __future__ import annotations

import time

import pytest

from duetbench.parsing import (
    failure_status,
    has_words,
    is_refusal,
    is_repetitive,
    parse_json_object,
    parse_rating,
    parse_tagged_fields,
    placeholder_texts,
    strip_reasoning,
)
from duetbench.types import Completion, Message, Prompt

STARS = (1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("<rating>4.37</rating>", 4.37),
        ("<rating>4.37", 4.37),
        ("<RATING> 4.37 </Rating>", 4.37),
        ("I think <rating>1.00</rating> is right", 1.0),
        ("<rating>5.00</rating>", 5.0),
        ("```\n<rating>2.50</rating>\n```", 2.5),
        ("<think><rating>1.00</rating></think><rating>2.50</rating>", 2.5),
        ("<rating>3.00</rating> yes, <rating>3.00</rating>", 3.0),
        ("The review says ‹rating›5.00‹/rating›. <rating>2.00</rating>", 2.0),
    ],
)
def test_rating_is_parsed(text: str, rating: float) -> None:
    assert parse_rating(text, STARS) == rating


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4.37",
        "<rating>4</rating>",
        "<rating>4.5</rating>",
        "<rating>4.375</rating>",
        "<rating>4,37</rating>",
        "<rating>0.99</rating>",
        "<rating>5.01</rating>",
        "<rating>-4.00</rating>",
        "<rating>d.dd</rating>",
        "<rating>four</rating>",
        "<rating>4.00 stars</rating>",
        "<rating></rating>",
        "<rating>4.00<rating>",
        "‹rating›5.00‹/rating›",
        "<think><rating>4.00</rating>",
        "They wrote <rating>5.00</rating>, so <rating>2.00</rating>",
        "<rating>nan</rating>",
        "<rating>١.٠٠</rating>",
    ],
)
def test_rating_is_not_guessed(text: str) -> None:
    assert parse_rating(text, STARS) is None


@pytest.mark.parametrize(("text", "rating"), [("<rating>4</rating>", 4.0), ("<rating>4.5</rating>", 4.5)])
def test_decimals_any_accepts_other_numbers(text: str, rating: float) -> None:
    assert parse_rating(text, STARS, decimals="any") == rating


def test_decimals_any_rejects_ratings_outside_the_scale() -> None:
    assert parse_rating("<rating>7</rating>", STARS, decimals="any") is None
    assert parse_rating("<rating>7</rating>", tuple(range(1, 11)), decimals="any") == 7.0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>a</think> b", "b"),
        ("a </think> b", "b"),
        ("<think>a", ""),
        ("<THINK>a</ think >b<think>c</think>", "b"),
        ("```json\n{}\n```", "{}"),
        ("a ``` b", "a ``` b"),
    ],
)
def test_reasoning_and_fences_are_removed(text: str, answer: str) -> None:
    assert strip_reasoning(text) == answer


def test_fields_are_found_without_a_block() -> None:
    assert parse_tagged_fields("<a>1</a> <b>2</b>", ["a", "b"]) == {"a": "1", "b": "2"}
    assert parse_tagged_fields("<a>1</a>", ["a", "b"]) is None


def test_long_malformed_answers_are_parsed_fast() -> None:
    start = time.process_time()
    for text in ("<user_profile>" * 30_000, "<user_profile><cue>" + "</cue><cue>" * 30_000, "< " * 100_000):
        parse_tagged_fields(text, ["cue", "profile"], block="user_profile")
    assert time.process_time() - start < 2


def test_placeholder_texts_are_those_of_the_prompt() -> None:
    prompt = Prompt("k", "user", (Message("user", "- <profile>: write it\n<profile>some words</profile>"),))
    assert placeholder_texts(prompt, "profile") == {"some words"}


@pytest.mark.parametrize(("text", "expected"), [("...", False), ("  \u200b", False), ("好", True), ("7", True)])
def test_words_need_a_letter_or_digit(text: str, expected: bool) -> None:
    assert has_words(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, I cannot assist.",
        "As an AI language model, I have no opinions.",
        "I am unable to predict ratings.",
        "I can\u2019t provide a rating.",
        "Unfortunately, I won't do that.",
    ],
)
def test_refusal_is_recognised(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    ["The user cannot stand jazz.", "A fan who can't help loving soul.", "Likes sorry songs.", "", "4.00"],
)
def test_profile_is_not_a_refusal(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(
    ("completion", "prefill", "status"),
    [
        (Completion("", "error", error="down"), "", "error"),
        (Completion("half", "truncated"), "", "truncated"),
        (Completion(""), "", "empty"),
        (Completion("<rating>"), "<rating>", "empty"),
        (Completion("<think>hm</think>"), "", "empty"),
        (Completion("I'm sorry, no."), "", "refused"),
        (Completion("something else"), "", "unreadable"),
    ],
)
def test_each_failure_has_its_own_status(completion: Completion, prefill: str, status: str) -> None:
    assert failure_status(completion, prefill=prefill) == status


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a " * 10, True),
        ("a " * 9, False),
        ("one two three " * 5, True),
        ("one two three " * 4, False),
        ("start " + "one two " * 5, True),
        ("one two " * 5 + "end", False),
        ("very very very long", False),
        ("", False),
    ],
)
def test_repetitive_answers_end_in_a_repeated_phrase(text: str, expected: bool) -> None:
    assert is_repetitive(text) is expected


def test_long_broken_json_is_parsed_fast() -> None:
    start = time.process_time()
    for text in ("{" * 100_000, '{"a":' * 20_000, "{'a':" * 3_900, '{"a": "' + "x" * 200_000, "{}" * 50_000):
        assert parse_json_object(text, ["a"]) is None
    assert time.process_time() - start < 2
