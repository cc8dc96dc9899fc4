"""Estimates the prompts and tokens of a plan without loading a model.

First stages are rendered. Later stages and the scorer depend on completions that do not exist yet: placeholder
completions of the maximum length are used instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from duetbench.errors import DataError
from duetbench.evaluation.empty_windows import empty_window_share
from duetbench.interfaces import ControlledInput, Strategy
from duetbench.runner.controlling import CHARS_PER_TOKEN, apply_control
from duetbench.runner.examples import Examples
from duetbench.runner.output.run_folder import cell_folder
from duetbench.runner.planning.cells import Cell, WriterSpec
from duetbench.runner.planning.plan import Plan
from duetbench.runner.run import is_finished
from duetbench.types import Profile, Profiles, Prompt, Request

SAMPLE = 2000
"""Maximum number of requests that are rendered; the counts are scaled to all requests."""

RATING_TOKENS = 8
"""Approximate length of a rating as text."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Expected requests of a cell, or of a plan."""

    examples: int
    """0 for a plan."""
    prompts: int
    """Distinct prompts, computed or answered from the store."""
    prompt_tokens: int
    """Approximate."""
    completion_tokens: int
    """Approximate upper bound."""
    is_scaled: bool = False
    """True: scaled up from the first requests."""
    is_finished: bool = False
    """True: the result exists, so nothing will be requested."""
    empty_windows: float | None = None
    """Share of the rendered requests whose user has earlier interactions of which the writer sees none."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """Estimates of a plan."""

    cells: tuple[Estimate, ...]
    total: Estimate
    """Over unfinished cells; a prompt that several cells share counts once. Trainings are not included."""


PromptTokens = dict[tuple[str, str], tuple[int, int]]
"""Prompt and completion tokens by model and prompt key."""


def estimate(plan: Plan, folder: Path | None = None, examples: Examples | None = None) -> Estimates:
    """The estimates of a plan.

    Args:
        plan: The cells.
        folder: The run's folder, to find finished cells; None: none are finished.
        examples: Builds the examples.
    """
    examples = examples or Examples()
    results = [_estimate(cell, examples, folder) for cell in plan.cells]
    all_tokens: PromptTokens = {}
    scale = 1.0
    for cell_estimate, tokens, cell_scale in results:
        if not cell_estimate.is_finished:
            all_tokens |= tokens
            scale = max(scale, cell_scale)
    return Estimates(
        tuple(cell_estimate for cell_estimate, _, _ in results), _counted(0, all_tokens, scale, is_finished=False)
    )


def _estimate(cell: Cell, examples: Examples, folder: Path | None) -> tuple[Estimate, PromptTokens, float]:
    requests = [example.request for example in examples.of_cell(cell)]
    rendered = requests[:SAMPLE]
    scale = len(requests) / len(rendered)
    tokens = _prompt_tokens(cell, rendered) if cell.writing else {}
    is_done = folder is not None and is_finished(cell, cell_folder(folder, cell))
    expected = _counted(len(requests), tokens, scale, is_finished=is_done)
    empty = empty_window_share(cell.writing.strategy.make(), rendered) if cell.writing else None
    return replace(expected, empty_windows=empty), tokens, scale


def _counted(examples: int, tokens: PromptTokens, scale: float, *, is_finished: bool) -> Estimate:
    return Estimate(
        examples,
        round(scale * len(tokens)),
        round(scale * sum(n_prompt for n_prompt, _ in tokens.values())),
        round(scale * sum(n_completion for _, n_completion in tokens.values())),
        is_scaled=scale > 1,
        is_finished=is_finished,
    )


def _prompt_tokens(cell: Cell, requests: Sequence[Request]) -> PromptTokens:
    assert cell.writing is not None
    tokens: PromptTokens = {}
    profiles = [Profiles() for _ in requests]
    if cell.writes_profiles:
        profiles = _placeholder_profiles(cell.writing, requests, tokens)
    read = _controlled(cell, requests, profiles)
    scorer = cell.control.scorer if cell.control else cell.scorer
    scoring = scorer.make().prompts(read.requests, read.profiles)
    _count_prompts(tokens, f"{cell.writing.model.name} {cell.scorer.name}", scoring, RATING_TOKENS)
    return tokens


def _controlled(cell: Cell, requests: Sequence[Request], profiles: Sequence[Profiles]) -> ControlledInput:
    """What the scorer reads; where the control is impossible with these requests, the run reports it for its cell."""
    try:
        return apply_control(cell, requests, profiles, lambda text: len(text) // CHARS_PER_TOKEN)
    except DataError:
        return ControlledInput(requests, profiles)


def _placeholder_profiles(writing: WriterSpec, requests: Sequence[Request], tokens: PromptTokens) -> list[Profiles]:
    """Profiles of the maximum length; the prompts of every stage are counted on the way."""
    profiles = [Profiles() for _ in requests]
    earlier: Mapping[str, Sequence[Profile]] = {}
    strategy: Strategy = writing.strategy.make()
    for stage in strategy.stages():
        prompts = stage.prompts(requests, earlier)
        # Completions of a trained writer differ from those of its base model.
        _count_prompts(tokens, f"{writing.model.name} {writing.describe_training()}", prompts, stage.max_tokens)
        answers = {prompt.key: _placeholder(prompt, stage.max_tokens) for prompt in prompts}
        for prompt in prompts:
            for position in prompt.for_requests:
                for profile in answers[prompt.key]:
                    profiles[position] = profiles[position].with_profile(profile)
        earlier = {**earlier, **answers}
    return [
        replace(written, line_notes=strategy.line_notes(request, earlier))
        for written, request in zip(profiles, requests, strict=True)
    ]


def _placeholder(prompt: Prompt, max_tokens: int) -> list[Profile]:
    """Placeholder profiles of one completion: half of its tokens are notes; a `pair` prompt gives both sides."""
    text = (f"{prompt.key} " + "word " * max_tokens)[: max_tokens * CHARS_PER_TOKEN // 2]
    if prompt.side != "pair":
        return [Profile(prompt.side, text)]
    half = text[: max(len(text) // 2, len(prompt.key))]
    return [Profile("user", half), Profile("item", half)]


def _count_prompts(tokens: PromptTokens, model: str, prompts: Sequence[Prompt], max_tokens: int) -> None:
    for prompt in prompts:
        chars = sum(len(message.content) for message in prompt.messages) + len(prompt.prefill)
        tokens[(model, prompt.key)] = (chars // CHARS_PER_TOKEN, max_tokens)
