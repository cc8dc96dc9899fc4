"""What all trainings share from beginning to end: a folder of their own, guards, resuming, the best weights, a card."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from duetbench.atomic import write_json
from duetbench.engines.transformers.threads import few_threads
from duetbench.errors import EngineError, TrainingError
from duetbench.interfaces import Engine, Plugin, TrainingJob
from duetbench.models.digests import adapter_digest, model_digest
from duetbench.training.loop.checkpoints import TrainingFolder
from duetbench.training.loop.monitor import StoppingRules, TrainingMonitor, TrainingStopped
from duetbench.training.loop.split_checks import check_rows
from duetbench.training.loop.validation import Evaluation, Validation
from duetbench.training.options import TrainerSettings, divisor_at_most
from duetbench.training.policy import Policy
from duetbench.training.report.display import open_display, print_line
from duetbench.training.report.model_card import write_model_card
from duetbench.training.trl.adapter import TrainableModel, TrainingCallbacks
from duetbench.training.trl.settings import LoopSettings
from duetbench.types import Example, ModelRef

_ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json")
_MODEL_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")


@dataclass(frozen=True)
class TrainingPlan:
    """A training that is ready to run."""

    updates: int
    per_update: int
    """Sequences, pairs or completions behind one update."""
    run: Callable[[TrainableModel, LoopSettings, TrainingCallbacks], None]
    facts: Mapping[str, Any]
    """What there is to say about its rows; stands in the result."""
    limits: StoppingRules
    report: Callable[[], Mapping[str, float]] = dict
    """What is known of the latest update beside the loss."""
    evaluate: Callable[[Engine], Evaluation] | None = None
    """What weights are worth on validation rows; None: what the last stage's profiles are worth that they write."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings whose value depends on strategy or rows, as they are in effect; the others are those of the options."""


@dataclass(frozen=True)
class TrainingSession:
    """What a training works with."""

    job: TrainingJob
    folder: TrainingFolder
    policy: Policy
    frozen: Engine
    """Runs the untouched weights for the scorer, or the job's scorer_engine; keeps nothing in the request store."""
    print_line: Callable[[str], None]


def fit(
    trainer: Plugin, tuning: TrainerSettings, job: TrainingJob, prepare: Callable[[TrainingSession], TrainingPlan]
) -> ModelRef:
    """The trained model; a training that has ended in this folder is not run again.

    Args:
        trainer: Named in the folder and the result.
        tuning: All of its settings, resolved.
        job: What to train, and on which rows.
        prepare: Makes the course; may itself use the policy.

    Raises:
        TrainingError: it cannot go on; the last good checkpoint stays in the folder.
    """
    folder = TrainingFolder(job.workdir)
    with folder.held():
        check_rows(job.train, job.valid)
        folder.claim(job_identity(trainer, tuning, job))
        result = folder.result
        if result is None:
            result = _train(trainer, tuning, job, folder, prepare)
        return _checked(ModelRef(**result["model"]), folder)


def job_identity(trainer: Plugin, tuning: TrainerSettings, job: TrainingJob) -> dict[str, Any]:
    """All that decides the outcome of a training, as JSON values."""
    return {
        "trainer": trainer.name,
        "settings": asdict(tuning),
        "strategy": _named(job.strategy),
        "scorer": _named(job.scorer),
        "rewards": [{**_named(reward), "weight": weight} for reward, weight in job.rewards],
        "model": {"name": job.model.name, "digest": job.model.digest, "adapter": job.model.adapter_digest},
        "train": rows_digest(job.train),
        "valid": rows_digest(job.valid),
        "seed": job.seed,
        **(
            {"scorer_engine": {"engine": _named(job.scorer_engine), "model": job.scorer_engine.model.name}}
            if job.scorer_engine
            else {}
        ),
    }


