"""Checks of prompts, for strategies and scorers."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.testing.conformance.checks import require
from duetbench.testing.small_world import HOSTILE_MARKS, SmallWorld
from duetbench.types import Message, Prompt


def check_prompts(prompts: Sequence[Prompt], n_requests: int) -> None:
    """Requires one key per distinct content, positions in range and droppable spans inside their text."""
    keys: dict[object, str] = {}
    for prompt in prompts:
        require(isinstance(prompt, Prompt), f"expected a Prompt, got a {type(prompt).__name__}")
        require(prompt.messages, f"prompt {prompt.key} has no messages")
        content = tuple((turn.role, turn.content) for turn in prompt.messages), prompt.prefill, prompt.response_template
        require(content not in keys, f"two prompts are equal, {keys.get(content)} and {prompt.key}: send it once")
        keys[content] = prompt.key
        require(prompt.for_requests, f"prompt {prompt.key} is for no request")
        require(all(0 <= n < n_requests for n in prompt.for_requests), f"prompt {prompt.key} is for unknown requests")
        for message in prompt.messages:
            _check_spans(message)
    require(len(set(keys.values())) == len(prompts), "two different prompts share a key: use prompts.unique_prompts")


def _check_spans(message: Message) -> None:
    end = 0
    for start, stop in sorted(message.droppable):
        require(end <= start < stop <= len(message.content), f"span ({start}, {stop}) overlaps or exceeds the text")
        end = stop


def check_no_leaks(prompts: Sequence[Prompt], world: SmallWorld) -> None:
    """Requires that no prompt contains a canary word or unescaped markup from a review."""
    for prompt in prompts:
        text = "\n".join(message.content for message in prompt.messages)
        leaks = [word for word in world.canaries if word in text]
        require(not leaks, f"prompt {prompt.key} contains words of the target or of later reviews: {', '.join(leaks)}")
        marks = [mark for mark in HOSTILE_MARKS if mark in text]
        require(not marks, f"prompt {prompt.key} contains a raw review ({marks!r}): use prompts.render or clean")
