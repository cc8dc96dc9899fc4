"""Gives a strategy's lessons in order: each a training of its own, whose model the later ones build on."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from duetbench.atomic import write_json
from duetbench.engines.complete import complete
from duetbench.errors import TrainingError
from duetbench.interfaces import DistillationStage, Engine, RatingStage, Stage, TargetFilter, TrainingJob, TrainingStage
from duetbench.profiling import ParsedCompletion, parse_completion, write_profiles
from duetbench.training.loop.run import TrainingPlan, TrainingSession, fit
from duetbench.training.loop.validation import Evaluation, Validation
from duetbench.training.offline.candidates import engine_for
from duetbench.training.offline.sft import SftSettings, training_plan
from duetbench.training.offline.tokenization import TargetTokenizer
from duetbench.training.questions import EarlierStages
from duetbench.training.report.display import print_line
from duetbench.training.trl.adapter import TokenRow
from duetbench.types import Example, ModelRef, Profile, Profiles, Prompt, Sampling, TrainedModels

if TYPE_CHECKING:
    from duetbench.interfaces import Trainer

Target = tuple[Prompt, str]
"""A question and the answer to learn."""


class _NoTargetsError(TrainingError):
    """A lesson without targets."""


def distill(trainer: Trainer, settings: SftSettings, job: TrainingJob) -> TrainedModels:
    """The models that the strategy's lessons leave; a lesson that has ended in its folder is not given again.

    A lesson without a single target, such as one whose teacher writes nothing readable, is passed over and told.

    Raises:
        TrainingError: no lesson can be given, or one goes wrong.
    """
    school = _Distillation(job, settings)
    lessons: list[TrainingStage] = []
    failures: list[str] = []
    for training_stage in filter(school.is_given, job.strategy.training_stages()):
        tuning = replace(settings, **training_stage.settings) if settings.lessons == "published" else settings
        part = replace(
            job,
            train=_rows(job.train, training_stage, settings.pairs, job.seed),
            workdir=job.workdir / training_stage.name,
        )
        try:
            model = fit(trainer, tuning, part, school.course(training_stage, part, tuning))
        except _NoTargetsError as reason:  # its learner stays untrained, as the record shows
            print_line(f"{trainer.name} of {job.strategy.name}", str(reason))
            failures.append(str(reason))
            continue
        school.graduated(training_stage, model)
        lessons.append(training_stage)
    if not lessons:
        raise TrainingError("; ".join(failures) or f"no lesson of {job.strategy.name} fits scorer {job.scorer.name}")
    found = [
        json.loads((job.workdir / training_stage.name / "budget.json").read_text(encoding="utf-8"))
        for training_stage in lessons
    ]
    budget = {name: sum(each[name] for each in found) for name in ("steps", "tokens", "seconds")}
    write_json(job.workdir / "budget.json", budget)
    files = {training_stage.name: job.workdir / training_stage.name / "settings.json" for training_stage in lessons}
    settings_of = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.is_file()}
    write_json(job.workdir / "settings.json", settings_of)
    return school.models()


def _rows(examples: Sequence[Example], training_stage: TrainingStage, limit: int | None, seed: int) -> list[Example]:
    """The lesson's share of the rows with a history on both sides, of which `limit` are looked at."""
    known = [example for example in examples if example.request.user_history and example.request.item_history]
    Random(seed).shuffle(known)
    pool = known[:limit]
    first, last = (round(share * len(pool)) for share in training_stage.share)
    return pool[first:last][: training_stage.rows]


