"""Candidates of `sft` and `dpo`: completions that are sampled through an engine, parsed, scored and rewarded.

They are saved in `rollouts.jsonl`: a training that was killed while sampling resumes where it stopped, and what a model
learned from can be read afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from duetbench.engines.complete import complete
from duetbench.interfaces import Engine, Stage, TrainingJob
from duetbench.training.questions import TrainingQuestion, trained_stage, training_questions
from duetbench.training.rewarding import (
    CompletionGrader,
    CompletionGroup,
    GradedCompletion,
    PromptCompletions,
    RewardRules,
)
from duetbench.training.training_folder import JsonLinesLog
from duetbench.types import Completion, Example, ModelRef, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.training.loop.run import TrainingSession

CHUNK = 32
"""Training questions that are sampled, graded and saved together."""


@dataclass(frozen=True, slots=True)
class PromptCandidates:
    """One prompt with its graded candidates."""

    truth: float
    """The true rating of the pair that the prompt is about."""
    prompt: Prompt
    candidates: list[GradedCompletion]


@dataclass(frozen=True)
class CandidateSpec:
    """How candidates are sampled."""

    candidates: int
    """Per prompt and model."""
    temperature: float
    top_p: float
    models: tuple[str, ...]
    """Names of the models that write them; (): the model that is trained."""
    pairs: int | None = None
    """Maximum number of training examples; None: all."""
    own: bool = False
    """Whether the model that is trained writes candidates in addition to `models`."""


@dataclass(frozen=True)
class CandidateSet:
    """The candidates of a training."""

    stage: Stage
    prompts: list[PromptCandidates]
    facts: dict[str, Any]
    """Counts for the result."""


def sample_candidates(session: TrainingSession, spec: CandidateSpec) -> CandidateSet:
    """The graded candidates of every prompt of the job's training examples.

    Where user and item have separate prompts, every user candidate is scored with every item candidate of the example.
    """
    job, stage = session.job, trained_stage(session.job.strategy)
    train = _subset(job.train, spec.pairs, job.seed)
    questions, n_skipped = training_questions(job.strategy, train, job.engine)
    engines = _engines(job, spec)
    partners = spec.candidates * len(engines)
    rules = RewardRules(partners, unreadable=None)
    grader = CompletionGrader(stage, job.scorer, job.scorer_engine or job.engine, job.rewards, rules)
    log = JsonLinesLog(session.folder.path / "rollouts.jsonl")
    session.print_line(f"sampling {partners} candidates for each of {len(questions)} pairs")
    rows = _rows(questions, log, lambda chunk: _sample(stage, chunk, engines, grader, spec, job.seed))
    prompts = [(question.example.rating, prompt) for question in questions for prompt in question.prompts]
    saved = [candidates for row in rows for candidates in row["questions"]]
    candidates_of = [
        PromptCandidates(truth, prompt, [_graded(values) for values in candidates])
        for (truth, prompt), candidates in zip(prompts, saved, strict=True)
    ]
    statuses = [candidate.status for prompt in candidates_of for candidate in prompt.candidates]
    facts = {
        "examples": len(train),
        "models": len(engines),
        "unasked": n_skipped,
        "questions": len(candidates_of),
        "candidates": len(statuses),
        "readable": statuses.count("ok"),
        "sampled_tokens": sum(row["tokens"] for row in rows),
        "sampling_seconds": sum(row["seconds"] for row in rows),
    }
    return CandidateSet(stage, candidates_of, facts)


def _subset(examples: Sequence[Example], limit: int | None, seed: int) -> Sequence[Example]:
    """A random subset in the original order, or all."""
    if limit is None or limit >= len(examples):
        return examples
    return [examples[row] for row in sorted(Random(seed).sample(range(len(examples)), limit))]


def _rows(
    questions: Sequence[TrainingQuestion],
    log: JsonLinesLog,
    sample: Callable[[Sequence[TrainingQuestion]], dict[str, Any]],
) -> list[dict[str, Any]]:
    """The sampled candidates, one row per chunk; chunks that are in the log are not sampled again."""
    rows = log.read()
    for start in range(len(rows) * CHUNK, len(questions), CHUNK):
        started = time.perf_counter()
        row = sample(questions[start : start + CHUNK])
        rows.append({"step": start, **row, "seconds": time.perf_counter() - started})
        log.append(rows[-1])
    return rows


def _sample(
    stage: Stage,
    questions: Sequence[TrainingQuestion],
    engines: Sequence[Engine],
    grader: CompletionGrader,
    spec: CandidateSpec,
    seed: int,
) -> dict[str, Any]:
    """The candidates of every prompt of these questions, in order, as JSON values."""
    prompts = list({prompt.key: prompt for question in questions for prompt in question.prompts}.values())
    completions_of: dict[str, list[Completion]] = {prompt.key: [] for prompt in prompts}
    for engine in engines:
        for sample_index in range(spec.candidates):
            sampling = Sampling(spec.temperature, spec.top_p, stage.max_tokens, stage.stop, seed, sample_index)
            for prompt, completion in zip(prompts, complete(engine, prompts, sampling), strict=True):
                completions_of[prompt.key].append(completion)
    groups = [
        CompletionGroup(
            question.example,
            tuple(PromptCompletions(prompt, tuple(completions_of[prompt.key])) for prompt in question.prompts),
            question.fixed_profiles,
        )
        for question in questions
    ]
    graded = [[_as_json(candidate) for candidate in candidates] for group in grader(groups) for candidates in group]
    tokens = sum(completion.completion_tokens for pool in completions_of.values() for completion in pool)
    return {"questions": graded, "tokens": tokens}


def _as_json(graded: GradedCompletion) -> dict[str, Any]:
    return {"text": graded.text, "status": graded.status, "reward": graded.reward, "value": graded.value}


def _graded(values: dict[str, Any]) -> GradedCompletion:
    return GradedCompletion(values["text"], values["status"], (), values["reward"], values["value"])


def _engines(job: TrainingJob, spec: CandidateSpec) -> list[Engine]:
    """The engines that sample candidates: the job's own, and others of its kind behind the same store; each model once.

    Raises:
        UnknownName: there is no such model.
        ModelError: a model is not available.
    """
    from duetbench.models import resolve

    models = [job.model] if spec.own or not spec.models else []
    for name in spec.models:
        model = resolve(name)
        models += [model] if model not in models else []
    return [engine_for(job, model) for model in models]


def engine_for(job: TrainingJob, model: ModelRef) -> Engine:
    """An engine of the job's kind for another model, behind the same store; the job's engine for the job's model."""
    return job.engine if model == job.model else job.engine.with_model(model)
