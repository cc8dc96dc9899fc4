"""The two sides of `duetbench bench grpo`: the complete trainer, and TRL alone with the same settings and prompts."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.errors import UsageError
from duetbench.progress import Progress
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.examples import Examples
from duetbench.runner.trainings import TrainingEngines, TrainingRunner

if TYPE_CHECKING:
    from duetbench.interfaces import TrainingJob
    from duetbench.runner.planning.cells import Cell
    from duetbench.training.grpo.settings import GrpoSettings


@dataclass(frozen=True, slots=True)
class Round:
    """One round of sampling with its updates, in seconds."""

    total: float
    generate: float
    """Plain TRL: including the log-probabilities of the reference and of the sampler, if the settings require them."""
    update: float
    logps: float = 0.0
    score: float = 0.0
    """The scorer alone."""
    reward: float = 0.0
    """Parsing and pairing completions, rewards and marginal means."""
    tokens: float = 0.0
    """Sampled tokens."""
    tied: float | None = None
    """Share of groups whose rewards are all equal."""

    @property
    def rest(self) -> float:
        """Time outside the phases."""
        return self.total - self.generate - self.logps - self.score - self.reward - self.update

    @property
    def unscored(self) -> float:
        """Time without the scorer's."""
        return self.total - self.score

    def as_json(self) -> dict[str, float | None]:
        """All fields, and the rest."""
        return {**asdict(self), "rest": self.rest}


class ComparedRuns:
    """Both sides on the same training rows; each run starts from the untrained weights.

    Args:
        cell: The cell to run; its trainer is `grpo`.
        steps: Rounds per run.
        scratch: Folder for temporary files.
    """

    def __init__(self, cell: Cell, steps: int, scratch: str) -> None:
        self._cell = cell
        self._scratch = Path(scratch)
        self._pool = EnginePool(self._scratch / "store.sqlite", on_done=lambda _n: None, on_progress=lambda _line: None)
        self._config, self._settings = _shortened(cell, steps)
        self._examples = Examples()

    def __enter__(self) -> ComparedRuns:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def ours(self, repeat: int) -> list[Round]:
        """The rounds of the trainer as it runs in a grid, from its curve; no validation, one checkpoint at the end."""
        writing = self._cell.writing
        assert writing is not None
        job = self._job(f"ours-{repeat}")
        writing.trainer.registered.cls(self._config).fit(job)  # type: ignore[attr-defined]
        rows = [json.loads(line) for line in (job.workdir / "curve.jsonl").read_text().splitlines()]
        size = self._settings.updates_per_round * self._settings.num_iterations
        return [_our_round(rows[start : start + size]) for start in range(0, len(rows), size)]

    def plain(self, repeat: int) -> list[Round]:
        """The rounds of TRL alone: its own sampling, from the same prompts in the same order, a constant reward."""
        from duetbench.training.options import divisor_at_most
        from duetbench.training.policy import Policy
        from duetbench.training.trl.adapter import TrainableModel, train_grpo_reference
        from duetbench.training.trl.settings import LoopSettings

        job, settings = self._job(f"plain-{repeat}"), self._settings
        policy = Policy(job.model, settings, job.policy_config)
        prompts, terms = _prompts_and_terms(job, policy, settings)
        per_update = terms.completions_per_round // settings.updates_per_round
        loop = LoopSettings(
            checkpoints=job.workdir,
            updates=settings.evaluate_every,
            per_update=per_update,
            micro_batch_size=divisor_at_most(per_update, settings.micro_batch_size),
            save_every=settings.evaluate_every,
            seed=job.seed,
            use_cpu=policy.placement.device == "cpu",
            bf16=policy.uses_bf16,
        )
        timer = PhaseTimer(settings.updates_per_round * settings.num_iterations)
        model = TrainableModel(policy.model, policy.chat.tokenizer, policy.adapter())
        train_grpo_reference(model, prompts, settings, loop, timer, terms, timer.on_rewards)
        return timer.rounds

    def _job(self, name: str) -> TrainingJob:
        writing = self._cell.writing
        assert writing is not None
        folder = self._scratch / name
        folder.mkdir()
        model = self._pool.model(writing.model)
        engine = self._pool.engine(writing.engine, model)
        job = TrainingRunner(self._examples, Progress()).job(self._cell, folder, model, TrainingEngines(engine))
        return replace(job, valid=[])


