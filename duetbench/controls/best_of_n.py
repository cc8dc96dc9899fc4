"""Best of n: supervised fine-tuning at the same number of generated tokens, in place of GRPO or DPO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.interfaces import Control, ControlContext, ControlledInput, option
from duetbench.types import Profiles, Request


class BestOfN(Control):
    """The writer learns the best of n sampled completions; n follows from the tokens of the training it replaces."""

    name = "best_of_n"
    summary = "the writer is trained by sft on the best of n samples, at the generated tokens of the row's training"
    source = "rejection sampling and fine-tuning: RAFT, Dong et al. 2023"
    needs = "training"

    @dataclass(frozen=True)
    class Config:
        trainer: str = option("sft", "the trainer that learns from the best samples")
        replaces: tuple[str, ...] = option(("grpo", "dpo"), "trainers whose rows have this control")

    def retrained(self, trainer: str) -> str | None:
        return self.config.trainer if trainer in self.config.replaces else None

    def apply(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
    ) -> ControlledInput:
        """Nothing changes for the scorer."""
        return ControlledInput(requests, profiles)
