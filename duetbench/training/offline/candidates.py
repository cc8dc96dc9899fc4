"""Rollouts through an engine, shared by `sft` and `dpo`: sample candidates, read, score and reward them.

The candidates are plain values and are kept in `rollouts.jsonl`: a training that was killed while it sampled goes on
where it stopped, and what was learned from can be read afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from duetbench.engines.complete import complete
from duetbench.interfaces import Engine, Stage, TrainingJob
from duetbench.training.loop.checkpoints import JsonLinesLog
from duetbench.training.questions import TrainingQuestion, trained_stage, training_questions
from duetbench.training.rewarding import (
    CompletionGrader,
    CompletionGroup,
    GradedCompletion,
    PromptCompletions,
    RewardRules,
)
from duetbench.types import Completion, Example, ModelRef, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.training.loop.run import TrainingSession

CHUNK = 32
"""Training examples that are sampled, judged and kept together."""


@dataclass(frozen=True, slots=True)
class CandidateQuestion:
    """One question with its candidates."""

    truth: float
    """The true rating of the pair that it was asked for."""
    prompt: Prompt
    candidates: list[GradedCompletion]


@dataclass(frozen=True)
class CandidateSpec:
    """How candidates are sampled."""

    candidates: int
    """Of each question, per model."""
    temperature: float
    top_p: float
    models: tuple[str, ...]
    """Who writes them; none: the model that is trained."""
    pairs: int | None = None
    """Training examples at most; None: all."""


@dataclass(frozen=True)
class CandidateSet:
    """What was sampled for a training."""

    stage: Stage
    questions: list[CandidateQuestion]
    facts: dict[str, Any]
    """Counts for the result."""


def sample_candidates(session: TrainingSession, how: CandidateSpec) -> CandidateSet:
    """The judged candidates of every question of the job's training examples.

    Where user and item are asked apart, all candidates of one example meet.
    """
    job, stage = session.job, trained_stage(session.job.strategy)
    train = _sample_of(job.train, how.pairs, job.seed)
    asked = training_questions(job.strategy, train, job.engine)
    engines = _engines(job, how.models)
    partners = how.candidates * len(engines)
    grader = CompletionGrader(
        stage, job.scorer, job.scorer_engine or job.engine, job.rewards, RewardRules(partners, unreadable=None)
    )
    kept = JsonLinesLog(session.folder.path / "rollouts.jsonl")
    session.print_line(f"sampling {partners} candidates for each of {len(asked.units)} pairs")
    rows = _rows(asked.units, kept, lambda units: _sample(stage, units, engines, grader, how, job.seed))
    prompts = [(unit.example.rating, prompt) for unit in asked.units for prompt in unit.prompts]
    flat = [candidates for row in rows for candidates in row["questions"]]
    questions = [
        CandidateQuestion(
            truth,
            prompt,
            [GradedCompletion(one["text"], one["status"], (), one["reward"], one["value"]) for one in found],
        )
        for (truth, prompt), found in zip(prompts, flat, strict=True)
    ]
    statuses = [one.status for question in questions for one in question.candidates]
    facts = {
        "examples": len(train),
        "unasked": asked.unasked,
        "questions": len(questions),
        "candidates": len(statuses),
        "readable": statuses.count("ok"),
        "sampled_tokens": sum(row["tokens"] for row in rows),
        "sampling_seconds": sum(row["seconds"] for row in rows),
    }
    return CandidateSet(stage, questions, facts)


def _sample_of(examples: Sequence[Example], limit: int | None, seed: int) -> Sequence[Example]:
    """So many of them in their order, or all."""
    if limit is None or limit >= len(examples):
        return examples
    return [examples[place] for place in sorted(Random(seed).sample(range(len(examples)), limit))]


def _rows(
    units: Sequence[TrainingQuestion],
    kept: JsonLinesLog,
    sample: Callable[[Sequence[TrainingQuestion]], dict[str, Any]],
) -> list[dict[str, Any]]:
    """What was sampled, chunk by chunk; chunks that are kept already are not sampled again."""
    rows = kept.read()
    for start in range(len(rows) * CHUNK, len(units), CHUNK):
        started = time.perf_counter()
        row = sample(units[start : start + CHUNK])
        rows.append({"step": start, **row, "seconds": time.perf_counter() - started})
        kept.append(rows[-1])
    return rows


def _sample(
    stage: Stage,
    units: Sequence[TrainingQuestion],
    engines: Sequence[Engine],
    grader: CompletionGrader,
    how: CandidateSpec,
    seed: int,
) -> dict[str, Any]:
    """The candidates of every question of these units, in order, as JSON values."""
    prompts = list({prompt.key: prompt for unit in units for prompt in unit.prompts}.values())
    pools: dict[str, list[Completion]] = {prompt.key: [] for prompt in prompts}
    for engine in engines:
        for number in range(how.candidates):
            limits = Sampling(how.temperature, how.top_p, stage.max_tokens, stage.stop, seed, number)
            for prompt, completion in zip(prompts, complete(engine, prompts, limits), strict=True):
                pools[prompt.key].append(completion)
    groups = [
        CompletionGroup(
            unit.example,
            tuple(PromptCompletions(prompt, tuple(pools[prompt.key])) for prompt in unit.prompts),
            unit.given,
        )
        for unit in units
    ]
    questions = [[_plain(one) for one in candidates] for group in grader(groups) for candidates in group]
    tokens = sum(completion.completion_tokens for pool in pools.values() for completion in pool)
    return {"questions": questions, "tokens": tokens}


def _plain(one: GradedCompletion) -> dict[str, Any]:
    return {"text": one.text, "status": one.status, "reward": one.reward, "value": one.value}


def _engines(job: TrainingJob, names: Sequence[str]) -> list[Engine]:
    """Engines that sample candidates: the job's own, or others of its kind behind the same store.

    Raises:
        UnknownName: no such model.
        ModelError: a model cannot be had.
    """
    from duetbench.models import resolve

    return [engine_for(job, resolve(name)) for name in names] or [job.engine]


def engine_for(job: TrainingJob, model: ModelRef) -> Engine:
    """An engine of the job's kind for another model, behind the same store; the job's own for its own."""
    return job.engine if model == job.model else job.engine.with_model(model)
