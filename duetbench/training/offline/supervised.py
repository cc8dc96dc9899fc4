"""The plan of a supervised training, shared by `sft` and the stages of a distillation."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Any

from duetbench.training.batching import batches_in_order
from duetbench.training.loop.monitor import StoppingRules
from duetbench.training.loop.run import TrainingPlan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duetbench.training.offline.settings import SftSettings
    from duetbench.training.trl.adapter import TokenRow, TrainableModel, TrainingCallbacks
    from duetbench.training.trl.settings import LoopSettings


def supervised_plan(
    targets: Sequence[TokenRow], facts: Mapping[str, Any], settings: SftSettings, seed: int
) -> TrainingPlan:
    """A training on these targets, or on a random subset of `settings.targets`."""
    if settings.targets is not None and settings.targets < len(targets):
        chosen = sorted(Random(seed).sample(range(len(targets)), settings.targets))
        targets = [targets[position] for position in chosen]
    facts = {**facts, "learned": len(targets)}
    updates = math.ceil(len(targets) * settings.epochs / settings.batch)

    def run(model: TrainableModel, loop: LoopSettings, callbacks: TrainingCallbacks) -> None:
        from duetbench.training.trl.adapter import train_sft

        lengths = [len(row.prompt) + len(row.target) for row in targets]
        batches = batches_in_order(lengths, settings.batch, updates, seed)
        train_sft(model, [targets[row] for batch in batches for row in batch], settings, loop, callbacks)

    stopping = StoppingRules(settings.patience, loss_factor=3.0, reward_drop=None)
    return TrainingPlan(updates, settings.batch, run, facts, stopping)