def rows_digest(examples: Sequence[Example]) -> str:
    """SHA-256 over the rows with their histories and ratings."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(repr(example).encode("utf-8", "replace"))
    return digest.hexdigest()


def _named(plugin: Plugin) -> dict[str, Any]:
    return {"name": plugin.name, "options": asdict(plugin.config)}


def _train(
    trainer: Plugin,
    tuning: TrainerSettings,
    job: TrainingJob,
    folder: TrainingFolder,
    prepare: Callable[[TrainingSession], TrainingPlan],
) -> dict[str, Any]:
    policy = Policy(job.model, tuning, job.policy_config)
    title = f"{trainer.name} of {job.strategy.name}"
    is_adapter = tuning.adapter == "lora"
    # Not through the request store: the prompts of a training are rarely repeated.
    frozen = policy.engine(trained=False) if is_adapter else job.engine.uncached()
    if job.scorer_engine is not None:
        frozen = job.scorer_engine.uncached()
    course = prepare(TrainingSession(job, folder, policy, frozen, lambda line: print_line(title, line)))
    if is_adapter:
        job.engine.close()  # the base with the adapter off scores: its weights need not lie in memory twice
    before = policy.frozen_digest()
    display = open_display(title, course.updates)
    watch = TrainingMonitor(
        folder,
        display,
        course.limits,
        evaluate=_evaluation(tuning, job, policy, frozen, course),
        keep=_ADAPTER_FILES if is_adapter else _MODEL_FILES,
        report=course.report,
    )
    try:
        _run(tuning, job, folder, policy, course, watch)
    finally:
        display.close()
    if policy.frozen_digest() != before:
        folder.discard()
        raise TrainingError("the frozen weights changed while the adapter was trained; nothing of it is kept")
    write_json(folder.path / "settings.json", _settings_in_effect(tuning, policy, course))
    return _finish(trainer, tuning, job, folder, course, watch, before)


def _settings_in_effect(tuning: TrainerSettings, policy: Policy, course: TrainingPlan) -> dict[str, Any]:
    """Every setting with the value that was used, for the records; and the device that `auto` was resolved for."""
    return {
        **asdict(tuning),
        "precision": "bf16" if policy.uses_bf16 else "fp32",
        "micro_batch": divisor_at_most(course.per_update, tuning.micro_batch),
        "device": policy.place.device,
        **course.settings,
    }


def _evaluation(
    tuning: TrainerSettings, job: TrainingJob, policy: Policy, frozen: Engine, course: TrainingPlan
) -> Callable[[Any], Evaluation] | None:
    if not job.valid:
        return None
    others = {stage.name: job.engine for stage in job.strategy.stages()[:-1]}
    validation = Validation(job.strategy, job.valid, job.scorer, tuning.show_profiles, others)
    writer = policy.engine(trained=True)

    def evaluate(model: Any) -> Evaluation:
        policy.model = model
        return course.evaluate(writer) if course.evaluate else validation.evaluate(writer, frozen)

    return evaluate


def _run(
    tuning: TrainerSettings,
    job: TrainingJob,
    folder: TrainingFolder,
    policy: Policy,
    course: TrainingPlan,
    watch: TrainingMonitor,
) -> None:
    loop = LoopSettings(
        checkpoints=folder.checkpoints,
        updates=course.updates,
        per_update=course.per_update,
        micro_batch=divisor_at_most(course.per_update, tuning.micro_batch),
        save_every=tuning.evaluate_every,
        seed=job.seed,
        use_cpu=policy.place.device == "cpu",
        bf16=policy.uses_bf16,
        resume_from=folder.last_checkpoint(),
    )
    learner = TrainableModel(policy.model, policy.chat.tokenizer, policy.adapter())
    with _explained(folder), few_threads(policy.model), contextlib.suppress(TrainingStopped):
        course.run(learner, loop, watch)


@contextlib.contextmanager
def _explained(folder: TrainingFolder) -> Iterator[None]:
    """Says what to do where the world fails: the disk is full, the scorer does not answer, the memory is short."""
    import torch
    from safetensors import SafetensorError

    way_on = f"the checkpoints in {folder.path} are kept, and the same command goes on from there"
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"a checkpoint or a curve cannot be written ({error}); free some space: {way_on}"
        ) from error
    except torch.OutOfMemoryError as error:
        raise TrainingError(f"out of memory; lower micro_batch or token_budget: {way_on}") from error
    except EngineError as error:
        raise TrainingError(f"the frozen scorer does not answer ({error}): {way_on}") from error


def _finish(
    trainer: Plugin,
    tuning: TrainerSettings,
    job: TrainingJob,
    folder: TrainingFolder,
    course: TrainingPlan,
    watch: TrainingMonitor,
    frozen: str,
) -> dict[str, Any]:
    """Writes what came out. Where no checkpoint beat the untrained weights, those are the result."""
    curve = watch.curve
    model = _trained(job, folder, tuning) if watch.best_step else job.model
    result = {
        "trainer": trainer.name,
        "model": asdict(model),
        "best_step": watch.best_step,
        "steps": curve[-1]["step"] if curve else 0,
        "tokens": int(sum(row.get("tokens", 0) for row in curve)) + course.facts.get("sampled_tokens", 0),
        "seconds": sum(row["seconds"] for row in curve) + course.facts.get("sampling_seconds", 0.0),
        "evaluations": watch.evaluations,
        "rows": dict(course.facts),
        "settings": asdict(tuning),
        "frozen_digest": frozen,
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft")},
    }
    if watch.best_step:
        write_model_card(folder.best, job, result)
    budget = {name: result[name] for name in ("steps", "tokens", "seconds")}
    write_json(folder.path / "budget.json", budget)
    folder.finish(result)
    return result


def _trained(job: TrainingJob, folder: TrainingFolder, tuning: TrainerSettings) -> ModelRef:
    if tuning.adapter == "lora":
        _sort_targets(folder.best / "adapter_config.json")
        return replace(job.model, adapter=str(folder.best), adapter_digest=adapter_digest(folder.best))
    for file in Path(job.model.path).iterdir():  # what the checkpoint lacks of a whole model folder
        if file.is_file() and file.suffix != ".safetensors" and not (folder.best / file.name).exists():
            shutil.copy2(file, folder.best / file.name)
    where = str(folder.best)
    return replace(job.model, name=f"path:{where}", path=where, digest=model_digest(folder.best))


def _sort_targets(path: Path) -> None:
    """Puts the adapted modules in order: peft writes a set, and equal adapters would have different digests."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["target_modules"] = sorted(config["target_modules"])
    write_json(path, config, sort_keys=True)


def _checked(model: ModelRef, folder: TrainingFolder) -> ModelRef:
    """The model, if its weights are still those that came out.

    Raises:
        TrainingError: they were changed or are gone.
    """
    if model.adapter is not None and Path(model.adapter) == folder.best:
        found, wanted = adapter_digest(folder.best), model.adapter_digest
    elif Path(model.path) == folder.best:
        found, wanted = model_digest(folder.best), model.digest
    else:
        return model
    if found != wanted:
        raise TrainingError(f"the weights in {folder.best} are not those that were trained; delete {folder.path}")
    return model
