"""Sentiments, windows, history lines and options that the strategies share."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from request_making import ALBUMS, GOLDEN, line, request, text_of

from duetbench.config import build_config
from duetbench.digests import digest_of_value
from duetbench.interfaces import Strategy
from duetbench.strategies.duet import Duet
from duetbench.strategies.kar import Kar
from duetbench.strategies.lg import LettinGo
from duetbench.strategies.palr import Palr
from duetbench.strategies.r4rec import Reason4Rec
from duetbench.strategies.rlmrec import RlmRec
from duetbench.strategies.writing import SentimentConfig, WriterConfig, stars, window
from duetbench.types import Domain, Profile


@pytest.mark.parametrize(
    ("rating", "word"),
    [
        *((1, "negative"), (2, "negative"), (2.4, "negative")),
        *((2.5, "neutral"), (3, "neutral"), (3.5, "neutral")),
        *((4, "positive"), (5, "positive")),
    ],
)
def test_sentiment_of_stars(rating: float, word: str) -> None:
    assert ALBUMS.sentiment(rating) == word


def test_sentiment_follows_the_scale() -> None:
    ten = Domain("film", "films", tuple(range(1, 11)))
    assert [ten.sentiment(rating) for rating in (4, 5, 6, 7)] == ["negative", "neutral", "neutral", "positive"]


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


ADDITIONS = [
    (Kar, {"word_limit": None}, "at most 150 words"),
    (LettinGo, {"word_limit": None}, "At most 200 words"),
    (Palr, {"max_keywords": None}, "At most 8 keywords"),
    (Reason4Rec, {"forbid_ratings": False}, "name no rating"),
]


@pytest.mark.parametrize(("cls", "options", "sentence"), ADDITIONS)
def test_additions_to_the_papers_prompts_can_be_switched_off(
    cls: type[Strategy], options: dict[str, Any], sentence: str
) -> None:
    with_it, without = (
        text_of(cls(cls.Config(**values)).stages()[-1].prompts([request()], {})[-1]) for values in ({}, options)
    )
    assert sentence in with_it
    assert sentence not in without


def test_another_limit_is_in_the_prompt() -> None:
    (prompt,) = Kar(Kar.Config(word_limit=60)).stages()[0].prompts([request()], {})
    assert "at most 60 words." in text_of(prompt)


VARIANTS: dict[type[Strategy], dict[str, Any]] = {
    Duet: {},
    Kar: {"item_knowledge": True},
    LettinGo: {},
    Palr: {"keywords": "ask"},
    RlmRec: {"item_profile": True, "side": "both"},
    Reason4Rec: {},
}


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
@pytest.mark.parametrize("cls", VARIANTS, ids=lambda cls: cls.name)
def test_default_prompts_are_those_of_earlier_versions(cls: type[Strategy], prompt_set: str) -> None:
    """The digest of the prompts' keys; a template that is changed on purpose changes it."""
    requests = [request(0, n_user=0, n_item=0), request(1, n_user=13, n_item=12)]
    keys: list[str] = []
    earlier: dict[str, list[Profile]] = {}
    for stage in cls(cls.Config(prompt_set=prompt_set, **VARIANTS[cls])).stages():
        prompts = stage.prompts(requests, earlier)
        keys += [prompt.key for prompt in prompts]
        earlier |= {prompt.key: [Profile("note", "note on it")] for prompt in prompts}
    assert digest_of_value(keys) == yaml.safe_load((GOLDEN / "prompt_keys.yaml").read_text())[cls.name][prompt_set]
