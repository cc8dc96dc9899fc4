"""The one file that names TRL: plain values in, its trainers' loops inside, plain events out.

Every setting that defines an experiment is given explicitly, because TRL's defaults move between releases; a test
compares the lists below with the fields that the installed release has. Rows come in the order in which they are to
be used, as token ids that our own code made, so that nothing is shuffled, re-tokenized or cut on the way.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from duetbench.errors import MissingDependency
from duetbench.training.options import Tuning

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainerCallback


@dataclass(frozen=True)
class Loop:
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
class Learner:
    """What is trained."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    adapter: PeftConfig | None
    """None: all weights are trained."""


class Events(Protocol):
    """What a training tells of itself while it runs. Raising ends it."""

    def begun(self, model: Any, step: int) -> None:
        """The model is ready, its weights those of a checkpoint after `step` updates."""

    def before_update(self, model: Any, step: int) -> None:
        """The gradients are there and not yet used."""

    def logged(self, step: int, values: dict[str, float]) -> None:
        """After an update."""

    def saved(self, model: Any, step: int, checkpoint: Path) -> bool:
        """A checkpoint was written; True: stop here."""


class TokenRow(NamedTuple):
    """A prompt and its target."""

    prompt: list[int]
    target: list[int]


class TokenPair(NamedTuple):
    """A prompt, a better and a worse answer."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]


@dataclass(frozen=True)
class Sampled:
    """Completions of a batch of prompts, in order."""

    prompts: list[list[int]]
    completions: list[list[int]]
    """None is empty."""
    own: list[list[int]]
    """1 for each token that the model chose, 0 for one that it was given and earns nothing for."""


class Rounds(Protocol):
    """GRPO's other half: what is asked, and what the answers earn."""

    def sample(self, keys: Sequence[str], model: Any, step: int) -> Sampled:
        """One completion per key; equal keys stand side by side and form a group."""

    def rewards(self) -> list[float | None]:
        """What the completions just sampled earn; None: left out."""


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


def train_sft(learner: Learner, rows: Sequence[TokenRow], tuning: Tuning, loop: Loop, events: Events) -> None:
    """Supervised fine-tuning: likelihood of the targets, prompts masked."""
    trl = _trl()
    data = [{"input_ids": row.prompt + row.target, "labels": [-100] * len(row.prompt) + row.target} for row in rows]
    with _quiet():
        trainer = trl.SFTTrainer(
            model=learner.model,
            args=trl.SFTConfig(**shared_settings(tuning, loop), **sft_settings()),
            train_dataset=_dataset(data),
            processing_class=learner.tokenizer,
            peft_config=learner.adapter,
        )
        _run(trainer, loop, events)


def train_dpo(
    learner: Learner, rows: Sequence[TokenPair], tuning: Tuning, loop: Loop, events: Events, terms: DpoTerms
) -> None:
    """Direct preference optimisation against the model as it was at the start."""
    trl = _trl()
    data = [{"prompt_ids": row.prompt, "chosen_ids": row.chosen, "rejected_ids": row.rejected} for row in rows]
    with _quiet():
        trainer = trl.DPOTrainer(
            model=learner.model,
            args=trl.DPOConfig(**shared_settings(tuning, loop), **dpo_settings(terms)),
            train_dataset=_dataset([{"prompt": "a", "chosen": "b", "rejected": "c"}]),
            processing_class=learner.tokenizer,
            peft_config=learner.adapter,
        )
        trainer.train_dataset = _dataset(data)  # it tokenizes what it is given, and cannot be given token ids
        _run(trainer, loop, events)


def train_grpo(
    learner: Learner, keys: Sequence[str], tuning: Tuning, loop: Loop, events: Events, terms: GrpoTerms, rounds: Rounds
) -> None:
    """Group-relative policy optimisation. `keys` name the prompts of all rounds, in order."""
    trl = _trl()

    def rollout(prompts: list[str], trainer: Any) -> dict[str, Any]:
        sampled = rounds.sample(prompts, trainer.accelerator.unwrap_model(trainer.model), trainer.state.global_step)
        found: dict[str, Any] = {
            "prompt_ids": sampled.prompts,
            "completion_ids": sampled.completions,
            "logprobs": None,  # only vLLM's importance sampling reads them
        }
        is_all_own = all(all(mask) for mask in sampled.own)
        return found if is_all_own else {**found, "env_mask": sampled.own}

    def credit(**_columns: Any) -> list[float | None]:
        return rounds.rewards()

    with _quiet():
        trainer = trl.GRPOTrainer(
            model=learner.model,
            reward_funcs=credit,
            args=trl.GRPOConfig(**shared_settings(tuning, loop), **grpo_settings(terms, loop)),
            train_dataset=_dataset([{"prompt": key} for key in keys]),
            processing_class=learner.tokenizer,
            peft_config=learner.adapter,
            rollout_func=rollout,
        )
        _run(trainer, loop, events)


def shared_settings(tuning: Tuning, loop: Loop) -> dict[str, Any]:
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
        "warmup_steps": round(tuning.warmup * loop.updates),
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


def grpo_settings(terms: GrpoTerms, loop: Loop) -> dict[str, Any]:
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


def _run(trainer: Trainer, loop: Loop, events: Events) -> None:
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_callback(loop, events))
    trainer.train(resume_from_checkpoint=str(loop.resume_from) if loop.resume_from else None)


def _callback(loop: Loop, events: Events) -> TrainerCallback:
    from transformers import TrainerCallback

    class Told(TrainerCallback):
        """Passes events on."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            events.begun(kwargs["model"], state.global_step)

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            events.before_update(kwargs["model"], state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:  # the last one only sums up
                events.logged(state.global_step, dict(logs))

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            checkpoint = loop.checkpoints / f"checkpoint-{state.global_step}"
            if events.saved(kwargs["model"], state.global_step, checkpoint):
                control.should_training_stop = True

    return Told()


def _dataset(rows: list[dict[str, Any]]) -> Any:
    from datasets import Dataset

    return Dataset.from_list(rows)


def _trl() -> Any:
    try:
        import peft  # noqa: F401
        import trl
    except ImportError as error:
        raise MissingDependency("this trainer needs trl and peft: pip install 'duetbench[train]'") from error
    return trl


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TRL's and transformers' own talk stays off the terminal: what matters arrives as events."""
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    from duetbench.models.quiet import quiet_transformers

    had_bars = not are_progress_bars_disabled()
    disable_progress_bars()
    before = os.environ.get("TRL_EXPERIMENTAL_SILENCE")
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"  # custom rollouts count as experimental; the version is pinned
    try:
        with warnings.catch_warnings(), quiet_transformers():
            warnings.simplefilter("ignore")
            yield
    finally:
        if had_bars:
            enable_progress_bars()
        if before is None:
            del os.environ["TRL_EXPERIMENTAL_SILENCE"]
        else:
            os.environ["TRL_EXPERIMENTAL_SILENCE"] = before


Train = Callable[[Learner, Loop, Events], None]
"""A training with its rows and terms filled in."""
