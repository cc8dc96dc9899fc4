"""The two sides of `duetbench bench grpo`: the whole trainer, and TRL alone with the same settings and prompts."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.errors import UsageError
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.examples import Examples
from duetbench.runner.trainings import TrainingRunner

if TYPE_CHECKING:
    from duetbench.interfaces import TrainingJob
    from duetbench.runner.planning.cells import Cell
    from duetbench.training.presets import GrpoSettings


@dataclass(frozen=True, slots=True)
class Round:
    """One round of sampling with its updates, in seconds."""

    total: float
    generate: float
    """Plain TRL: with log-probabilities of the start and of the sampler, where the settings ask for them."""
    update: float
    logps: float = 0.0
    score: float = 0.0
    """The scorer alone."""
    reward: float = 0.0
    """Reading completions, having them meet, giving credit."""
    tokens: float = 0.0
    """Drawn."""
    tied: float | None = None
    """Share of groups without a spread."""

    @property
    def rest(self) -> float:
        """What lies outside the phases."""
        return self.total - self.generate - self.logps - self.score - self.reward - self.update

    @property
    def unscored(self) -> float:
        """All but the scorer."""
        return self.total - self.score

    def as_json(self) -> dict[str, float | None]:
        """All fields, and the rest."""
        return {**asdict(self), "rest": self.rest}


class ComparedRuns:
    """Both sides on the same training rows; either starts from the untrained weights at every run.

    Args:
        cell: Names all; its trainer is `grpo`.
        steps: Rounds of one run.
        scratch: Written to.
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
        """The trainer as a run has it, from the curve that it keeps; no validation, one checkpoint at the end."""
        writing = self._cell.writing
        assert writing is not None
        job = self._job(f"ours-{repeat}")
        with contextlib.redirect_stderr(io.StringIO()):
            writing.trainer.registered.cls(self._config).fit(job)  # type: ignore[attr-defined]
        rows = [json.loads(line) for line in (job.workdir / "curve.jsonl").read_text().splitlines()]
        size = self._settings.updates_per_round * self._settings.iterations
        return [_our_round(rows[start : start + size]) for start in range(0, len(rows), size)]

    def plain(self, repeat: int) -> list[Round]:
        """TRL alone: its own sampling from the same prompts in the same order, the same reward for everything."""
        from duetbench.training.options import divisor_at_most
        from duetbench.training.policy import Policy
        from duetbench.training.trl.adapter import TrainableModel, train_grpo_reference
        from duetbench.training.trl.settings import LoopSettings

        job, settings = self._job(f"plain-{repeat}"), self._settings
        policy = Policy(job.model, settings, job.policy_config)
        prompts, terms = _asked(job, policy, settings)
        per_update = terms.per_round // settings.updates_per_round
        loop = LoopSettings(
            checkpoints=job.workdir,
            updates=settings.evaluate_every,
            per_update=per_update,
            micro_batch=divisor_at_most(per_update, settings.micro_batch),
            save_every=settings.evaluate_every,
            seed=job.seed,
            use_cpu=policy.place.device == "cpu",
            bf16=policy.uses_bf16,
        )
        laps = PhaseTimer(settings.updates_per_round * settings.iterations)
        learner = TrainableModel(policy.model, policy.chat.tokenizer, policy.adapter())
        train_grpo_reference(learner, prompts, settings, loop, laps, terms, laps.paid)
        return laps.rounds

    def _job(self, name: str) -> TrainingJob:
        writing = self._cell.writing
        assert writing is not None
        folder = self._scratch / name
        folder.mkdir()
        model = self._pool.model(writing.model)
        job = TrainingRunner(self._examples).job(self._cell, folder, model, self._pool.engine(writing.engine, model))
        return replace(job, valid=[])


class PhaseTimer:
    """Times plain TRL by what it calls; see `trl_adapter.Events`.

    Args:
        updates: Of one round.
    """

    def __init__(self, updates: int) -> None:
        self._updates = updates
        self.rounds: list[Round] = []
        self._began = self._paid = 0.0
        self._tokens = 0

    def begun(self, model: Any, step: int) -> None:
        """The clock starts."""
        self._began = time.perf_counter()

    def before_update(self, model: Any, step: int) -> None:
        """Nothing to do."""

    def paid(self, completions: Sequence[Sequence[int]]) -> None:
        """Between sampling and updating."""
        self._paid = time.perf_counter()
        self._tokens = sum(map(len, completions))

    def logged(self, step: int, values: dict[str, float]) -> None:
        """A round ends with its last update."""
        if step % self._updates == 0:
            now = time.perf_counter()
            times = (now - self._began, self._paid - self._began, now - self._paid)
            self.rounds.append(Round(*times, tokens=self._tokens))
            self._began = now

    def saved(self, model: Any, step: int, checkpoint: Path) -> bool:
        """Goes on."""
        return False


def _shortened(cell: Cell, steps: int) -> tuple[Any, GrpoSettings]:
    """The trainer's options with so many rounds, one checkpoint and no pilot; and the settings that they stand for."""
    from duetbench.training.presets import PRESETS, GrpoSettings, preset_settings

    assert cell.writing is not None
    config = cell.writing.trainer.config
    settings = preset_settings(config, GrpoSettings, PRESETS)
    updates = steps * settings.updates_per_round * settings.iterations
    config = replace(config, rounds=steps, evaluate_every=updates, pilot=0, patience=0)
    return config, preset_settings(config, GrpoSettings, PRESETS)


def _asked(job: TrainingJob, policy: Any, settings: GrpoSettings) -> tuple[list[str], Any]:
    """The prompts of all rounds as text, in order, and the terms."""
    from duetbench.training.grpo.trainer import keys_in_order, longest_completion, terms_of
    from duetbench.training.questions import encode_questions, resolve_credit_mode, trained_stage, training_questions

    asked = training_questions(job.strategy, job.train, job.engine)
    if any(prompt.response_template for unit in asked.units for prompt in unit.prompts):
        raise UsageError("plain TRL fills in no form: measure a strategy, or options, without one")
    mode = resolve_credit_mode(settings.credit, asked.units, job.strategy)
    max_tokens = longest_completion(settings, trained_stage(job.strategy))
    units, fitted = encode_questions(policy, asked.units, max_tokens)
    keys = keys_in_order(range(len(units)), fitted, mode, settings, job.seed)
    ids = {f"{unit}:{place}": found.ids for (unit, place), found in fitted.items()}
    return [policy.chat.tokenizer.decode(ids[key]) for key in keys], terms_of(settings, mode, max_tokens)


def _our_round(rows: Sequence[dict[str, Any]]) -> Round:
    """The updates of one round; the phases stand with the first, and what the others took is updating."""
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
