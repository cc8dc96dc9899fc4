"""Prompts that are too long."""

from __future__ import annotations

from typing import Any

from engine_making import CONTEXT, ask

from duetbench.engines.tokens.truncation import without_spans
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.types import Message, Sampling

LINE = "some people like jazz. "


def history(n: int) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A text of `n` lines and their spans."""
    lines = [f"{number} {LINE}" for number in range(n)]
    starts = [sum(map(len, lines[:number])) for number in range(n)]
    return "".join(lines) + "end", tuple((start, start + len(line)) for start, line in zip(starts, lines, strict=True))


def test_spans_go_in_their_own_order() -> None:
    message = Message("user", "abcdef", droppable=((4, 6), (0, 2)))
    assert [without_spans([message], n)[0].content for n in (0, 1, 2)] == ["abcdef", "abcd", "cd"]


def test_spans_of_the_first_turn_go_first() -> None:
    turns = [Message("system", "ab", ((0, 1),)), Message("user", "cd", ((0, 1),))]
    assert [message.content for message in without_spans(turns, 1)] == ["b", "cd"]
    assert [message.content for message in without_spans(turns, 2)] == ["b", "d"]


def test_as_few_lines_are_dropped_as_it_takes(engine: TransformersEngine) -> None:
    text, spans = history(60)
    answer = engine.generate([ask(text, droppable=spans)], Sampling(max_tokens=20))[0]
    per_line = (answer.prompt_tokens - 5) // (60 - answer.dropped_history)
    assert 0 < answer.dropped_history < 60
    assert answer.prompt_tokens <= CONTEXT - 20 < answer.prompt_tokens + per_line + 1


def test_a_prompt_that_fits_loses_nothing(engine: TransformersEngine) -> None:
    text, spans = history(3)
    assert engine.generate([ask(text, droppable=spans)], Sampling(max_tokens=4))[0].dropped_history == 0


def test_a_prompt_that_cannot_fit_is_an_error_and_the_others_are_answered(engine: TransformersEngine) -> None:
    long, short = engine.generate([ask(LINE * 200), ask("jazz")], Sampling(max_tokens=4, is_slot=True))
    assert (long.status, short.status) == ("error", "ok")
    assert "tokens" in long.error


def test_a_reading_drops_history_too(engine: TransformersEngine) -> None:
    text, spans = history(60)
    reading = engine.label_logprobs([ask(text, droppable=spans)], "Rating: ", ["1", "2"])[0]
    assert reading.status == "ok"
    assert reading.dropped_history > 0


def test_an_answer_longer_than_the_context_is_an_error(engine: TransformersEngine) -> None:
    completion: Any = engine.generate([ask("jazz")], Sampling(max_tokens=CONTEXT))[0]
    assert completion.status == "error"
