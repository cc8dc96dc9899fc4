"""Which tokens the labels are, right after an answer prefix."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.errors import EngineError
from duetbench.types import Message

_ANY_TURNS = (Message("user", "x"),)
"""The answer's header separates the answer from the turns: what they say does not change how it is cut into tokens."""


def label_ids(chat: ChatTemplate, answer: str, labels: Sequence[str]) -> list[int]:
    """The token of each label after the beginning of an answer.

    Raises:
        EngineError: a label is not one token there, or two labels are the same; a prefix that works is named if there
            is one.
    """
    found = _ids_after(chat, answer, labels)
    if found is None:
        near = [variant for variant in _variants(answer) if _ids_after(chat, variant, labels) is not None]
        hint = f"end the prefix as in {near[0]!r}" if near else "choose other labels or another prefix"
        told = ", ".join(map(repr, labels))
        raise EngineError(f"labels {told} are not distinct single tokens after {answer!r} for this model; {hint}")
    return found


def _ids_after(chat: ChatTemplate, answer: str, labels: Sequence[str]) -> list[int] | None:
    start = chat.ids(_ANY_TURNS, answer)
    found: list[int] = []
    for label in labels:
        ids = chat.ids(_ANY_TURNS, answer + label)
        if ids[:-1] != start:
            return None
        found.append(ids[-1])
    return found if len(set(found)) == len(found) else None


def _variants(answer: str) -> list[str]:
    bare = answer.rstrip()
    return [bare + " ", bare, bare + "\n"]
