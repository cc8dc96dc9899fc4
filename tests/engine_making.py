"""Prompts for the small models of the engines' tests."""

from __future__ import annotations

from duetbench.prompts import prompt_key
from duetbench.types import Message, Prompt

CONTEXT = 256
"""Tokens that the small models take."""


def ask(text: str, *, prefill: str = "", droppable: tuple[tuple[int, int], ...] = ()) -> Prompt:
    """A prompt of one turn."""
    messages = (Message("user", text, droppable),)
    return Prompt(prompt_key(messages, prefill), "user", messages, (0,), prefill)
