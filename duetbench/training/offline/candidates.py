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

_FIRST_CHUNK = 4
"""The first chunk under a budget of tokens, from which the cost of a question is estimated."""


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
class _SampleSeed:
    """Where the random numbers of a chunk's samples come from."""

    seed: int
    first_index: int
    """Index of the first sample of each prompt; earlier passes have the lower ones."""


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
    if job.token_budget is not None:  # it may end before the last question, and rows are in the order of time
        Random(job.seed).shuffle(questions)
    engines = _engines(job, spec)
    partners = spec.candidates * len(engines)
    rules = RewardRules(partners, unreadable=None)
    grader = CompletionGrader(stage, job.scorer, job.scorer_engine or job.engine, job.rewards, rules)
    log = JsonLinesLog(session.folder.path / "rollouts.jsonl")
    limit = f", at most {job.token_budget:,} tokens" if job.token_budget else ""
    session.print_line(f"sampling {partners} candidates for each of {len(questions)} pairs{limit}")

    def sample(chunk: Sequence[TrainingQuestion], n_pass: int) -> dict[str, Any]:
        return _sample(stage, chunk, engines, grader, spec, _SampleSeed(job.seed, n_pass * spec.candidates))

    rows = _rows(questions, log, sample, job.token_budget)
    candidates_of = _merged(questions, rows)
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
    sample: Callable[[Sequence[TrainingQuestion], int], dict[str, Any]],
    budget: int | None,
) -> list[dict[str, Any]]:
    """The sampled candidates, one row per chunk; chunks that are in the log are not sampled again.

    Without a budget of tokens, one pass over the questions. With one, as many passes, with new samples each, as it
    pays for: the last one ends where the next question, at the mean cost so far, would exceed it.
    """
    rows = log.read()
    start = rows[-1]["step"] + rows[-1].get("size", CHUNK) if rows else 0
    while questions and (size := _chunk_size(rows, start, len(questions), budget)):
        started = time.perf_counter()
        n_pass, position = divmod(start, len(questions))
        row = sample(questions[position : position + size], n_pass)
        rows.append({"step": start, "size": size, **row, "seconds": time.perf_counter() - started})
        log.append(rows[-1])
        start += size
    return rows


def _chunk_size(rows: Sequence[dict[str, Any]], start: int, n_questions: int, budget: int | None) -> int:
    """Number of questions of the next chunk; 0: there is none. Chunks end with the pass that they belong to."""
    if budget is None:
        return min(CHUNK, max(n_questions - start, 0))
    left = min(CHUNK, n_questions - start % n_questions)
    if not rows:
        return min(left, _FIRST_CHUNK)
    spent = sum(row["tokens"] for row in rows)
    mean = max(spent / start, 1)
    return max(min(left, int((budget - spent) / mean)), 0)


def _merged(questions: Sequence[TrainingQuestion], rows: Sequence[dict[str, Any]]) -> list[PromptCandidates]:
    """The candidates of every prompt that was sampled, over all passes, in the order of the questions."""
    merged: dict[int, list[PromptCandidates]] = {}
    for row in rows:
        saved = iter(row["questions"])
        first = row["step"] % len(questions)
        for number, question in enumerate(questions[first : first + row.get("size", CHUNK)], start=first):
            entries = merged.setdefault(
                number, [PromptCandidates(question.example.rating, prompt, []) for prompt in question.prompts]
            )
            for entry in entries:
                entry.candidates.extend(_graded(values) for values in next(saved))
    return [entry for number in sorted(merged) for entry in merged[number]]


def _sample(
    stage: Stage,
    questions: Sequence[TrainingQuestion],
    engines: Sequence[Engine],
    grader: CompletionGrader,
    spec: CandidateSpec,
    seed: _SampleSeed,
) -> dict[str, Any]:
    """The candidates of every prompt of these questions, in order, as JSON values."""
    prompts = list({prompt.key: prompt for question in questions for prompt in question.prompts}.values())
    completions_of: dict[str, list[Completion]] = {prompt.key: [] for prompt in prompts}
    for engine in engines:
        for sample_index in range(seed.first_index, seed.first_index + spec.candidates):
            sampling = Sampling(spec.temperature, spec.top_p, stage.max_tokens, stage.stop, seed.seed, sample_index)
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