@dataclass
class _Distillation:
    """Which models there are so far."""

    job: TrainingJob
    settings: SftSettings

    def __post_init__(self) -> None:
        self._stages: dict[str, ModelRef] = {}
        self._predictors: dict[str, ModelRef] = {}
        self._scorer: ModelRef | None = None

    def is_given(self, training_stage: TrainingStage) -> bool:
        """Whether a lesson can be given: a scorer has to have an answer to learn, and the final one to be in use."""
        if not isinstance(training_stage, RatingStage):
            return True
        domain = self.job.train[0].request.domain
        can_learn = self.job.scorer.target(domain.labels[0], domain) is not None
        return can_learn and training_stage.scorer in (None, self.job.scorer.name)

    def graduated(self, training_stage: TrainingStage, model: ModelRef) -> None:
        """Puts the model where later lessons find it."""
        if isinstance(training_stage, DistillationStage):
            self._stages[training_stage.stage] = model
        elif isinstance(training_stage, RatingStage) and training_stage.scorer is not None:
            self._scorer = None if model == self.job.model else model
        else:
            self._predictors[training_stage.name] = model

    def models(self) -> TrainedModels:
        """All that outlives the lessons."""
        earlier = dict(self._stages)
        last = self.job.strategy.stages()[-1].name
        return TrainedModels(earlier.pop(last, self.job.model), earlier, self._scorer)

    def course(
        self, training_stage: TrainingStage, part: TrainingJob, tuning: SftSettings
    ) -> Callable[[TrainingSession], TrainingPlan]:
        """What `lifecycle.fit` asks for."""

        def prepare(session: TrainingSession) -> TrainingPlan:
            session.print_line(f"lesson {training_stage.name}: targets from {len(part.train)} rows")
            counts: Counter[str] = Counter(examples=len(part.train))
            stage = self._stage(training_stage)
            started = time.perf_counter()
            found = self._targets(training_stage, part, stage, counts)
            seconds = time.perf_counter() - started
            tokens = TargetTokenizer(session.policy, stage.stop if stage else (), stage.max_tokens if stage else 16)
            rows = [TokenRow(*row) for prompt, text in found if (row := tokens.row(prompt, text))]
            facts = {**counts, "too_long": tokens.too_long, "targets": len(rows)}
            if not rows:
                told = ", ".join(f"{name} {number}" for name, number in facts.items())
                raise _NoTargetsError(f"lesson {training_stage.name} has nothing to learn from: {told}")
            course = training_plan(rows, {**facts, "sampling_seconds": seconds}, tuning, part.seed)
            return replace(course, evaluate=self._evaluation(training_stage, part, session) if part.valid else None)

        return prepare

    def _stage(self, training_stage: TrainingStage) -> Stage | None:
        if not isinstance(training_stage, DistillationStage):
            return None
        return next(stage for stage in self.job.strategy.stages() if stage.name == training_stage.stage)

    def _targets(
        self, training_stage: TrainingStage, part: TrainingJob, stage: Stage | None, counts: Counter[str]
    ) -> list[Target]:
        if isinstance(training_stage, DistillationStage):
            assert stage is not None
            return self._imitated(training_stage, part, stage, counts)
        assert isinstance(training_stage, RatingStage)
        return self._rated(training_stage, part, counts)

    def _writers(self) -> dict[str, Engine]:
        """Who writes each stage as things stand; without an entry: the untrained model."""
        return {name: engine_for(self.job, model) for name, model in self._stages.items()}

    def _imitated(
        self, training_stage: DistillationStage, part: TrainingJob, stage: Stage, counts: Counter[str]
    ) -> list[Target]:
        requests = [example.request for example in part.train]
        until = EarlierStages(part.strategy, stage.name)
        before = write_profiles(until, requests, part.engine, Sampling(), stage_engines=self._writers())
        earlier = {answer.key: answer.profiles for answer in before.answers if answer.status == "ok"}
        prompts = stage.prompts(requests, earlier)
        counts["questions"] = len(prompts)
        teacher = _TeacherModel(self._teacher(), stage, training_stage.temperature, part.seed, counts)
        if training_stage.check is None:
            answers = teacher.answers(prompts, prompts, 0)
            return [(prompt, answer.text) for prompt, answer in zip(prompts, answers, strict=True) if answer]
        predictor = engine_for(self.job, self._predictors.get(training_stage.check.predictor, self.job.model))
        return _checked(teacher, prompts, part, training_stage.check, predictor)

    def _teacher(self) -> Engine:
        from duetbench.models import resolve

        names = self.settings.teachers
        if len(names) > 1:
            raise TrainingError("lessons have one teacher: name a single model in sft.teachers")
        return engine_for(self.job, resolve(names[0])) if names else self.job.engine

    def _rated(self, training_stage: RatingStage, part: TrainingJob, counts: Counter[str]) -> list[Target]:
        evidence = self._evidence(training_stage, part.train)
        found: list[Target] = []
        for example, profiles in zip(part.train, evidence, strict=True):
            if profiles is None:
                counts["no_evidence"] += 1
                continue
            (prompt,) = part.scorer.prompts([example.request], [profiles])
            found.append((prompt, str(part.scorer.target(example.rating, example.request.domain))))
        return found

    def _evidence(self, training_stage: RatingStage, examples: Sequence[Example]) -> list[Profiles | None]:
        """What the scorer reads of each row; None where there is no review, or nothing readable was written."""
        if training_stage.evidence == "review":
            texts = [" ".join(example.review.split()) for example in examples]
            return [Profiles(pair=Profile("pair", text)) if text else None for text in texts]
        requests = [example.request for example in examples]
        written = write_profiles(
            self.job.strategy, requests, self.job.engine, Sampling(), stage_engines=self._writers()
        )
        return [None if profiles.failed else profiles for profiles in written.profiles]

    def _evaluation(
        self, training_stage: TrainingStage, part: TrainingJob, session: TrainingSession
    ) -> Callable[[Engine], Evaluation]:
        """What is compared at checkpoints: the whole strategy's prediction with the learner in its place."""
        if isinstance(training_stage, RatingStage):
            valid = [
                (example, profiles)
                for example, profiles in zip(part.valid, self._evidence(training_stage, part.valid), strict=True)
                if profiles is not None
            ]
            if not valid:
                raise TrainingError(f"lesson {training_stage.name}: no validation row has anything to predict from")
            rows = Validation(part.strategy, [example for example, _ in valid], part.scorer, 0)
            return lambda learner: rows.evaluate_profiles([profiles for _, profiles in valid], learner)
        assert isinstance(training_stage, DistillationStage)
        base = {stage.name: part.engine for stage in part.strategy.stages()}
        others = {name: engine for name, engine in {**base, **self._writers()}.items() if name != training_stage.stage}
        whole = Validation(part.strategy, part.valid, part.scorer, self.settings.show_profiles, others)
        return lambda learner: whole.evaluate(learner, session.frozen)


