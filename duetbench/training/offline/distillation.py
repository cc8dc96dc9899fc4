"""Runs the training stages of a strategy in order: each trains a model that the later ones build on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from duetbench.atomic import write_json
from duetbench.engines.complete import complete
from duetbench.errors import TrainingError
from duetbench.interfaces import (
    DistillationStage,
    Engine,
    RatingStage,
    Scorer,
    Stage,
    Strategy,
    TargetFilter,
    TrainingJob,
    TrainingStage,
)
from duetbench.profiling import ParsedCompletion, parse_completion, write_profiles
from duetbench.training.loop.run import TrainingPlan, TrainingSession, fit
from duetbench.training.loop.validation import Evaluation, Validation
from duetbench.training.offline.candidates import engine_for
from duetbench.training.offline.settings import SftSettings
from duetbench.training.offline.supervised import supervised_plan
from duetbench.training.offline.tokenization import TargetTokenizer
from duetbench.training.presets import explicit_values
from duetbench.training.questions import EarlierStages
from duetbench.training.training_folder import read_content
from duetbench.training.trl.adapter import TokenRow
from duetbench.types import Example, Interaction, ModelRef, Profile, Profiles, Prompt, Request, Sampling, TrainedModels

if TYPE_CHECKING:
    from duetbench.interfaces import Trainer

Target = tuple[Prompt, str]
"""A prompt and the completion to learn."""


class _NoTargetsError(TrainingError):
    """A training stage has no targets."""


def distill(trainer: Trainer, settings: SftSettings, job: TrainingJob) -> TrainedModels:
    """The models of the strategy's training stages; a stage that has ended in its folder is not run again.

    A stage without a target, for instance because its teacher writes nothing readable, is skipped with a message.

    Raises:
        TrainingError: no stage can be run, one fails, or an option has no effect in any stage.
    """
    _check_overridden(trainer, settings, job.strategy)
    distillation = _Distillation(job, settings)
    trained: list[TrainingStage] = []
    failures: list[str] = []
    for stage in filter(distillation.is_applicable, job.strategy.training_stages()):
        stage_settings = replace(settings, **stage.settings) if settings.stage_settings == "published" else settings
        rows = _rows(job.train, stage, settings.pairs, job.seed)
        stage_job = replace(job, train=rows, workdir=job.workdir / stage.name)
        try:
            model = fit(trainer, stage_settings, stage_job, distillation.plan(stage, stage_job, stage_settings))
        except _NoTargetsError as reason:  # its model stays untrained, as the record shows
            job.progress.print_line(f"{trainer.name} of {job.strategy.name}: {reason}")
            failures.append(str(reason))
            continue
        distillation.add(stage, model)
        trained.append(stage)
    if not trained:
        raise TrainingError(
            "; ".join(failures) or f"no training stage of {job.strategy.name} applies to scorer {job.scorer.name}"
        )
    budgets = [read_content(job.workdir / stage.name / "budget.json") for stage in trained]
    total = {name: sum(budget[name] for budget in budgets) for name in ("steps", "tokens", "seconds")}
    write_json(job.workdir / "budget.json", total)
    settings_by_stage = {
        stage.name: content
        for stage in trained
        if (content := read_content(job.workdir / stage.name / "settings.json"))
    }
    write_json(job.workdir / "settings.json", settings_by_stage)
    return distillation.models()


def _check_overridden(trainer: Trainer, settings: SftSettings, strategy: Strategy) -> None:
    """Refuses options that the user set and that the published settings of all stages replace."""
    if settings.stage_settings != "published":
        return
    fixed = set.intersection(*(set(stage.settings) for stage in strategy.training_stages()))
    overridden = sorted(fixed & explicit_values(trainer.config).keys())
    if overridden:
        raise TrainingError(
            f"{', '.join(f'{trainer.name}.{name}' for name in overridden)}: no effect, since the training stages of "
            f"{strategy.name} have published settings; set {trainer.name}.stage_settings=own to use yours"
        )


def _rows(examples: Sequence[Example], stage: TrainingStage, limit: int | None, seed: int) -> list[Example]:
    """The stage's share of `limit` rows that have a history on both sides."""
    with_history = [example for example in examples if example.request.user_history and example.request.item_history]
    Random(seed).shuffle(with_history)
    pool = with_history[:limit]
    first, last = (round(share * len(pool)) for share in stage.share)
    return pool[first:last][: stage.rows]


