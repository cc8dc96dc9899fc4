"""Runs a training from start to end, for all trainers: folder, checks, resuming, best weights, result."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from duetbench.atomic import write_json
from duetbench.documents.json_text import load_json
from duetbench.engines.transformers.threads import few_threads
from duetbench.errors import EngineError, TrainingError
from duetbench.interfaces import Engine, Plugin, TrainingJob
from duetbench.models.digests import adapter_digest, model_digest
from duetbench.training.loop.monitor import StoppingRules, TrainingMonitor, TrainingStopped
from duetbench.training.loop.split_checks import check_rows
from duetbench.training.loop.validation import Evaluation, Validation
from duetbench.training.options import TrainerSettings, divisor_at_most
from duetbench.training.policy import Policy
from duetbench.training.policy_engine import policy_engine
from duetbench.training.presets import PresetTrainer, explicit_values
from duetbench.training.report.model_card import write_model_card
from duetbench.training.reward_lint import lint_rewards
from duetbench.training.rewarding import RewardRules
from duetbench.training.training_folder import TrainingFolder
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
    """Sequences, pairs or completions per update."""
    run: Callable[[TrainableModel, LoopSettings, TrainingCallbacks], None]
    facts: Mapping[str, Any]
    """Counts of its rows, for the result."""
    stopping: StoppingRules
    reward_rules: RewardRules = field(default_factory=lambda: RewardRules(unreadable=None))
    """What it does where no reward applies."""
    report: Callable[[], Mapping[str, float]] = dict
    """Values of the latest update other than those that TRL logs."""
    evaluate: Callable[[Engine], Evaluation] | None = None
    """Evaluates the weights behind an engine on validation rows; None: by the profiles that they write in the last
    stage."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Effective values of settings that depend on the strategy or the rows; the others are those of the options."""


@dataclass(frozen=True)
class TrainingSession:
    """The resources of a trainer while it prepares its plan."""

    job: TrainingJob
    folder: TrainingFolder
    policy: Policy
    scorer_engine: Engine
    """Runs the scorer's prompts: on the untrained weights, or the job's own. Nothing is kept in the request store."""
    print_line: Callable[[str], None]


def fit(
    trainer: Plugin, settings: TrainerSettings, job: TrainingJob, prepare: Callable[[TrainingSession], TrainingPlan]
) -> ModelRef:
    """The trained model. A training that has ended in this folder is not run again.

    Args:
        trainer: Named in the folder and in the result.
        settings: All of its settings, resolved.
        job: What to train, and on which rows.
        prepare: Makes the plan; may use the policy.

    Raises:
        TrainingError: it cannot continue; the last complete checkpoint stays in the folder.
    """
    folder = TrainingFolder(job.workdir)
    with folder.locked():
        check_rows(job.train, job.valid)
        _check_effects(trainer, job)
        folder.claim(job_identity(trainer, settings, job))
        result = folder.result
        if result is None:
            result = _train(trainer, settings, job, folder, prepare)
        return _verified(ModelRef(**result["model"]), folder)


def _check_effects(trainer: Plugin, job: TrainingJob) -> None:
    """Refuses settings that only affect validation if there are no validation rows.

    Raises:
        TrainingError: there are such settings.
    """
    if job.valid:
        return
    names = ["training.monitor_scorer"] if job.monitor_scorer else []
    if isinstance(trainer, PresetTrainer):
        explicit = explicit_values(trainer.config)
        names += [f"{trainer.name}.{name}" for name in ("patience", "show_profiles") if explicit.get(name)]
    if names:
        raise TrainingError(f"{', '.join(names)} has no effect without validation rows; leave it out")


