"""Completions for prompts of both kinds: free ones in one go, forms gap by gap."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.interfaces import Engine
from duetbench.types import Completion, Prompt, Sampling


def complete(engine: Engine, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
    """One completion per prompt, same order; a prompt with a `form` is filled in, the others are generated."""
    free = [position for position, prompt in enumerate(prompts) if not prompt.response_template]
    forms = [position for position, prompt in enumerate(prompts) if prompt.response_template]
    found: dict[int, Completion] = {}
    if free:
        found |= zip(free, engine.generate([prompts[position] for position in free], sampling), strict=True)
    if forms:
        from duetbench.engines.response_template import fill_template

        found |= zip(forms, fill_template(engine, [prompts[position] for position in forms], sampling), strict=True)
    return [found[position] for position in range(len(prompts))]