@dataclass
class _Distillation:
    """The models that were trained so far."""

    job: TrainingJob
    settings: SftSettings

    def __post_init__(self) -> None:
        self._stages: dict[str, ModelRef] = {}
        self._predictors: dict[str, ModelRef] = {}
        self._scorer: ModelRef | None = None

    def is_applicable(self, training_stage: TrainingStage) -> bool:
        """Whether a stage can be run. To train a scorer, it must have a target text and be the scorer of the job."""
        if not isinstance(training_stage, RatingStage):
            return True
        domain = self.job.train[0].request.domain
        can_learn = self.job.scorer.target(domain.labels[0], domain) is not None
        return can_learn and training_stage.scorer in (None, self.job.scorer.name)

    def add(self, training_stage: TrainingStage, model: ModelRef) -> None:
        """Adds the model of a stage, for the later ones to use."""
        if isinstance(training_stage, DistillationStage):
            self._stages[training_stage.stage] = model
        elif isinstance(training_stage, RatingStage) and training_stage.scorer is not None:
            self._scorer = None if model == self.job.model else model
        else:
            self._predictors[training_stage.name] = model

    def models(self) -> TrainedModels:
        """The models that are used after the training."""
        earlier = dict(self._stages)
        last_stage = self.job.strategy.stages()[-1].name
        return TrainedModels(earlier.pop(last_stage, self.job.model), earlier, self._scorer)

    def plan(
        self, training_stage: TrainingStage, job: TrainingJob, settings: SftSettings
    ) -> Callable[[TrainingSession], TrainingPlan]:
        """The function that makes the stage's plan, for `loop.run.fit`."""

        def prepare(session: TrainingSession) -> TrainingPlan:
            session.print_line(f"training stage {training_stage.name}: targets from {len(job.train)} rows")
            counts: Counter[str] = Counter(examples=len(job.train))
            stage = self._stage(training_stage)
            started = time.perf_counter()
            targets = self._targets(training_stage, job, stage, counts)
            seconds = time.perf_counter() - started
            stops, max_tokens = (stage.stop, stage.max_tokens) if stage else ((), 16)
            tokenizer = TargetTokenizer(session.policy, stops, max_tokens)
            rows = [TokenRow(*row) for prompt, text in targets if (row := tokenizer.row(prompt, text))]
            facts = {**counts, "too_long": tokenizer.too_long, "targets": len(rows)}
            if not rows:
                summary = ", ".join(f"{name} {number}" for name, number in facts.items())
                raise _NoTargetsError(f"training stage {training_stage.name} has no targets: {summary}")
            plan = supervised_plan(rows, {**facts, "sampling_seconds": seconds}, settings, job.seed)
            return replace(plan, evaluate=self._evaluation(training_stage, job, session) if job.valid else None)

        return prepare

    def _stage(self, training_stage: TrainingStage) -> Stage | None:
        if not isinstance(training_stage, DistillationStage):
            return None
        return next(stage for stage in self.job.strategy.stages() if stage.name == training_stage.stage)

    def _targets(
        self, training_stage: TrainingStage, job: TrainingJob, stage: Stage | None, counts: Counter[str]
    ) -> list[Target]:
        if isinstance(training_stage, DistillationStage):
            assert stage is not None
            return self._teacher_targets(training_stage, job, stage, counts)
        assert isinstance(training_stage, RatingStage)
        return self._rating_targets(training_stage, job, counts)

    def _writers(self) -> dict[str, Engine]:
        """The engines of the stages that have been trained; other stages run on the untrained model."""
        return {name: engine_for(self.job, model) for name, model in self._stages.items()}

    def _teacher_targets(
        self, training_stage: DistillationStage, job: TrainingJob, stage: Stage, counts: Counter[str]
    ) -> list[Target]:
        requests = [example.request for example in job.train]
        earlier_stages = EarlierStages(job.strategy, stage.name)
        written = write_profiles(earlier_stages, requests, job.engine, Sampling(), stage_engines=self._writers())
        earlier = {answer.key: answer.profiles for answer in written.answers if answer.status == "ok"}
        prompts = stage.prompts(requests, earlier)
        counts["questions"] = len(prompts)
        teacher = _TeacherModel(self._teacher(), stage, training_stage.temperature, job.seed, counts)
        if training_stage.check is None:
            answers = teacher.answers(prompts, prompts, 0)
            return [(prompt, answer.text) for prompt, answer in zip(prompts, answers, strict=True) if answer]
        engine = engine_for(self.job, self._predictors.get(training_stage.check.predictor, self.job.model))
        cases = {
            prompt.key: (job.train[row], Profiles(line_notes=written.profiles[row].line_notes))
            for prompt in prompts
            for row in prompt.for_requests[:1]
        }
        return _filtered(teacher, prompts, cases, training_stage.check, _Predictor(job.scorer, engine))

    def _teacher(self) -> Engine:
        from duetbench.models import resolve

        names = self.settings.teachers
        if len(names) > 1:
            raise TrainingError(f"sft.teachers must name one model for training stages, got {', '.join(names)}")
        return engine_for(self.job, resolve(names[0])) if names else self.job.engine

    def _rating_targets(self, training_stage: RatingStage, job: TrainingJob, counts: Counter[str]) -> list[Target]:
        evidence = self._evidence(training_stage, job.train)
        targets: list[Target] = []
        for example, profiles in zip(job.train, evidence, strict=True):
            if profiles is None:
                counts["no_evidence"] += 1
                continue
            (prompt,) = job.scorer.prompts([example.request], [profiles])
            targets.append((prompt, str(job.scorer.target(example.rating, example.request.domain))))
        return targets

    def _evidence(self, training_stage: RatingStage, examples: Sequence[Example]) -> list[Profiles | None]:
        """The input of the scorer for each row; None if it has no review, or if its profiles are unreadable."""
        requests = [example.request for example in examples]
        if training_stage.evidence == "review":
            reviews = [Profile("pair", " ".join(example.review.split())) for example in examples]
            rows = zip(reviews, self._line_notes(requests), strict=True)
            return [Profiles(pair=review, line_notes=notes) if review.text else None for review, notes in rows]
        written = write_profiles(
            self.job.strategy, requests, self.job.engine, Sampling(), stage_engines=self._writers()
        )
        return [None if profiles.failed else profiles for profiles in written.profiles]

    def _line_notes(self, requests: Sequence[Request]) -> list[Mapping[Interaction, str]]:
        """The texts on single interactions, if the scorer reads them; the last stage is not run."""
        if not self.job.scorer.reads_line_notes():
            return [{} for _ in requests]
        earlier = EarlierStages(self.job.strategy, self.job.strategy.stages()[-1].name)
        written = write_profiles(earlier, requests, self.job.engine, Sampling(), stage_engines=self._writers())
        return [profiles.line_notes for profiles in written.profiles]

    def _evaluation(
        self, training_stage: TrainingStage, job: TrainingJob, session: TrainingSession
    ) -> Callable[[Engine], Evaluation]:
        """How checkpoints are evaluated: predictions of the complete strategy, with the trained model in its place."""
        if isinstance(training_stage, RatingStage):
            valid = [
                (example, profiles)
                for example, profiles in zip(job.valid, self._evidence(training_stage, job.valid), strict=True)
                if profiles is not None
            ]
            if not valid:
                raise TrainingError(
                    f"training stage {training_stage.name}: no validation row has a review or readable profiles"
                )
            rows = Validation(job.strategy, [example for example, _ in valid], job.scorer, 0)
            return lambda engine: rows.evaluate_profiles([profiles for _, profiles in valid], engine)
        assert isinstance(training_stage, DistillationStage)
        engines = {stage.name: job.engine for stage in job.strategy.stages()} | self._writers()
        del engines[training_stage.stage]
        validation = Validation(job.strategy, job.valid, job.scorer, self.settings.show_profiles, engines)
        return lambda engine: validation.evaluate(engine, session.scorer_engine)