def job_identity(trainer: Plugin, settings: TrainerSettings, job: TrainingJob) -> dict[str, Any]:
    """Everything that determines the outcome of a training, as JSON values."""
    return {
        "trainer": trainer.name,
        "settings": asdict(settings),
        "strategy": _named(job.strategy),
        "scorer": _named(job.scorer),
        "rewards": [{**_named(reward), "weight": weight} for reward, weight in job.rewards],
        "model": {"name": job.model.name, "digest": job.model.digest, "adapter": job.model.adapter_digest},
        "train": rows_digest(job.train),
        "valid": rows_digest(job.valid),
        "seed": job.seed,
        **({"token_budget": job.token_budget} if job.token_budget is not None else {}),
        **({"monitor_scorer": _named(job.monitor_scorer)} if job.monitor_scorer else {}),
        **({"stop_on_alarm": True} if job.stop_on_alarm else {}),
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
    settings: TrainerSettings,
    job: TrainingJob,
    folder: TrainingFolder,
    prepare: Callable[[TrainingSession], TrainingPlan],
) -> dict[str, Any]:
    policy = Policy(job.model, settings, job.policy_config)
    title = f"{trainer.name} of {job.strategy.name}"
    is_adapter = settings.adapter == "lora"
    # Not through the request store: the prompts of a training are rarely repeated.
    scorer_engine = policy_engine(policy, trained=False) if is_adapter else job.engine.uncached()
    if job.scorer_engine is not None:
        scorer_engine = job.scorer_engine.uncached()
    session = TrainingSession(
        job, folder, policy, scorer_engine, lambda line: job.progress.print_line(f"{title}: {line}")
    )
    plan = prepare(session)
    reward_warnings = lint_rewards(job.rewards, job.train, plan.reward_rules) if job.rewards and job.train else []
    for warning in reward_warnings:
        session.print_line(f"warning: {warning}")
    if is_adapter:
        job.engine.close()  # the scorer runs on the policy's base weights: a second copy in memory is not needed
    frozen_digest = policy.frozen_digest()
    with job.progress.training(title, plan.updates) as progress:
        monitor = TrainingMonitor(
            folder,
            progress,
            plan.stopping,
            evaluate=_evaluation(settings, job, policy, scorer_engine, plan),
            weight_files=_ADAPTER_FILES if is_adapter else _MODEL_FILES,
            report=plan.report,
            stop_on_alarm=job.stop_on_alarm,
        )
        _run(settings, job, folder, policy, plan, monitor)
    if policy.frozen_digest() != frozen_digest:
        folder.discard()
        raise TrainingError("the frozen weights changed while the adapter was trained; all trained weights are deleted")
    warnings: dict[str, Any] = {"reward_warnings": reward_warnings} if reward_warnings else {}
    if monitor.alarm:
        warnings["alarm"] = monitor.alarm
    write_json(folder.path / "settings.json", _settings_in_effect(settings, policy, plan, job.token_budget) | warnings)
    return _finish(trainer, settings, job, folder, plan, monitor, frozen_digest)


def _settings_in_effect(
    settings: TrainerSettings, policy: Policy, plan: TrainingPlan, token_budget: int | None
) -> dict[str, Any]:
    """The value of every setting that was used, and the device that was chosen for `auto`; for the records."""
    return {
        **asdict(settings),
        "precision": "bf16" if policy.uses_bf16 else "fp32",
        "micro_batch_size": divisor_at_most(plan.per_update, settings.micro_batch_size),
        "device": policy.placement.device,
        **plan.settings,
        **({"token_budget": token_budget} if token_budget is not None else {}),
    }


def _evaluation(
    settings: TrainerSettings, job: TrainingJob, policy: Policy, scorer_engine: Engine, plan: TrainingPlan
) -> Callable[[Any], Evaluation] | None:
    if not job.valid:
        return None
    earlier = {stage.name: job.engine for stage in job.strategy.stages()[:-1]}
    validation = Validation(job.strategy, job.valid, job.scorer, settings.show_profiles, earlier, job.monitor_scorer)
    writer = policy_engine(policy, trained=True)

    def evaluate(model: Any) -> Evaluation:
        policy.model = model
        return plan.evaluate(writer) if plan.evaluate else validation.evaluate(writer, scorer_engine)

    return evaluate


