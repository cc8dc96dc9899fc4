"""The tokens of labels right after an answer prefix."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.errors import EngineError
from duetbench.types import Message

_ANY_MESSAGES = (Message("user", "x"),)
"""The header of the assistant's turn separates prefill and messages: the prefill's tokens do not depend on them."""


def label_ids(chat: ChatTemplate, prefill: str, labels: Sequence[str]) -> list[int]:
    """The token of each label after a prefill.

    Raises:
        EngineError: a label is not a single token there, or two labels are the same; the message names a prefix that
            works if there is one.
    """
    ids = _ids_after(chat, prefill, labels)
    if ids is None:
        working = [variant for variant in _variants(prefill) if _ids_after(chat, variant, labels) is not None]
        remedy = f"end the prefix as in {working[0]!r}" if working else "choose other labels or another prefix"
        listed = ", ".join(map(repr, labels))
        raise EngineError(f"labels {listed} are not distinct single tokens after {prefill!r} for this model; {remedy}")
    return ids


def _ids_after(chat: ChatTemplate, prefill: str, labels: Sequence[str]) -> list[int] | None:
    start = chat.ids(_ANY_MESSAGES, prefill)
    last_ids: list[int] = []
    for label in labels:
        ids = chat.ids(_ANY_MESSAGES, prefill + label)
        if ids[:-1] != start:
            return None
        last_ids.append(ids[-1])
    return last_ids if len(set(last_ids)) == len(last_ids) else None


def _variants(prefill: str) -> list[str]:
    stripped = prefill.rstrip()
    return [stripped + " ", stripped, stripped + "\n"]
