"""What is told to TRL: every setting that defines an experiment, none left to defaults that move between releases.

A test compares these lists with the fields that the installed release has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from duetbench.training.options import TrainerSettings, warmup_updates


@dataclass(frozen=True)
class LoopSettings:
    """How long a training runs and in which steps."""

    checkpoints: Path
    updates: int
    """Steps of the optimizer."""
    per_update: int
    """Sequences (SFT), pairs (DPO) or completions (GRPO) behind one update."""
    micro_batch: int
    """Of them, how many go through the model at once; divides `per_update`."""
    save_every: int
    """Updates between two checkpoints."""
    seed: int
    use_cpu: bool
    bf16: bool
    resume_from: Path | None = None


@dataclass(frozen=True)
class GrpoTerms:
    """The terms of GRPO's objective."""

    samples: int
    per_round: int
    """Completions of one round of sampling; a multiple of the updates' size."""
    iterations: int
    temperature: float
    max_completion: int
    kl: float
    clip_low: float
    clip_high: float
    loss: Literal["grpo", "bnpo", "dr_grpo", "dapo"]
    scale: Literal["group", "batch", "none"]
    mask_truncated: bool


@dataclass(frozen=True)
class DpoTerms:
    """The terms of DPO's objective."""

    beta: float
    loss: Literal["sigmoid", "hinge", "ipo"]
    label_smoothing: float


def shared_settings(tuning: TrainerSettings, loop: LoopSettings) -> dict[str, Any]:
    """What all three have in common: transformers' own arguments."""
    return {
        "output_dir": str(loop.checkpoints),
        "max_steps": loop.updates,
        "per_device_train_batch_size": loop.micro_batch,
        "gradient_accumulation_steps": loop.per_update // loop.micro_batch,
        "optim": "adamw_torch",
        "learning_rate": tuning.learning_rate,
        "lr_scheduler_type": tuning.scheduler,
        "lr_scheduler_kwargs": None,
        "warmup_steps": warmup_updates(tuning.warmup, loop.updates),
        "weight_decay": tuning.weight_decay,
        "adam_beta1": tuning.beta1,
        "adam_beta2": tuning.beta2,
        "adam_epsilon": 1e-8,
        "max_grad_norm": tuning.max_grad_norm,
        "label_smoothing_factor": 0.0,
        "neftune_noise_alpha": None,
        "average_tokens_across_devices": True,
        "auto_find_batch_size": False,
        "use_cpu": loop.use_cpu,
        "bf16": loop.bf16,  # TRL's own default is True, on CPUs too, where it can be 200 times slower than fp32
        "fp16": False,
        "tf32": None,
        "torch_compile": False,
        "gradient_checkpointing": tuning.gradient_checkpointing,
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
    """What defines supervised fine-tuning in TRL."""
    return {
        "dataset_kwargs": {"skip_prepare_dataset": True},  # the rows are tokens with labels already
        "max_length": None,
        "packing": False,
        "padding_free": False,
        "completion_only_loss": False,  # the labels say it
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
    """What defines direct preference optimisation in TRL."""
    return {
        "beta": terms.beta,
        "loss_type": [terms.loss],
        "loss_weights": None,
        "label_smoothing": terms.label_smoothing,
        "f_divergence_type": "reverse_kl",
        "ld_alpha": None,
        "use_weighting": False,
        "max_length": None,  # TRL's own 1024 would cut the answers off behind a long history
        "padding_free": False,
        "pad_to_multiple_of": None,
        "precompute_ref_log_probs": False,  # with an adapter the start is the base; computed anew, it needs no memory
        "sync_ref_model": False,
        "disable_dropout": True,
        "router_aux_loss_coef": None,
        "activation_offloading": False,
    }


def grpo_settings(terms: GrpoTerms, loop: LoopSettings) -> dict[str, Any]:
    """What defines GRPO in TRL."""
    return {
        "num_generations": terms.samples,
        "steps_per_generation": terms.per_round // loop.micro_batch,
        "num_iterations": terms.iterations,
        "temperature": terms.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": None,
        "repetition_penalty": 1.0,
        "generation_kwargs": None,
        "max_completion_length": terms.max_completion,
        "beta": terms.kl,
        "use_bias_correction_kl": False,
        "epsilon": terms.clip_low,
        "epsilon_high": terms.clip_high,
        "delta": None,
        "importance_sampling_level": "token",
        "loss_type": terms.loss,
        "scale_rewards": terms.scale,
        "reward_weights": None,
        "multi_objective_aggregation": "sum_then_normalize",
        "mask_truncated_completions": terms.mask_truncated,
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
