"""The review texts in the scorer's prompt under a control are those of the writer's prompts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from control_making import context_of, plain_texts, profiles_of, prompt_texts
from request_making import line, request, text_of

from duetbench.controls.raw_evidence import RawEvidence, RawEvidenceFull
from duetbench.interfaces import Strategy
from duetbench.strategies.duet import Duet
from duetbench.strategies.kar import Kar
from duetbench.strategies.lg import LettinGo
from duetbench.strategies.palr import Palr
from duetbench.strategies.r4rec import Reason4Rec
from duetbench.strategies.rlmrec import RlmRec
from duetbench.types import Interaction, Profile, Profiles, Prompt

_WORD = re.compile(r"\b[uo]\d+w\d+\b")


def review(name: str, n: int) -> str:
    """60 words that no other review has."""
    return " ".join(f"{name}{n}w{word}" for word in range(60))


def with_reviews(history: Iterable[Interaction], name: str) -> tuple[Interaction, ...]:
    return tuple(replace(each, review=review(name, n)) for n, each in enumerate(history))


LONG = request(
    user_history=with_reviews((line("anna", n) for n in range(25)), "u"),
    item_history=with_reviews((line(f"other-{n}", 900) for n in range(15)), "o"),
)
CASES: list[tuple[type[Strategy], dict[str, Any]]] = [
    *((Duet, {"review_chars": chars, "history_k": 7}) for chars in (0, 20, 500)),
    (Duet, {"review_chars": 50, "history_k": 7, "recent_k": 3, "side": "user"}),
    *((Reason4Rec, {"review_chars": chars, "history_k": 7}) for chars in (0, 2000, 33)),
    *((cls, {"history_k": 12}) for cls in (Kar, Palr, RlmRec, LettinGo)),
    *((cls, {"history_k": 12, "review_chars": 40}) for cls in (Kar, Palr, RlmRec, LettinGo)),
    (Kar, {"history_slice": "first", "review_chars": 40}),
    (RlmRec, {"history_k": 12, "side": "both", "review_chars": 70}),
]


def writer_words(strategy: Strategy) -> set[str]:
    prompts: list[Prompt] = []
    for stage in strategy.stages():
        prompts += stage.prompts([LONG], {})
    return {word for prompt in prompts for word in _WORD.findall(text_of(prompt))}


@pytest.mark.parametrize(("strategy", "options"), CASES)
def test_the_texts_are_those_that_the_writer_read(strategy: type[Strategy], options: dict[str, Any]) -> None:
    control, writer = RawEvidenceFull(), strategy(strategy.Config(**options))
    context = context_of(control, writer, history_k=0)
    (text,) = prompt_texts(control.apply([LONG], [Profiles()], context), context)
    assert {*_WORD.findall(text)} == writer_words(writer)


@pytest.mark.parametrize("own_chars", [0, 20, 100])
@pytest.mark.parametrize(("strategy", "options"), CASES)
def test_own_lines_show_the_longer_text(strategy: type[Strategy], options: dict[str, Any], own_chars: int) -> None:
    control, writer = RawEvidenceFull(), strategy(strategy.Config(**options))
    context = context_of(control, writer, history_k=5, item_history_k=2, review_chars=own_chars)
    (text,) = prompt_texts(control.apply([LONG], [Profiles()], context), context)
    (plain,) = plain_texts([LONG], [Profiles()], context)
    shown = {*_WORD.findall(text)}
    whole = {word for each in (*LONG.user_history, *LONG.item_history) for word in each.review.split()}
    read = writer_words(writer) | {*_WORD.findall(plain)}
    assert shown <= read
    assert read & whole <= shown  # the last word of the shorter text may be a part of one


@pytest.mark.parametrize("words", range(5, 400, 20))
def test_a_cut_text_has_no_word_that_neither_reads_and_fits(words: int) -> None:
    control, writer = RawEvidence(), Duet(Duet.Config(review_chars=150))
    context = context_of(control, writer, history_k=5, review_chars=20)
    profiles = [profiles_of(0, words)]
    result = control.apply([LONG], profiles, context)
    (text,), (plain,) = prompt_texts(result, context), plain_texts([LONG], profiles, context)
    assert {*_WORD.findall(text)} <= writer_words(writer) | {*_WORD.findall(plain)}
    assert len(text.split()) <= len(plain.split())


def test_an_own_line_is_extended_by_words() -> None:
    control, writer = RawEvidence(), Duet(Duet.Config(review_chars=0, show_averages=False, side="user", recent_k=0))
    context = context_of(control, writer, history_k=10, review_chars=20)
    written = [Profiles(Profile("user", "a b c d e f"))]
    (changed,) = control.apply([LONG], written, context).requests
    newest, second = changed.user_history[-1].review, changed.user_history[-2].review
    assert newest == " ".join(LONG.user_history[-1].review.split()[:13])  # 4 words, and the 9 that the profile takes
    assert second == "u23w0 u23w1 u23w2 u2..."
