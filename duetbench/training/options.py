"""Options that all trainers share: how weights are changed, how a checkpoint is chosen, when to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import PolicyOptions, option

POLICY_OPTIONS = PolicyOptions("transformers", ("device", "batch_tokens", "max_context"))
"""The trained weights run on transformers, whatever engine the cell has; their precision is `TrainerSettings`' own."""


@dataclass(frozen=True)
class TrainerSettings:
    """How weights are changed and when. One update is one step of the optimizer."""

    adapter: Literal["lora", "full"] = option(
        "lora", "lora: a low-rank adapter beside frozen weights; full: all weights"
    )
    lora_r: int = option(16, "rank of the adapter", ge=1)
    lora_alpha: int = option(32, "scale of the adapter: its output is multiplied by alpha / r", ge=1)
    lora_dropout: float = option(0.0, "dropout in front of the adapter while training", ge=0, lt=1)
    learning_rate: float = option(1e-4, "AdamW's learning rate", gt=0)
    scheduler: Literal["constant", "linear", "cosine"] = option("constant", "what becomes of it after the warm-up")
    warmup: float = option(
        0.0, "updates over which it rises from 0: below 1 a share of all, from 1 on their number", ge=0
    )
    weight_decay: float = option(0.0, "AdamW's weight decay", ge=0)
    beta1: float = option(0.9, "AdamW's first beta", ge=0, lt=1)
    beta2: float = option(0.999, "AdamW's second beta", ge=0, lt=1)
    max_grad_norm: float = option(1.0, "longer gradients are cut to this norm", gt=0)
    micro_batch: int = option(8, "sequences per forward and backward pass; memory, not the result, depends on it", ge=1)
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", "auto: bf16 on a GPU that has it, else fp32; bf16 keeps fp32 copies of what is trained"
    )
    gradient_checkpointing: bool = option(False, "compute activations twice instead of keeping them")
    max_prompt: int = option(4096, "tokens of a prompt at most; the oldest history goes first, then the example", ge=1)
    evaluate_every: int = option(50, "updates between two checkpoints, each evaluated on validation rows", ge=1)
    patience: int = option(0, "stop after so many evaluations without a better one; 0: never", ge=0)
    show_profiles: int = option(
        3, "validation rows whose profiles are kept at each evaluation, to see them change", ge=0
    )

    def __post_init__(self) -> None:
        """Refuses a warm-up that is neither a share nor a number of updates."""
        if self.warmup >= 1 and self.warmup != round(self.warmup):
            raise ValueError("warmup must be a share below 1 or a whole number")


def warmup_updates(warmup: float, updates: int) -> int:
    """Over how many of a training's updates the learning rate rises; at most all of them."""
    return min(round(warmup * updates) if warmup < 1 else round(warmup), updates)


def divisor_at_most(whole: int, limit: int) -> int:
    """The largest divisor of `whole` that is no larger than `limit`: the micro-batch that fills a batch exactly."""
    return max(size for size in range(1, min(whole, limit) + 1) if whole % size == 0)
