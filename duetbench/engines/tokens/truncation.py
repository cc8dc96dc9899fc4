"""Shortens prompts by leaving out history, oldest first; everything left out is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.errors import EngineError
from duetbench.types import Message, Prompt


@dataclass(frozen=True, slots=True)
class TruncatedPrompt:
    """The token ids of a prompt that fits."""

    ids: tuple[int, ...]
    """Empty if the prompt cannot be served."""
    dropped: int = 0
    """Number of droppable spans that were left out."""
    error: str = ""
    """Why the prompt cannot be served; empty if it can."""


def truncate(prompt: Prompt, chat: ChatTemplate, *, max_tokens: int) -> TruncatedPrompt:
    """The prompt's token ids, with as few droppable spans left out as necessary.

    Args:
        prompt: Its spans are dropped in their own order, message by message.
        chat: The model's template and tokenizer.
        max_tokens: Length of the prompt at most.
    """
    n_spans = sum(len(message.droppable) for message in prompt.messages)
    try:
        complete = _ids(prompt, chat, 0)
        if len(complete) <= max_tokens:
            return TruncatedPrompt(complete)
        shortest = _ids(prompt, chat, n_spans)
        if len(shortest) > max_tokens:
            return TruncatedPrompt((), error=_too_long(len(shortest), max_tokens, n_spans))
        return _drop_fewest(prompt, chat, max_tokens, n_spans)
    except EngineError as error:
        return TruncatedPrompt((), error=str(error))


def _drop_fewest(prompt: Prompt, chat: ChatTemplate, max_tokens: int, n_spans: int) -> TruncatedPrompt:
    low, high = 1, n_spans  # with `high` spans dropped it fits
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if len(_ids(prompt, chat, middle)) <= max_tokens else (middle + 1, high)
    return TruncatedPrompt(_ids(prompt, chat, low), dropped=low)


def _ids(prompt: Prompt, chat: ChatTemplate, n_dropped: int) -> tuple[int, ...]:
    return tuple(chat.ids(without_spans(prompt.messages, n_dropped), prompt.prefill))


def without_spans(messages: Sequence[Message], n: int) -> tuple[Message, ...]:
    """The messages without their first `n` droppable spans."""
    kept: list[Message] = []
    for message in messages:
        dropped = sorted(message.droppable[:n])
        n -= len(dropped)
        pieces: list[str] = []
        end = 0
        for start, stop in dropped:
            pieces.append(message.content[end:start])
            end = max(end, stop)
        kept.append(replace(message, content="".join([*pieces, message.content[end:]]), droppable=()))
    return tuple(kept)


def _too_long(n: int, max_tokens: int, n_spans: int) -> str:
    without = f" without any of its {n_spans} history lines" if n_spans else ""
    limit = max(max_tokens, 0)
    return (
        f"the prompt has {n} tokens{without}, but only {limit} fit into the context next to the completion; "
        "shorten reviews or history"
    )
