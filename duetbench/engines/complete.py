"""Completions for prompts of both kinds: free ones are generated in one call, templates slot by slot."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.interfaces import Engine
from duetbench.types import Completion, Prompt, Sampling


def complete(engine: Engine, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
    """One completion per prompt, same order; prompts with a response template are filled in, others are generated."""
    free = [position for position, prompt in enumerate(prompts) if not prompt.response_template]
    templated = [position for position, prompt in enumerate(prompts) if prompt.response_template]
    completions: dict[int, Completion] = {}
    if free:
        completions |= zip(free, engine.generate([prompts[position] for position in free], sampling), strict=True)
    if templated:
        from duetbench.engines.response_template import fill_template

        filled = fill_template(engine, [prompts[position] for position in templated], sampling)
        completions |= zip(templated, filled, strict=True)
    return [completions[position] for position in range(len(prompts))]
