"""Makes prompts fit by leaving out history, oldest first; whatever is left out is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.errors import EngineError
from duetbench.types import Message, Prompt


@dataclass(frozen=True, slots=True)
class TruncatedPrompt:
    """A prompt in tokens."""

    ids: tuple[int, ...]
    """Empty if it cannot be served."""
    dropped: int = 0
    """How many droppable spans were left out."""
    error: str = ""
    """Why it cannot be served; empty if it can."""


def truncate(prompt: Prompt, chat: ChatTemplate, *, room: int) -> TruncatedPrompt:
    """The prompt's tokens, shortened by as few droppable spans as it takes.

    Args:
        prompt: Its spans are dropped in their own order, turn by turn.
        chat: The model's template and tokenizer.
        room: Tokens that the prompt may have.
    """
    n_spans = sum(len(message.droppable) for message in prompt.messages)
    try:
        whole = _ids(prompt, chat, 0)
        if len(whole) <= room:
            return TruncatedPrompt(whole)
        shortest = _ids(prompt, chat, n_spans)
        if len(shortest) > room:
            return TruncatedPrompt((), error=_too_long(len(shortest), room, n_spans))
        return _least_dropped(prompt, chat, room, n_spans)
    except EngineError as error:
        return TruncatedPrompt((), error=str(error))


def _least_dropped(prompt: Prompt, chat: ChatTemplate, room: int, n_spans: int) -> TruncatedPrompt:
    low, high = 1, n_spans  # with `high` spans dropped it fits
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if len(_ids(prompt, chat, middle)) <= room else (middle + 1, high)
    return TruncatedPrompt(_ids(prompt, chat, low), dropped=low)


def _ids(prompt: Prompt, chat: ChatTemplate, n_dropped: int) -> tuple[int, ...]:
    return tuple(chat.ids(without_spans(prompt.messages, n_dropped), prompt.prefill))


def without_spans(messages: Sequence[Message], n: int) -> tuple[Message, ...]:
    """The turns without their first `n` droppable spans."""
    kept: list[Message] = []
    for message in messages:
        gone = sorted(message.droppable[:n])
        n -= len(gone)
        pieces: list[str] = []
        end = 0
        for start, stop in gone:
            pieces.append(message.content[end:start])
            end = max(end, stop)
        kept.append(replace(message, content="".join([*pieces, message.content[end:]]), droppable=()))
    return tuple(kept)


def _too_long(n: int, room: int, n_spans: int) -> str:
    left_out = f" without any of its {n_spans} history lines" if n_spans else ""
    return f"the prompt has {n} tokens{left_out}, the model takes {room} beside the answer; shorten reviews or history"
