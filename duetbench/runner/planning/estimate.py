"""What a plan will ask: prompts and tokens, counted without loading a model.

First rounds are rendered for real. What later rounds and the scorer see depends on answers that are not there yet, so
made-up answers of the usual length stand in for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from duetbench.runner.examples import Examples
from duetbench.runner.output.run_folder import cell_folder
from duetbench.runner.planning.cells import Cell, WriterSpec
from duetbench.runner.planning.plan import Plan
from duetbench.runner.run import is_finished
from duetbench.types import Profile, Profiles, Prompt, Request

SAMPLE = 2000
"""More requests than this are not rendered; what the first of them need is scaled up."""

CHARS_PER_TOKEN = 4
"""Of English text, roughly; toy-lm has one token per word and asks for less."""

RATING_TOKENS = 8
"""A rating in text."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a cell, or all of them, will ask."""

    examples: int
    """0 in a total."""
    prompts: int
    """Distinct ones, asked of the model or found in the store."""
    prompt_tokens: int
    """Roughly."""
    completion_tokens: int
    """At most, roughly."""
    is_scaled: bool = False
    """True: too many requests to render them all."""
    is_finished: bool = False
    """True: nothing of this will be asked, since the result is there."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """For a plan."""

    cells: tuple[Estimate, ...]
    total: Estimate
    """Over unfinished cells; a prompt that several cells share counts once. Trainings are not in it."""


PromptTokens = dict[tuple[str, str], tuple[int, int]]
"""Tokens of prompt and answer by model and prompt key."""


def estimate(plan: Plan, folder: Path | None = None, examples: Examples | None = None) -> Estimates:
    """What a plan will ask.

    Args:
        plan: The cells.
        folder: The run's, to find finished cells in; None or absent: nothing is finished.
        examples: Builds the examples.
    """
    examples = examples or Examples()
    found = [_estimate(cell, examples, folder) for cell in plan.cells]
    everything: PromptTokens = {}
    scale = 1.0
    for cell_estimate, asked, cell_scale in found:
        if not cell_estimate.is_finished:
            everything |= asked
            scale = max(scale, cell_scale)
    return Estimates(
        tuple(cell_estimate for cell_estimate, _, _ in found), _counted(0, everything, scale, is_finished=False)
    )


def _estimate(cell: Cell, examples: Examples, folder: Path | None) -> tuple[Estimate, PromptTokens, float]:
    requests = [example.request for example in examples.of_cell(cell)]
    rendered = requests[:SAMPLE]
    scale = len(requests) / len(rendered)
    asked = _asked(cell, rendered) if cell.writing else {}
    done = folder is not None and is_finished(cell, cell_folder(folder, cell))
    return _counted(len(requests), asked, scale, is_finished=done), asked, scale


def _counted(examples: int, asked: PromptTokens, scale: float, *, is_finished: bool) -> Estimate:
    return Estimate(
        examples,
        round(scale * len(asked)),
        round(scale * sum(tokens for tokens, _ in asked.values())),
        round(scale * sum(tokens for _, tokens in asked.values())),
        is_scaled=scale > 1,
        is_finished=is_finished,
    )


def _asked(cell: Cell, requests: Sequence[Request]) -> PromptTokens:
    assert cell.writing is not None
    found: PromptTokens = {}
    profiles = _made_up_profiles(cell.writing, requests, found)
    scoring = cell.scorer.make().prompts(requests, profiles)
    _note(found, f"{cell.writing.model.name} {cell.scorer.name}", scoring, RATING_TOKENS)
    return found


def _made_up_profiles(writing: WriterSpec, requests: Sequence[Request], found: PromptTokens) -> list[Profiles]:
    """Profiles as long as answers may be; every round's prompts are noted on the way."""
    profiles = [Profiles() for _ in requests]
    earlier: Mapping[str, Sequence[Profile]] = {}
    for stage in writing.strategy.make().stages():
        prompts = stage.prompts(requests, earlier)
        # Answers of a trained writer are other answers than those of the model that it came from.
        _note(found, f"{writing.model.name} {writing.describe_training()}", prompts, stage.max_tokens)
        answers = {prompt.key: _made_up(prompt, stage.max_tokens) for prompt in prompts}
        for prompt in prompts:
            for position in prompt.for_requests:
                for profile in answers[prompt.key]:
                    profiles[position] = profiles[position].with_profile(profile)
        earlier = {**earlier, **answers}
    return profiles


def _made_up(prompt: Prompt, max_tokens: int) -> list[Profile]:
    """What an answer may become: half of its tokens are notes; `pair` stands for both sides or for a rationale."""
    text = (f"{prompt.key} " + "word " * max_tokens)[: max_tokens * CHARS_PER_TOKEN // 2]
    if prompt.side != "pair":
        return [Profile(prompt.side, text)]
    half = text[: max(len(text) // 2, len(prompt.key))]
    return [Profile("user", half), Profile("item", half)]


def _note(found: PromptTokens, asker: str, prompts: Sequence[Prompt], max_tokens: int) -> None:
    for prompt in prompts:
        chars = sum(len(message.content) for message in prompt.messages) + len(prompt.prefill)
        found[(asker, prompt.key)] = (chars // CHARS_PER_TOKEN, max_tokens)
