"""The arguments of TRL's trainers: every one that defines an experiment is set, since defaults change between releases.

A test compares these dictionaries with the fields of the installed release.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from duetbench.training.advantage import EstimatorName
from duetbench.training.options import TrainerSettings, warmup_updates


@dataclass(frozen=True)
class LoopSettings:
    """Length and batch sizes of a training."""

    checkpoints: Path
    updates: int
    """Optimizer steps."""
    per_update: int
    """Sequences (SFT), pairs (DPO) or completions (GRPO) per update."""
    micro_batch_size: int
    """Number of them per forward pass; divides `per_update`."""
    save_every: int
    """Updates between two checkpoints."""
    seed: int
    use_cpu: bool
    bf16: bool
    resume_from: Path | None = None


@dataclass(frozen=True)
class GrpoTerms:
    """The terms of GRPO's objective, named as in TRL except for `completions_per_round` and `advantage`."""

    num_generations: int
    completions_per_round: int
    """A multiple of the completions per update."""
    num_iterations: int
    temperature: float
    max_completion_length: int
    beta: float
    epsilon: float
    epsilon_high: float
    loss_type: Literal["grpo", "bnpo", "dr_grpo", "dapo"]
    advantage: EstimatorName
    delta: float | None = None
    """For delta > 1 + epsilon_high equal to verl's dual clip: both bound the loss of a token with advantage A < 0 at
    -delta * A and leave tokens with A > 0 to `epsilon_high`. verl also limits the log-ratio to [-20, 20], TRL does
    not."""
    loss_batch_size: int | None = None
    """bnpo: completions per token mean; None: all of an update."""


@dataclass(frozen=True)
class DpoTerms:
    """The terms of DPO's objective, named as in TRL."""

    beta: float
    loss_type: Literal["sigmoid", "hinge", "ipo"]
    label_smoothing: float


def shared_settings(settings: TrainerSettings, loop: LoopSettings) -> dict[str, Any]:
    """The arguments that all three trainers inherit from transformers."""
    return {
        "output_dir": str(loop.checkpoints),
        "max_steps": loop.updates,
        "per_device_train_batch_size": loop.micro_batch_size,
        "gradient_accumulation_steps": loop.per_update // loop.micro_batch_size,
        "optim": "adamw_torch",
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.lr_scheduler,
        "lr_scheduler_kwargs": None,
        "warmup_steps": warmup_updates(settings.warmup, loop.updates),
        "weight_decay": settings.weight_decay,
        "adam_beta1": settings.beta1,
        "adam_beta2": settings.beta2,
        "adam_epsilon": 1e-8,
        "max_grad_norm": settings.max_grad_norm,
        "label_smoothing_factor": 0.0,
        "neftune_noise_alpha": None,
        "average_tokens_across_devices": True,
        "auto_find_batch_size": False,
        "use_cpu": loop.use_cpu,
        "bf16": loop.bf16,  # TRL's default is True, also on CPUs, where bf16 can be 200 times slower than fp32
        "fp16": False,
        "tf32": None,
        "torch_compile": False,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "seed": loop.seed,
        "data_seed": loop.seed,
        "full_determinism": False,
        "train_sampling_strategy": "sequential",
        "dataloader_drop_last": False,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": not loop.use_cpu,
        "eval_strategy": "no",
        "save_strategy": "steps",
        "save_steps": loop.save_every,
        "save_total_limit": None,
        "save_only_model": False,
        "load_best_model_at_end": False,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": [],
        "disable_tqdm": True,
        "log_level": "error",
        "push_to_hub": False,
    }


def sft_settings() -> dict[str, Any]:
    """The arguments of `SFTConfig`."""
    return {
        "dataset_kwargs": {"skip_prepare_dataset": True},  # the rows are already token ids with labels
        "max_length": None,
        "packing": False,
        "padding_free": False,
        "completion_only_loss": False,  # the labels mask the prompts
        "assistant_only_loss": False,
        "loss_type": "nll",
        "shuffle_dataset": False,
        "pad_to_multiple_of": None,
        "chat_template_path": None,
        "eos_token": None,
        "router_aux_loss_coef": None,
        "activation_offloading": False,
    }


def dpo_settings(terms: DpoTerms) -> dict[str, Any]:
    """The arguments of `DPOConfig`."""
    return {
        "beta": terms.beta,
        "loss_type": [terms.loss_type],
        "loss_weights": None,
        "label_smoothing": terms.label_smoothing,
        "f_divergence_type": "reverse_kl",
        "ld_alpha": None,
        "use_weighting": False,
        "max_length": None,  # TRL's default of 1024 would truncate completions after long prompts
        "padding_free": False,
        "pad_to_multiple_of": None,
        "precompute_ref_log_probs": False,  # with an adapter the reference is the base model, without further memory
        "sync_ref_model": False,
        "disable_dropout": True,
        "router_aux_loss_coef": None,
        "activation_offloading": False,
    }


def grpo_settings(terms: GrpoTerms, loop: LoopSettings) -> dict[str, Any]:
    """The arguments of `GRPOConfig`."""
    return {
        "num_generations": terms.num_generations,
        "steps_per_generation": terms.completions_per_round // loop.micro_batch_size,
        "num_iterations": terms.num_iterations,
        "temperature": terms.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": None,
        "repetition_penalty": 1.0,
        "generation_kwargs": None,
        "max_completion_length": terms.max_completion_length,
        "beta": terms.beta,
        "use_bias_correction_kl": False,
        "epsilon": terms.epsilon,
        "epsilon_high": terms.epsilon_high,
        "delta": terms.delta,
        "importance_sampling_level": "token",
        # TRL's bnpo averages over each micro-batch; see `loss_weights` for ours.
        "loss_type": "dapo" if terms.loss_type == "bnpo" else terms.loss_type,
        "scale_rewards": "none",  # the advantages are computed again, see `adapter`
        "reward_weights": None,
        "multi_objective_aggregation": "sum_then_normalize",
        "mask_truncated_completions": False,  # masks all completions that end at a stop text; see `grpo.rollout`
        "top_entropy_quantile": 1.0,
        "entropy_coef": 0.0,
        "use_adaptive_entropy": False,
        "off_policy_mask_threshold": None,
        "sync_ref_model": False,
        "disable_dropout": False,
        "cast_lm_head_to_fp32": False,
        "router_aux_loss_coef": None,
        "shuffle_dataset": False,
        "remove_unused_columns": False,
        "pad_to_multiple_of": None,
        "use_vllm": False,
        "use_transformers_continuous_batching": False,
        "log_completions": False,
    }
