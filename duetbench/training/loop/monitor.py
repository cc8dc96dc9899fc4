"""Monitors a training: logs its curve, evaluates its checkpoints, keeps the best one, and stops it when it diverges."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.errors import TrainingError
from duetbench.progress import TrainingProgress
from duetbench.training.loop.reward_hacking import reward_hacking_alarm
from duetbench.training.loop.validation import Evaluation
from duetbench.training.report.curves import draw_curves, write_csv
from duetbench.training.training_folder import JsonLinesLog, TrainingFolder

_LOGGED = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "kl": "kl",
    "entropy": "entropy",
    "clip_ratio/region_mean": "clipped",
    "rewards/accuracies": "pairs_right",
    "rewards/margins": "pair_margin",
    "mean_token_accuracy": "token_accuracy",
    "tokens_saved": "tokens_saved",
}
"""Fields kept from TRL's logs, with their names in the curve."""

_WINDOW = 20
"""Updates at the start and at the end that are compared to detect divergence."""


class TrainingStopped(Exception):
    """The training ends before its last update."""


@dataclass(frozen=True)
class StoppingRules:
    """When to stop before the last update."""

    patience: int
    """Evaluations without an improvement; 0: never."""
    loss_factor: float | None
    """Stop if the mean loss of the latest updates exceeds that of the first by this factor; None: loss not checked."""
    reward_drop: float | None
    """Stop if the mean reward of the latest updates is lower than that of the first by this much; None: not checked."""


