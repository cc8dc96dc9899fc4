"""Options shared by all trainers: optimizer, adapter, choice of the checkpoint, stopping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import PolicyOptions, option

POLICY_OPTIONS = PolicyOptions("transformers", ("device", "batch_tokens", "max_context"))
"""The trained weights run on transformers, whatever the cell's engine; their precision is in `TrainerSettings`."""


@dataclass(frozen=True)
class TrainerSettings:
    """Settings shared by all trainers. One update is one step of the optimizer."""

    adapter: Literal["lora", "full"] = option(
        "lora", "lora: train a low-rank adapter on top of frozen weights; full: train all weights"
    )
    lora_r: int = option(16, "rank of the adapter", ge=1)
    lora_alpha: int = option(32, "scale of the adapter: its output is multiplied by alpha / r", ge=1)
    lora_dropout: float = option(0.0, "dropout on the adapter's input during training", ge=0, lt=1)
    learning_rate: float = option(1e-4, "AdamW's learning rate", gt=0)
    lr_scheduler: Literal["constant", "linear", "cosine"] = option(
        "constant", "schedule of the learning rate after the warm-up", old_names=("scheduler",)
    )
    warmup: float = option(
        0.0,
        "updates during which the learning rate rises from 0: a share of all updates below 1, their number from 1 on",
        ge=0,
    )
    weight_decay: float = option(0.0, "AdamW's weight decay", ge=0)
    beta1: float = option(0.9, "AdamW's first beta", ge=0, lt=1)
    beta2: float = option(0.999, "AdamW's second beta", ge=0, lt=1)
    max_grad_norm: float = option(1.0, "gradients are clipped to this norm", gt=0)
    micro_batch_size: int = option(
        8,
        "sequences per forward and backward pass; affects memory, not the result",
        ge=1,
        old_names=("micro_batch",),
    )
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", "auto: bf16 on a GPU that supports it, else fp32; bf16 keeps fp32 copies of the trained weights"
    )
    gradient_checkpointing: bool = option(False, "recompute activations in the backward pass instead of keeping them")
    max_prompt_length: int = option(
        4096,
        "maximum length of a prompt in tokens; longer prompts lose their oldest history lines, and an example whose "
        "prompt is still too long is left out",
        ge=1,
        old_names=("max_prompt",),
    )
    evaluate_every: int = option(50, "updates between two checkpoints, each evaluated on validation rows", ge=1)
    patience: int = option(0, "evaluations without an improvement after which training stops; 0: never", ge=0)
    show_profiles: int = option(
        3, "validation rows whose profiles are saved at each evaluation, to follow how they change", ge=0
    )

    def __post_init__(self) -> None:
        """Checks the warm-up.

        Raises:
            ValueError: it is neither a share nor a number of updates.
        """
        if self.warmup >= 1 and self.warmup != round(self.warmup):
            raise ValueError(f"warmup must be a share below 1 or a whole number of updates, got {self.warmup:g}")

    def without_effect(self) -> dict[str, str]:
        """Options that have no effect given the other options, and why: setting one of them is an error."""
        if self.adapter == "lora":
            return {}
        return dict.fromkeys(("lora_r", "lora_alpha", "lora_dropout"), "adapter=full trains all weights")


def warmup_updates(warmup: float, updates: int) -> int:
    """The number of updates during which the learning rate rises; at most all of them."""
    return min(round(warmup * updates) if warmup < 1 else round(warmup), updates)


def divisor_at_most(total: int, limit: int) -> int:
    """The largest divisor of `total` that is <= `limit`: the micro-batch size that fills a batch exactly."""
    return max(size for size in range(1, min(total, limit) + 1) if total % size == 0)
