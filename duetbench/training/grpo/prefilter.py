"""Samples every training question with the untrained weights, to leave out those whose rewards are all equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from duetbench.atomic import write_json
from duetbench.documents.json_text import load_json
from duetbench.training.advantage import reward_range
from duetbench.training.grpo.generation import GenerationSpec, sample_prompts
from duetbench.training.grpo.rollout import rollout_seed
from duetbench.training.rewarding import CompletionGrader, CompletionGroup, PromptCompletions

if TYPE_CHECKING:
    from duetbench.engines.tokens.truncation import TruncatedPrompt
    from duetbench.training.loop.run import TrainingSession
    from duetbench.training.questions import TrainingQuestion

_CHUNK = 64
"""Questions that are sampled and graded together."""


def reward_ranges(
    session: TrainingSession,
    questions: Sequence[TrainingQuestion],
    encoded: Mapping[tuple[int, int], TruncatedPrompt],
    grader: CompletionGrader,
    generation: GenerationSpec,
) -> list[float]:
    """The reward range of each question, the larger one if it has two prompts; saved in `prefilter.json`."""
    path = session.folder.path / "prefilter.json"
    if path.is_file():
        saved: list[float] = load_json(path)
        return saved
    ranges: list[float] = []
    for start in range(0, len(questions), _CHUNK):
        positions = range(start, min(start + _CHUNK, len(questions)))
        ranges += _ranges_of(session, positions, questions, encoded, grader, generation)
    write_json(path, ranges)
    return ranges


def _ranges_of(
    session: TrainingSession,
    positions: range,
    questions: Sequence[TrainingQuestion],
    encoded: Mapping[tuple[int, int], TruncatedPrompt],
    grader: CompletionGrader,
    generation: GenerationSpec,
) -> list[float]:
    prompts = [(prompt, encoded[n, m]) for n in positions for m, prompt in enumerate(questions[n].prompts)]
    seed = rollout_seed(session.job.seed, -1 - positions.start)
    sampled = iter(sample_prompts(session.policy, prompts, generation, seed))
    groups = [
        CompletionGroup(
            questions[position].example,
            tuple(
                PromptCompletions(prompt, tuple(sample.completion for sample in next(sampled)))
                for prompt in questions[position].prompts
            ),
            questions[position].fixed_profiles,
        )
        for position in positions
    ]
    return [
        max(reward_range([graded.reward for graded in completions]) or 0.0 for completions in group)
        for group in grader(groups)
    ]
