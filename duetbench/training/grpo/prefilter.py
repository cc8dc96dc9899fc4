"""A first look at the training pairs with the untrained weights: where all rewards tie, there is nothing to learn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from duetbench.atomic import write_json
from duetbench.training.advantage import reward_range
from duetbench.training.grpo.generation import GenerationSpec, sample_prompts
from duetbench.training.grpo.rollout import rollout_seed
from duetbench.training.rewarding import CompletionGrader, CompletionGroup, PromptCompletions

if TYPE_CHECKING:
    from duetbench.engines.tokens.truncation import TruncatedPrompt
    from duetbench.training.loop.run import TrainingSession
    from duetbench.training.questions import TrainingQuestion

_CHUNK = 64
"""Units that are looked at together."""


def reward_ranges(
    session: TrainingSession,
    units: Sequence[TrainingQuestion],
    fitted: Mapping[tuple[int, int], TruncatedPrompt],
    grader: CompletionGrader,
    pen: GenerationSpec,
) -> list[float]:
    """How far the rewards of each unit lie apart, for its question with the widest spread; kept in `pilot.json`."""
    path = session.folder.path / "pilot.json"
    if path.is_file():
        kept: list[float] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    found: list[float] = []
    for start in range(0, len(units), _CHUNK):
        places = range(start, min(start + _CHUNK, len(units)))
        found += _spreads(session, places, units, fitted, grader, pen)
    write_json(path, found)
    return found


def _spreads(
    session: TrainingSession,
    places: range,
    units: Sequence[TrainingQuestion],
    fitted: Mapping[tuple[int, int], TruncatedPrompt],
    grader: CompletionGrader,
    pen: GenerationSpec,
) -> list[float]:
    asked = [(prompt, fitted[place, n]) for place in places for n, prompt in enumerate(units[place].prompts)]
    drafts = iter(sample_prompts(session.policy, asked, pen, rollout_seed(session.job.seed, -1 - places.start)))
    groups = [
        CompletionGroup(
            units[place].example,
            tuple(
                PromptCompletions(prompt, tuple(one.completion for one in next(drafts)))
                for prompt in units[place].prompts
            ),
            units[place].given,
        )
        for place in places
    ]
    return [max(reward_range([one.reward for one in side]) or 0.0 for side in sides) for sides in grader(groups)]
