"""What every prompt must keep to, whoever asks it."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.testing.conformance import require
from duetbench.testing.small_world import HOSTILE_MARKS, SmallWorld
from duetbench.types import Message, Prompt


def check_prompts(prompts: Sequence[Prompt], n_requests: int) -> None:
    """Shape: keys unique and equal to the content's identity, positions in range, spans inside their text."""
    seen: dict[object, str] = {}
    for prompt in prompts:
        require(isinstance(prompt, Prompt), f"{type(prompt).__name__} is no Prompt")
        require(prompt.messages, f"prompt {prompt.key} has no messages")
        content = tuple((turn.role, turn.content) for turn in prompt.messages), prompt.prefill, prompt.response_template
        require(content not in seen, f"one question has two prompts, {seen.get(content)} and {prompt.key}: ask it once")
        seen[content] = prompt.key
        require(prompt.for_requests, f"prompt {prompt.key} serves no request")
        require(all(0 <= n < n_requests for n in prompt.for_requests), f"prompt {prompt.key} serves unknown requests")
        for message in prompt.messages:
            _check_spans(message)
    require(len(set(seen.values())) == len(prompts), "two different questions share a key: use prompts.unique_prompts")


def _check_spans(message: Message) -> None:
    end = 0
    for start, stop in sorted(message.droppable):
        require(end <= start < stop <= len(message.content), f"span ({start}, {stop}) overlaps or leaves the text")
        end = stop


def check_safe(prompts: Sequence[Prompt], world: SmallWorld) -> None:
    """No canary, no live markup from a stranger's review."""
    for prompt in prompts:
        text = "\n".join(message.content for message in prompt.messages)
        leaks = [word for word in world.canaries if word in text]
        require(not leaks, f"prompt {prompt.key} tells what nobody could know yet: {', '.join(leaks)}")
        marks = [mark for mark in HOSTILE_MARKS if mark in text]
        require(not marks, f"a review reaches prompt {prompt.key} raw ({marks!r}): use prompts.render or clean")
