"""Prompts that are too long."""

from __future__ import annotations

from typing import Any

from engine_making import CONTEXT, make_prompt

from duetbench.engines.tokens.truncation import without_spans
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.types import Message, Sampling

LINE = "some people like jazz. "


def history(n: int) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A text of `n` lines and their spans."""
    lines = [f"{number} {LINE}" for number in range(n)]
    starts = [sum(map(len, lines[:number])) for number in range(n)]
    return "".join(lines) + "end", tuple((start, start + len(line)) for start, line in zip(starts, lines, strict=True))


def test_spans_are_dropped_in_their_own_order() -> None:
    message = Message("user", "abcdef", droppable=((4, 6), (0, 2)))
    assert [without_spans([message], n)[0].content for n in (0, 1, 2)] == ["abcdef", "abcd", "cd"]


def test_spans_of_the_first_message_are_dropped_first() -> None:
    messages = [Message("system", "ab", ((0, 1),)), Message("user", "cd", ((0, 1),))]
    assert [message.content for message in without_spans(messages, 1)] == ["b", "cd"]
    assert [message.content for message in without_spans(messages, 2)] == ["b", "d"]


def test_as_few_lines_as_necessary_are_dropped(engine: TransformersEngine) -> None:
    text, spans = history(60)
    completion = engine.generate([make_prompt(text, droppable=spans)], Sampling(max_tokens=20))[0]
    per_line = (completion.prompt_tokens - 5) // (60 - completion.dropped_history)
    assert 0 < completion.dropped_history < 60
    assert completion.prompt_tokens <= CONTEXT - 20 < completion.prompt_tokens + per_line + 1


def test_a_prompt_that_fits_loses_nothing(engine: TransformersEngine) -> None:
    text, spans = history(3)
    assert engine.generate([make_prompt(text, droppable=spans)], Sampling(max_tokens=4))[0].dropped_history == 0


def test_a_prompt_that_cannot_fit_is_an_error_and_the_others_are_completed(engine: TransformersEngine) -> None:
    long, short = engine.generate([make_prompt(LINE * 200), make_prompt("jazz")], Sampling(max_tokens=4, is_slot=True))
    assert (long.status, short.status) == ("error", "ok")
    assert "tokens" in long.error


def test_history_is_dropped_where_labels_are_read_too(engine: TransformersEngine) -> None:
    text, spans = history(60)
    result = engine.label_logprobs([make_prompt(text, droppable=spans)], "Rating: ", ["1", "2"])[0]
    assert result.status == "ok"
    assert result.dropped_history > 0


def test_a_completion_longer_than_the_context_is_an_error(engine: TransformersEngine) -> None:
    completion: Any = engine.generate([make_prompt("jazz")], Sampling(max_tokens=CONTEXT))[0]
    assert completion.status == "error"