@dataclass
class _TeacherModel:
    """Writes completions for the prompts of one stage."""

    engine: Engine
    stage: Stage
    temperature: float
    seed: int
    counts: Counter[str]

    def answers(
        self, prompts: Sequence[Prompt], teacher_prompts: Sequence[Prompt], sample_index: int
    ) -> list[ParsedCompletion | None]:
        """One parsed completion per prompt; None, and counted, if it is unreadable.

        Args:
            prompts: The prompts that are learned.
            teacher_prompts: The prompts as the teacher gets them, with or without a hint.
            sample_index: The number of the sample.
        """
        sampling = Sampling(self.temperature, 1.0, self.stage.max_tokens, self.stage.stop, self.seed, sample_index)
        completions = complete(self.engine, teacher_prompts, sampling)
        parsed = [parse_completion(self.stage, *pair) for pair in zip(prompts, completions, strict=True)]
        self.counts["sampled_tokens"] += sum(answer.completion_tokens for answer in parsed)
        self.counts.update(f"teacher_{answer.status}" for answer in parsed if answer.status != "ok")
        return [answer if answer.status == "ok" else None for answer in parsed]


@dataclass(frozen=True)
class _Predictor:
    """Predicts ratings, with and without a completion."""

    scorer: Scorer
    engine: Engine

    def errors(self, pairs: Sequence[tuple[Example, Profiles]]) -> list[float | None]:
        """The absolute error of each prediction; None if there is no prediction."""
        requests, profiles = [example.request for example, _ in pairs], [written for _, written in pairs]
        predictions = self.scorer.score(requests, profiles, self.engine) if pairs else []
        return [
            None if prediction.value is None else abs(prediction.value - example.rating)
            for (example, _), prediction in zip(pairs, predictions, strict=True)
        ]