class PhaseTimer:
    """Times the rounds of plain TRL by its callbacks, see `trl.adapter.TrainingCallbacks`.

    Args:
        updates: Updates per round.
    """

    def __init__(self, updates: int) -> None:
        self._updates = updates
        self.rounds: list[Round] = []
        self._began = self._rewards_due = 0.0
        self._tokens = 0

    def on_train_begin(self, model: Any, step: int) -> None:
        """Starts the first round."""
        self._began = time.perf_counter()

    def on_pre_optimizer_step(self, model: Any, step: int) -> None:
        """Does nothing."""

    def on_rewards(self, completions: Sequence[Sequence[int]]) -> None:
        """Ends the sampling of a round."""
        self._rewards_due = time.perf_counter()
        self._tokens = sum(map(len, completions))

    def on_log(self, step: int, values: dict[str, float]) -> None:
        """Ends a round if the update was its last one."""
        if step % self._updates == 0:
            now = time.perf_counter()
            times = (now - self._began, self._rewards_due - self._began, now - self._rewards_due)
            self.rounds.append(Round(*times, tokens=self._tokens))
            self._began = now

    def on_save(self, model: Any, step: int, checkpoint: Path) -> bool:
        """Does not stop the training."""
        return False


def _shortened(cell: Cell, steps: int) -> tuple[Any, GrpoSettings]:
    """The trainer's options with `steps` rounds, one checkpoint and no prefilter; and the settings they resolve to."""
    from duetbench.training.grpo.settings import GrpoSettings
    from duetbench.training.presets import FROM_PRESET, GRPO_PRESETS, preset_settings

    assert cell.writing is not None
    config = cell.writing.trainer.config
    settings = preset_settings(config, GrpoSettings, GRPO_PRESETS)
    updates = steps * settings.updates_per_round * settings.num_iterations
    no_prefilter = {"prefilter_samples": 0, "prefilter_range": FROM_PRESET}
    config = replace(config, rounds=steps, evaluate_every=updates, patience=0, **no_prefilter)
    return config, preset_settings(config, GrpoSettings, GRPO_PRESETS)


def _prompts_and_terms(job: TrainingJob, policy: Any, settings: GrpoSettings) -> tuple[list[str], Any]:
    """The prompts of all rounds as text, in order, and the terms of the objective."""
    from duetbench.training.grpo.trainer import grpo_terms, keys_in_order, max_completion_length
    from duetbench.training.questions import encode_questions, resolve_credit_mode, trained_stage, training_questions

    all_questions, _ = training_questions(job.strategy, job.train, job.engine)
    if any(prompt.response_template for question in all_questions for prompt in question.prompts):
        raise UsageError("plain TRL does not fill response templates: choose a strategy or options without one")
    mode = resolve_credit_mode(settings.credit, all_questions, job.strategy)
    max_tokens = max_completion_length(settings, trained_stage(job.strategy))
    questions, encoded = encode_questions(policy, all_questions, max_tokens)
    keys = keys_in_order(range(len(questions)), encoded, mode, settings, job.seed)
    ids = {f"{question}:{prompt}": tokens.ids for (question, prompt), tokens in encoded.items()}
    return [policy.chat.tokenizer.decode(ids[key]) for key in keys], grpo_terms(settings, mode, max_tokens)


def _our_round(rows: Sequence[dict[str, Any]]) -> Round:
    """The round of these updates. Its phases are in the first row; the time of the other rows is that of updates."""
    first, others = rows[0], rows[1:]
    return Round(
        total=sum(row["seconds"] for row in rows),
        generate=first["generate_seconds"],
        update=first["update_seconds"] + sum(row["seconds"] for row in others),
        logps=first["logps_seconds"],
        score=first["score_seconds"],
        reward=first["reward_seconds"],
        tokens=first["tokens"],
        tied=first.get("tied"),
    )