def _run(
    settings: TrainerSettings,
    job: TrainingJob,
    folder: TrainingFolder,
    policy: Policy,
    plan: TrainingPlan,
    monitor: TrainingMonitor,
) -> None:
    loop = LoopSettings(
        checkpoints=folder.checkpoints,
        updates=plan.updates,
        per_update=plan.per_update,
        micro_batch_size=divisor_at_most(plan.per_update, settings.micro_batch_size),
        save_every=settings.evaluate_every,
        seed=job.seed,
        use_cpu=policy.placement.device == "cpu",
        bf16=policy.uses_bf16,
        resume_from=folder.last_checkpoint(job.progress.print_line),
    )
    model = TrainableModel(policy.model, policy.chat.tokenizer, policy.adapter())
    with _explained(folder), few_threads(policy.model), contextlib.suppress(TrainingStopped):
        plan.run(model, loop, monitor)


@contextlib.contextmanager
def _explained(folder: TrainingFolder) -> Iterator[None]:
    """Turns failures of the environment (full disk, scorer unavailable, out of memory) into errors with a remedy."""
    import torch
    from safetensors import SafetensorError

    resume = f"the checkpoints in {folder.path} are kept, and the same command resumes from there"
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"a checkpoint or a curve cannot be written ({error}); free some space: {resume}"
        ) from error
    except torch.OutOfMemoryError as error:
        raise TrainingError(f"out of memory; lower micro_batch_size or token_budget: {resume}") from error
    except EngineError as error:
        raise TrainingError(f"the frozen scorer does not answer ({error}): {resume}") from error


def _finish(
    trainer: Plugin,
    settings: TrainerSettings,
    job: TrainingJob,
    folder: TrainingFolder,
    plan: TrainingPlan,
    monitor: TrainingMonitor,
    frozen_digest: str,
) -> dict[str, Any]:
    """Writes the result. If no checkpoint is better than the untrained weights, those are the result."""
    curve = monitor.curve
    model = _trained_model(job, folder, settings) if monitor.best_step else job.model
    result = {
        "trainer": trainer.name,
        "model": asdict(model),
        "best_step": monitor.best_step,
        "steps": curve[-1]["step"] if curve else 0,
        "tokens": int(sum(row.get("tokens", 0) for row in curve)) + plan.facts.get("sampled_tokens", 0),
        "seconds": sum(row["seconds"] for row in curve) + plan.facts.get("sampling_seconds", 0.0),
        **{name: sum(row.get(name, 0) for row in curve) for name in ("failed_calls", "unreadable_ratings")},
        "evaluations": monitor.evaluations,
        "alarm": monitor.alarm,
        "rows": dict(plan.facts),
        "settings": asdict(settings),
        "frozen_digest": frozen_digest,
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft")},
    }
    if monitor.best_step:
        write_model_card(folder.best, job, result)
    budget = {name: result[name] for name in ("steps", "tokens", "seconds")}
    write_json(folder.path / "budget.json", budget)
    folder.finish(result)
    return result


def _trained_model(job: TrainingJob, folder: TrainingFolder, settings: TrainerSettings) -> ModelRef:
    if settings.adapter == "lora":
        _sort_target_modules(folder.best / "adapter_config.json")
        return replace(job.model, adapter=str(folder.best), adapter_digest=adapter_digest(folder.best))
    for file in Path(job.model.path).iterdir():  # files of a complete model folder that a checkpoint lacks
        if file.is_file() and file.suffix != ".safetensors" and not (folder.best / file.name).exists():
            shutil.copy2(file, folder.best / file.name)
    path = str(folder.best)
    return replace(job.model, name=f"path:{path}", path=path, digest=model_digest(folder.best))


def _sort_target_modules(path: Path) -> None:
    """Sorts the adapted modules: peft writes a set, so that equal adapters would have different digests."""
    config = load_json(path)
    config["target_modules"] = sorted(config["target_modules"])
    write_json(path, config, sort_keys=True)


def _verified(model: ModelRef, folder: TrainingFolder) -> ModelRef:
    """The model, if its weights are still those that were trained.

    Raises:
        TrainingError: they were changed or removed.
    """
    if model.adapter is not None and Path(model.adapter) == folder.best:
        digest, expected = adapter_digest(folder.best), model.adapter_digest
    elif Path(model.path) == folder.best:
        digest, expected = model_digest(folder.best), model.digest
    else:
        return model
    if digest != expected:
        raise TrainingError(f"the weights in {folder.best} are not those that were trained; delete {folder.path}")
    return model