def _filtered(
    teacher: _TeacherModel,
    prompts: Sequence[Prompt],
    cases: Mapping[str, tuple[Example, Profiles]],
    check: TargetFilter,
    predictor: _Predictor,
) -> list[Target]:
    """The completions that pass the filter, each with its prompt without a hint.

    Args:
        teacher: Writes completions.
        prompts: The prompts that are learned.
        cases: The example of each prompt, and what the predictor reads without a completion.
        check: The filter.
        predictor: Predicts with and without the completion.
    """
    error_without = dict(zip(cases, predictor.errors(list(cases.values())), strict=True))
    accepted: dict[str, str] = {}
    pending = list(prompts)
    for attempt in range(1 + check.retries if pending else 0):
        teacher_prompts = [check.hint(prompt, cases[prompt.key][0]) for prompt in pending] if attempt else pending
        answers = zip(pending, teacher.answers(pending, teacher_prompts, attempt), strict=True)
        readable = [(prompt, answer) for prompt, answer in answers if answer]
        if attempt:
            allowed = [
                (prompt, answer) for prompt, answer in readable if not _contains_any(answer.text, check.forbidden)
            ]
            teacher.counts["forbidden_word"] += len(readable) - len(allowed)
            readable = allowed
        pairs = [(cases[prompt.key][0], _added(cases[prompt.key][1], answer.profiles)) for prompt, answer in readable]
        for (prompt, answer), error in zip(readable, predictor.errors(pairs), strict=True):
            baseline_error = error_without[prompt.key]
            if error is not None and baseline_error is not None and error - baseline_error < check.tau:
                accepted[prompt.key] = answer.text
                teacher.counts["accepted_with_hint" if attempt else "accepted"] += 1
        pending = [prompt for prompt in pending if prompt.key not in accepted]
        if not pending:
            break
    teacher.counts["rejected"] = len(pending)
    return [(prompt, accepted[prompt.key]) for prompt in prompts if prompt.key in accepted]


def _contains_any(text: str, words: Sequence[str]) -> bool:
    return any(word in text.lower() for word in words)


def _added(base: Profiles, profiles: Sequence[Profile]) -> Profiles:
    for profile in profiles:
        base = base.with_profile(profile)
    return base
