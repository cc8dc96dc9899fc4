"""Prompts for the small models of the engines' tests."""

from __future__ import annotations

from duetbench.prompts import prompt_key
from duetbench.types import Message, Prompt

CONTEXT = 256
"""Context length of the small models, in tokens."""


def make_prompt(text: str, *, prefill: str = "", droppable: tuple[tuple[int, int], ...] = ()) -> Prompt:
    """A prompt of one message."""
    messages = (Message("user", text, droppable),)
    return Prompt(prompt_key(messages, prefill), "user", messages, (0,), prefill)
