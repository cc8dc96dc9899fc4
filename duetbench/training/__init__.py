"""Built-in trainers; `trl.adapter` is the only module that imports TRL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Trainer


@hookimpl
def duetbench_register_trainers() -> list[type[Trainer]]:
    """The built-in trainers."""
    from duetbench.training.grpo.trainer import Grpo
    from duetbench.training.none import NoTraining
    from duetbench.training.offline.dpo import Dpo
    from duetbench.training.offline.sft import Sft

    return [NoTraining, Sft, Dpo, Grpo]