@dataclass
class _TeacherModel:
    """Answers the questions of one stage."""

    engine: Engine
    stage: Stage
    temperature: float
    seed: int
    counts: Counter[str]

    def answers(self, prompts: Sequence[Prompt], asked: Sequence[Prompt], number: int) -> list[ParsedCompletion | None]:
        """One per question, None, counted, where it cannot be read.

        Args:
            prompts: The questions as they are learned.
            asked: As the teacher gets them, with a hint or without.
            number: Of the sample.
        """
        limits = Sampling(self.temperature, 1.0, self.stage.max_tokens, self.stage.stop, self.seed, number)
        completions = complete(self.engine, asked, limits)
        found = [parse_completion(self.stage, *pair) for pair in zip(prompts, completions, strict=True)]
        self.counts["sampled_tokens"] += sum(answer.completion_tokens for answer in found)
        self.counts.update(f"teacher_{answer.status}" for answer in found if answer.status != "ok")
        return [answer if answer.status == "ok" else None for answer in found]


def _checked(
    teacher: _TeacherModel, prompts: Sequence[Prompt], part: TrainingJob, check: TargetFilter, predictor: Engine
) -> list[Target]:
    """The answers that pass the check, each with its question, hinted or not, as it stands without a hint."""
    example_of = {prompt.key: part.train[prompt.for_requests[0]] for prompt in prompts}
    alone = _errors(part, [(example, Profiles()) for example in example_of.values()], predictor)
    without = dict(zip(example_of, alone, strict=True))
    found: dict[str, str] = {}
    pending = list(prompts)
    for number in range(1 + check.retries if pending else 0):
        asked = [check.hint(prompt, example_of[prompt.key]) for prompt in pending] if number else pending
        answers = zip(pending, teacher.answers(pending, asked, number), strict=True)
        known = [(prompt, answer) for prompt, answer in answers if answer]
        if number:
            allowed = [(prompt, answer) for prompt, answer in known if not _gives_away(answer.text, check.forbidden)]
            teacher.counts["forbidden_word"] += len(known) - len(allowed)
            known = allowed
        pairs = [(example_of[prompt.key], Profiles.of(answer.profiles)) for prompt, answer in known]
        for (prompt, answer), error in zip(known, _errors(part, pairs, predictor), strict=True):
            before = without[prompt.key]
            if error is not None and before is not None and error - before < check.tau:
                found[prompt.key] = answer.text
                teacher.counts["accepted_with_hint" if number else "accepted"] += 1
        pending = [prompt for prompt in pending if prompt.key not in found]
        if not pending:
            break
    teacher.counts["rejected"] = len(pending)
    return [(prompt, found[prompt.key]) for prompt in prompts if prompt.key in found]


def _gives_away(text: str, forbidden: Sequence[str]) -> bool:
    return any(word in text.lower() for word in forbidden)


def _errors(part: TrainingJob, pairs: Sequence[tuple[Example, Profiles]], predictor: Engine) -> list[float | None]:
    """How far the predictor's prediction lies from the truth; None where there is none."""
    requests, profiles = [example.request for example, _ in pairs], [written for _, written in pairs]
    predictions = part.scorer.score(requests, profiles, predictor) if pairs else []
    return [
        None if prediction.value is None else abs(prediction.value - example.rating)
        for (example, _), prediction in zip(pairs, predictions, strict=True)
    ]
