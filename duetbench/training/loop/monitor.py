"""Follows a training: keeps its curve, evaluates its checkpoints, keeps the best one, and stops what goes wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.errors import TrainingError
from duetbench.training.loop.checkpoints import JsonLinesLog, TrainingFolder
from duetbench.training.loop.validation import Evaluation
from duetbench.training.report.curves import draw_curves, write_csv
from duetbench.training.report.display import TrainingDisplay

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
}
"""What is kept of TRL's logs, under our names."""

_WINDOW = 20
"""Updates at the beginning and at the end that are compared to tell whether a training diverges."""


class TrainingStopped(Exception):
    """The training has nothing more to do."""


@dataclass(frozen=True)
class StoppingRules:
    """When to stop before the last update."""

    patience: int
    """Evaluations without a better one; 0: never."""
    loss_factor: float | None
    """The mean loss of the latest updates may be so many times that of the first; None: the loss tells nothing."""
    reward_drop: float | None
    """The mean reward of the latest updates may lie so far below that of the first; None: there is none."""


class TrainingMonitor:
    """The events of one training, see `trl_adapter.Events`.

    Args:
        folder: The training's own.
        display: What the user sees.
        limits: When to stop.
        evaluate: Evaluates the model that it is given on validation rows; None: there are none.
        keep: Patterns of the files of a checkpoint that make up its weights.
        report: What else is known of the latest update, for the curve.
    """

    def __init__(
        self,
        folder: TrainingFolder,
        display: TrainingDisplay,
        limits: StoppingRules,
        *,
        evaluate: Callable[[Any], Evaluation] | None,
        keep: tuple[str, ...],
        report: Callable[[], Mapping[str, float]],
    ) -> None:
        self._folder = folder
        self._display = display
        self._limits = limits
        self._evaluate = evaluate
        self._keep = keep
        self._report = report
        self._curve = JsonLinesLog(folder.path / "curve.jsonl")
        self._evaluations = JsonLinesLog(folder.path / "evaluations.jsonl")
        self._shown = JsonLinesLog(folder.path / "profiles.jsonl")
        self._rows: list[dict[str, Any]] = []
        self._clock = 0.0

    def begun(self, model: Any, step: int) -> None:
        """Goes back to where the checkpoint stands, and evaluates it if that was cut off."""
        for lines in (self._curve, self._evaluations, self._shown):
            lines.rewind(step)
        self._rows = self._curve.read()
        if step:
            self._display.print_line(f"going on after update {step}")
        if self._evaluate and step not in [entry["step"] for entry in self._evaluations.read()]:
            self._evaluated(model, step)
        if self._is_enough():
            raise TrainingStopped
        self._clock = time.perf_counter()

    def before_update(self, model: Any, step: int) -> None:
        """Stops before gradients that are no numbers reach the weights."""
        import torch

        gradients = [weights.grad for weights in model.parameters() if weights.grad is not None]
        if gradients and not math.isfinite(float(torch.nn.utils.get_total_norm(gradients))):
            raise TrainingError(f"the gradient is not finite in update {step + 1}; {self._way_out()}")

    def logged(self, step: int, values: dict[str, float]) -> None:
        """Adds to the curve, and stops a training that diverges."""
        now = time.perf_counter()
        row: dict[str, Any] = {"step": step, **{ours: values[name] for name, ours in _LOGGED.items() if name in values}}
        row |= {**self._report(), "seconds": now - self._clock}
        self._clock = now
        if row.get("tokens"):
            row["tokens_per_second"] = row["tokens"] / max(row["seconds"], 1e-9)
        self._curve.append(row)
        self._rows.append(row)
        self._display.update(step, row)
        self._check(step, row)

    def saved(self, model: Any, step: int, checkpoint: Path) -> bool:
        """Evaluates the checkpoint; True if nothing better has come for too long."""
        self._folder.mark(step)
        if self._evaluate:
            self._evaluated(model, step)
        else:
            self._folder.keep_best(checkpoint, self._keep)
        self._draw()
        self._clock = time.perf_counter()
        return self._is_enough()

    @property
    def best_step(self) -> int:
        """Updates behind the best evaluation, the earliest of equals; behind the last one where none was made."""
        found = self._evaluations.read()
        if not found:
            return int(self._rows[-1]["step"]) if self._rows else 0
        return int(min(found, key=lambda entry: (entry["mae"], entry["step"]))["step"])

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """All evaluations so far, the untrained weights' first."""
        return self._evaluations.read()

    @property
    def curve(self) -> list[dict[str, Any]]:
        """All updates so far."""
        return self._curve.read()

    def _evaluated(self, model: Any, step: int) -> None:
        assert self._evaluate is not None
        evaluation = self._evaluate(model)
        best = min((entry["mae"] for entry in self._evaluations.read()), default=math.inf)
        is_best = (evaluation.metrics["mae"] or 0.0) < best
        if is_best and step:  # before the first update the weights are the base's own
            self._folder.keep_best(self._folder.checkpoints / f"checkpoint-{step}", self._keep)
        # The weights first: a run that is killed in between evaluates, and keeps, the same checkpoint again.
        self._shown.append({"step": step, "rows": evaluation.shown})
        self._evaluations.append({"step": step, **evaluation.metrics})
        self._display.evaluated(step, evaluation.metrics, is_best=is_best)

    def _is_enough(self) -> bool:
        """Whether the last `patience` evaluations all failed to beat an earlier one."""
        steps = [entry["step"] for entry in self._evaluations.read()]
        if not self._limits.patience or not steps:
            return False
        return len(steps) - 1 - steps.index(self.best_step) >= self._limits.patience

    def _check(self, step: int, row: Mapping[str, Any]) -> None:
        loss = row.get("loss")
        if loss is not None and not math.isfinite(loss):
            raise TrainingError(f"the loss is not finite in update {step}; {self._way_out()}")
        if len(self._rows) < 2 * _WINDOW:
            return
        first, last = self._rows[:_WINDOW], self._rows[-_WINDOW:]
        factor, drop = self._limits.loss_factor, self._limits.reward_drop
        before, now = _mean(first, "loss"), _mean(last, "loss")
        if factor is not None and before is not None and now is not None and now > factor * before:
            raise TrainingError(f"the loss grew from {before:.3g} to {now:.3g} by update {step}; {self._way_out()}")
        before, now = _mean(first, "reward"), _mean(last, "reward")
        if drop is not None and before is not None and now is not None and now < before - drop:
            raise TrainingError(f"the reward fell from {before:.3g} to {now:.3g} by update {step}; {self._way_out()}")

    def _way_out(self) -> str:
        kept = self._folder.best if self._folder.best.exists() else None
        where = f"; the best weights so far are in {kept}" if kept else ""
        return f"lower the learning rate and train in a new folder{where}"

    def _draw(self) -> None:
        write_csv(self._folder.path / "curve.csv", self._rows)
        write_csv(self._folder.path / "evaluations.csv", self._evaluations.read())
        draw_curves(self._folder.path / "curve.png", self._rows, self._evaluations.read())


def _mean(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [row[name] for row in rows if row.get(name) is not None]
    return sum(values) / len(values) if values else None