class TrainingMonitor:
    """The callbacks of one training, see `trl.adapter.TrainingCallbacks`.

    Args:
        folder: The folder of the training.
        progress: Receives updates and evaluations.
        stopping: When to stop.
        evaluate: Evaluates a model on validation rows; None: there are none.
        weight_files: Glob patterns of the files of a checkpoint that contain its weights.
        report: Further values of the latest update, for the curve.
        stop_on_alarm: Whether an alarm for reward hacking ends the training.
    """

    def __init__(
        self,
        folder: TrainingFolder,
        progress: TrainingProgress,
        stopping: StoppingRules,
        *,
        evaluate: Callable[[Any], Evaluation] | None,
        weight_files: tuple[str, ...],
        report: Callable[[], Mapping[str, float]],
        stop_on_alarm: bool = False,
    ) -> None:
        self._folder = folder
        self._progress = progress
        self._stopping = stopping
        self._evaluate = evaluate
        self._weight_files = weight_files
        self._report = report
        self._stop_on_alarm = stop_on_alarm
        self._curve = JsonLinesLog(folder.path / "curve.jsonl")
        self._evaluations = JsonLinesLog(folder.path / "evaluations.jsonl")
        self._profiles = JsonLinesLog(folder.path / "profiles.jsonl")
        self._held_out = JsonLinesLog(folder.path / "held_out.jsonl")
        self._rows: list[dict[str, Any]] = []
        self._last_time = 0.0

    def on_train_begin(self, model: Any, step: int) -> None:
        """Rewinds the logs to the checkpoint, and evaluates it if it was not.

        Raises:
            TrainingStopped: the patience had run out before, or there was an alarm that ends the training.
        """
        self._rewind(step)
        if step:
            self._progress.print_line(f"resuming after update {step}")
        if self._evaluate and step not in [entry["step"] for entry in self._evaluations.read()]:
            self._add_evaluation(model, step)
        if self._is_over():
            raise TrainingStopped
        self._last_time = time.perf_counter()

    def on_pre_optimizer_step(self, model: Any, step: int) -> None:
        """Stops before non-finite gradients change the weights.

        Raises:
            TrainingError: a gradient is not finite.
        """
        import torch

        gradients = [weights.grad for weights in model.parameters() if weights.grad is not None]
        if gradients and not math.isfinite(float(torch.nn.utils.get_total_norm(gradients))):
            raise TrainingError(f"the gradient is not finite in update {step + 1}; {self._remedy()}")

    def on_log(self, step: int, values: dict[str, float]) -> None:
        """Adds a row to the curve.

        Raises:
            TrainingError: the training diverges.
        """
        now = time.perf_counter()
        row: dict[str, Any] = {
            "step": step,
            **{column: values[name] for name, column in _LOGGED.items() if name in values},
        }
        row |= {**self._report(), "seconds": now - self._last_time}
        self._last_time = now
        if row.get("tokens"):
            row["tokens_per_second"] = row["tokens"] / max(row["seconds"], 1e-9)
        self._curve.append(row)
        self._rows.append(row)
        self._progress.update(step, row)
        self._check(step, row)

    def on_save(self, model: Any, step: int, checkpoint: Path) -> bool:
        """Evaluates the checkpoint; True if the patience has run out, or at an alarm that ends the training."""
        self._folder.mark_complete(step)
        if self._evaluate:
            self._add_evaluation(model, step)
        else:
            self._folder.keep_best(checkpoint, self._weight_files)
        self._draw()
        self._last_time = time.perf_counter()
        return self._is_over()

    @property
    def alarm(self) -> str | None:
        """The first alarm for reward hacking; None if there was none."""
        return next((entry["alarm"] for entry in self._evaluations.read() if entry.get("alarm")), None)

    @property
    def best_step(self) -> int:
        """The updates before the best evaluation, the earliest of equals; without evaluations, all updates."""
        evaluations = self._kept_evaluations()
        if not evaluations:
            return int(self._rows[-1]["step"]) if self._rows else 0
        return int(min(evaluations, key=lambda entry: (entry["mae"], entry["step"]))["step"])

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """All evaluations so far, that of the untrained weights first."""
        return self._evaluations.read()

    @property
    def curve(self) -> list[dict[str, Any]]:
        """One row per update so far."""
        return self._curve.read()

    def _rewind(self, step: int) -> None:
        """Removes what later updates logged, after a damaged checkpoint was skipped also their best weights."""
        previous_best = self.best_step if self._evaluations.read() else 0
        for log in (self._curve, self._evaluations, self._profiles, self._held_out):
            log.rewind(step)
        self._rows = self._curve.read()
        if previous_best <= step:
            return
        # `best` holds weights of a removed evaluation, and replaced those of all earlier ones but this checkpoint's.
        self._evaluations.replace(
            {**entry, "weights_lost": True} if 0 < entry["step"] < step else entry for entry in self._evaluations.read()
        )
        if step:
            self._folder.keep_best(self._folder.checkpoints / f"checkpoint-{step}", self._weight_files)

    def _kept_evaluations(self) -> list[dict[str, Any]]:
        """The evaluations of weights that still exist."""
        return [entry for entry in self._evaluations.read() if not entry.get("weights_lost")]

    def _add_evaluation(self, model: Any, step: int) -> None:
        assert self._evaluate is not None
        evaluation = self._evaluate(model)
        best = min((entry["mae"] for entry in self._kept_evaluations()), default=math.inf)
        is_best = (evaluation.metrics["mae"] or 0.0) < best
        if is_best and step:  # before the first update the weights are the base model's
            self._folder.keep_best(self._folder.checkpoints / f"checkpoint-{step}", self._weight_files)
        # The weights are saved first: a run that is killed in between evaluates, and saves, the checkpoint again.
        self._profiles.append({"step": step, "rows": evaluation.shown})
        alarm = self._alarm(step, evaluation)
        self._evaluations.append({"step": step, **evaluation.metrics, **({"alarm": alarm} if alarm else {})})
        self._progress.evaluated(step, evaluation.metrics, is_best=is_best)
        if alarm:
            self._progress.print_line(f"warning: update {step}: {alarm}")

    def _alarm(self, step: int, evaluation: Evaluation) -> str | None:
        """The alarm after an evaluation by a scorer outside the loop, whose errors are kept for the next one."""
        if evaluation.held_out_errors is None:
            return None
        self._held_out.append({"step": step, "errors": evaluation.held_out_errors})
        errors = {entry["step"]: entry["errors"] for entry in self._held_out.read()}
        rewards = [row["reward"] for row in self._rows if row.get("reward") is not None]
        alarm = reward_hacking_alarm(rewards, list(errors.values()))
        return str(alarm) if alarm else None

    def _is_over(self) -> bool:
        return self._is_out_of_patience() or (self._stop_on_alarm and self.alarm is not None)

    def _is_out_of_patience(self) -> bool:
        """Whether none of the last `patience` evaluations is better than an earlier one."""
        steps = [entry["step"] for entry in self._evaluations.read()]
        if not self._stopping.patience or not steps:
            return False
        return len(steps) - 1 - steps.index(self.best_step) >= self._stopping.patience

    def _check(self, step: int, row: Mapping[str, Any]) -> None:
        loss = row.get("loss")
        if loss is not None and not math.isfinite(loss):
            raise TrainingError(f"the loss is not finite in update {step}; {self._remedy()}")
        if len(self._rows) < 2 * _WINDOW:
            return
        first, last = self._rows[:_WINDOW], self._rows[-_WINDOW:]
        factor, drop = self._stopping.loss_factor, self._stopping.reward_drop
        before, now = _mean(first, "loss"), _mean(last, "loss")
        if factor is not None and before is not None and now is not None and now > factor * before:
            raise TrainingError(f"the loss grew from {before:.3g} to {now:.3g} by update {step}; {self._remedy()}")
        before, now = _mean(first, "reward"), _mean(last, "reward")
        if drop is not None and before is not None and now is not None and now < before - drop:
            raise TrainingError(f"the reward fell from {before:.3g} to {now:.3g} by update {step}; {self._remedy()}")

    def _remedy(self) -> str:
        hint = f"; the best weights so far are in {self._folder.best}" if self._folder.best.exists() else ""
        return f"lower the learning rate and train in a new folder{hint}"

    def _draw(self) -> None:
        write_csv(self._folder.path / "curve.csv", self._rows)
        write_csv(self._folder.path / "evaluations.csv", self._evaluations.read())
        draw_curves(self._folder.path / "curve.png", self._rows, self._evaluations.read())


def _mean(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [row[name] for row in rows if row.get(name) is not None]
    return sum(values) / len(values) if values else None
