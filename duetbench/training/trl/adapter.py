"""The only module that imports TRL: plain values in, TRL's training loops inside, plain callbacks out.

Rows come in the order in which they are used, as token ids made by duetbench, so that nothing is shuffled, tokenized
again or truncated on the way.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from duetbench.errors import MissingDependency
from duetbench.training.advantage import estimate_advantages
from duetbench.training.options import TrainerSettings
from duetbench.training.trl.loss_weights import add_loss_weights
from duetbench.training.trl.settings import (
    DpoTerms,
    GrpoTerms,
    LoopSettings,
    dpo_settings,
    grpo_settings,
    sft_settings,
    shared_settings,
)
from duetbench.training.trl.shared_pass import adds_masks, shared_log_probs, unshared_reason
from duetbench.training.trl.shared_prompts import PaddedBatch, group_completions

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainerCallback

_TOKENS_SAVED = "tokens_saved"
"""Field of TRL's logs: the share of the tokens of an update that were not computed."""


@dataclass(frozen=True)
class TrainableModel:
    """A model with everything needed to train it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    adapter: PeftConfig | None
    """The adapter to add; None: all weights are trained."""


class TrainingCallbacks(Protocol):
    """Events of a training, named as in transformers. An exception ends the training."""

    def on_train_begin(self, model: Any, step: int) -> None:
        """The model is ready, with the weights of the checkpoint after `step` updates."""

    def on_pre_optimizer_step(self, model: Any, step: int) -> None:
        """The gradients of the next update are complete and not yet applied."""

    def on_log(self, step: int, values: dict[str, float]) -> None:
        """An update was made."""

    def on_save(self, model: Any, step: int, checkpoint: Path) -> bool:
        """A checkpoint was written. True: stop the training."""


class TokenRow(NamedTuple):
    """A prompt and its target as token ids."""

    prompt: list[int]
    target: list[int]


class TokenPair(NamedTuple):
    """A prompt, a better and a worse completion as token ids."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]


@dataclass(frozen=True)
class RolloutBatch:
    """One completion per key of a round as token ids, in the order of the keys."""

    prompts: list[list[int]]
    completions: list[list[int]]
    """None is empty."""
    loss_mask: list[list[int]]
    """Per token of each completion: 1 if it is in the loss, 0 if it is not."""


class RolloutSource(Protocol):
    """Samples the completions of a round and computes their rewards."""

    def sample(self, keys: Sequence[str], model: Any, step: int) -> RolloutBatch:
        """One completion per key; equal keys are adjacent and form a group."""

    def rewards(self) -> list[float | None]:
        """The rewards of the completions that were just sampled; None: no reward."""


def train_sft(
    model: TrainableModel,
    rows: Sequence[TokenRow],
    settings: TrainerSettings,
    loop: LoopSettings,
    callbacks: TrainingCallbacks,
) -> None:
    """Supervised fine-tuning: maximizes the likelihood of the targets."""
    trl = _trl()
    data = [{"input_ids": row.prompt + row.target, "labels": [-100] * len(row.prompt) + row.target} for row in rows]
    with _silenced():
        trainer = trl.SFTTrainer(
            model=model.model,
            args=trl.SFTConfig(**shared_settings(settings, loop), **sft_settings()),
            train_dataset=_dataset(data),
            processing_class=model.tokenizer,
            peft_config=model.adapter,
        )
        _run(trainer, loop, callbacks)


def train_dpo(
    model: TrainableModel,
    rows: Sequence[TokenPair],
    settings: TrainerSettings,
    loop: LoopSettings,
    callbacks: TrainingCallbacks,
    terms: DpoTerms,
) -> None:
    """Direct preference optimization, with the untrained model as the reference."""
    trl = _trl()
    data = [{"prompt_ids": row.prompt, "chosen_ids": row.chosen, "rejected_ids": row.rejected} for row in rows]
    with _silenced():
        trainer = trl.DPOTrainer(
            model=model.model,
            args=trl.DPOConfig(**shared_settings(settings, loop), **dpo_settings(terms)),
            train_dataset=_dataset([{"prompt": "a", "chosen": "b", "rejected": "c"}]),
            processing_class=model.tokenizer,
            peft_config=model.adapter,
        )
        trainer.train_dataset = _dataset(data)  # the constructor tokenizes text and does not accept token ids
        _run(trainer, loop, callbacks)


def train_grpo(
    model: TrainableModel,
    keys: Sequence[str],
    settings: TrainerSettings,
    loop: LoopSettings,
    callbacks: TrainingCallbacks,
    terms: GrpoTerms,
    source: RolloutSource,
) -> None:
    """Group relative policy optimization. `keys` are the prompts of all rounds, in order."""
    trl = _trl()
    with _silenced():
        trainer = grpo_trainer(trl, terms)(
            model=model.model,
            reward_funcs=reward_function(source),
            args=trl.GRPOConfig(**shared_settings(settings, loop), **grpo_settings(terms, loop)),
            train_dataset=_dataset([{"prompt": key} for key in keys]),
            processing_class=model.tokenizer,
            peft_config=model.adapter,
            rollout_func=rollout_function(source),
        )
        _run(trainer, loop, callbacks)


def grpo_trainer(trl: Any, terms: GrpoTerms) -> type[Any]:
    """A `GRPOTrainer` with our advantages, loss bnpo and log-probabilities.

    They come from `training.advantage`, `trl.loss_weights` and `trl.shared_pass`. TRL computes advantages in the
    middle of the method that also computes log-probabilities and logs rewards. Its result is kept except for the
    advantages, which are computed again from the rewards of all processes.
    """

    class OwnAdvantages(trl.GRPOTrainer):  # type: ignore[misc]
        def _prepare_inputs(self, generation_batch: Any) -> Any:
            previous = self._buffered_inputs
            inputs = super()._prepare_inputs(generation_batch)
            if terms.loss_type == "bnpo" and self._buffered_inputs is not previous:
                per_update = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
                add_loss_weights(
                    self._buffered_inputs,
                    per_update=per_update,
                    batch_size=terms.loss_batch_size or per_update,
                    n_processes=self.accelerator.num_processes,
                )
            if self._buffered_inputs is not previous:
                group_completions(self._buffered_inputs, per_update=self.args.gradient_accumulation_steps)
            return inputs

        def _get_per_token_logps_and_entropies(
            self,
            model: Any,
            input_ids: Any,
            attention_mask: Any,
            logits_to_keep: int,
            batch_size: int | None = None,
            compute_entropy: bool = False,
            **others: Any,
        ) -> Any:
            plain = self.accelerator.unwrap_model(model)
            if unshared_reason(plain) or any(value is not None and value is not False for value in others.values()):
                return super()._get_per_token_logps_and_entropies(
                    model, input_ids, attention_mask, logits_to_keep, batch_size, compute_entropy, **others
                )
            batch = PaddedBatch(input_ids, attention_mask, logits_to_keep)
            with self.accelerator.autocast():
                log_probs, entropies, n_tokens = shared_log_probs(
                    model, batch, n_per_pass=batch_size or len(input_ids), adds_masks=adds_masks(plain)
                )
            if compute_entropy:  # not in the passes of the sampler and the reference
                self._metrics["train"][_TOKENS_SAVED].append(1 - n_tokens / input_ids.numel())
            return log_probs, entropies if compute_entropy else None, None

        def _calculate_rewards(self, *args: Any) -> Any:
            self._rewards = super()._calculate_rewards(*args)  # (completions of all processes, reward functions)
            return self._rewards

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            outputs = super()._generate_and_score_completions(inputs)
            advantages = estimate_advantages(self._rewards[:, 0], terms.advantage, group_size=terms.num_generations)
            n_local = len(outputs["advantages"])
            first = self.accelerator.process_index * n_local
            outputs["advantages"] = advantages[first : first + n_local]
            return outputs

    return OwnAdvantages


def rollout_function(source: RolloutSource) -> Callable[[list[str], Any], dict[str, Any]]:
    """The function that `GRPOTrainer` calls to sample a round."""

    def rollout(prompts: list[str], trainer: Any) -> dict[str, Any]:
        batch = source.sample(prompts, trainer.accelerator.unwrap_model(trainer.model), trainer.state.global_step)
        outputs: dict[str, Any] = {
            "prompt_ids": batch.prompts,
            "completion_ids": batch.completions,
            "logprobs": None,  # needed only for vLLM's importance sampling
        }
        is_complete = all(all(mask) for mask in batch.loss_mask)
        return outputs if is_complete else {**outputs, "env_mask": batch.loss_mask}

    return rollout


def reward_function(source: RolloutSource) -> Callable[..., list[float | None]]:
    """The function that `GRPOTrainer` calls for the rewards of the completions that it has just sampled."""

    def reward(**_columns: Any) -> list[float | None]:
        return source.rewards()

    return reward


def train_grpo_reference(
    model: TrainableModel,
    prompts: Sequence[str],
    settings: TrainerSettings,
    loop: LoopSettings,
    callbacks: TrainingCallbacks,
    terms: GrpoTerms,
    on_rewards: Callable[[Sequence[Sequence[int]]], None],
) -> None:
    """GRPO with TRL alone, for benchmarks: TRL's own sampling, and a constant reward.

    Constant rewards do not reduce TRL's work: completions with advantage 0 still have forward and backward passes.

    Args:
        model: See `train_grpo`.
        prompts: Text with all special tokens, one per prompt and round, in order.
        settings: See `train_grpo`.
        loop: See `train_grpo`.
        callbacks: See `train_grpo`.
        terms: See `train_grpo`.
        on_rewards: Called with the completions of a round when their rewards are due.
    """
    trl = _trl()

    def constant(completion_ids: list[list[int]], **_columns: Any) -> list[float]:
        on_rewards(completion_ids)
        return [1.0] * len(completion_ids)

    with _silenced():
        trainer = trl.GRPOTrainer(
            model=model.model,
            reward_funcs=constant,
            args=trl.GRPOConfig(**shared_settings(settings, loop), **grpo_settings(terms, loop)),
            train_dataset=_dataset([{"prompt": prompt} for prompt in prompts]),
            processing_class=model.tokenizer,
            peft_config=model.adapter,
        )
        _run(trainer, loop, callbacks)


def _run(trainer: Trainer, loop: LoopSettings, callbacks: TrainingCallbacks) -> None:
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_forwarding(loop, callbacks))
    trainer.train(resume_from_checkpoint=str(loop.resume_from) if loop.resume_from else None)


def _forwarding(loop: LoopSettings, callbacks: TrainingCallbacks) -> TrainerCallback:
    from transformers import TrainerCallback

    class Forwarding(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            callbacks.on_train_begin(kwargs["model"], state.global_step)

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            callbacks.on_pre_optimizer_step(kwargs["model"], state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:  # the last log of a training is a summary without it
                callbacks.on_log(state.global_step, dict(logs))

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            checkpoint = loop.checkpoints / f"checkpoint-{state.global_step}"
            if callbacks.on_save(kwargs["model"], state.global_step, checkpoint):
                control.should_training_stop = True

    return Forwarding()


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
def _silenced() -> Iterator[None]:
    """Keeps the logs and progress bars of TRL, transformers and datasets off the terminal."""
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    from duetbench.models.silence_logging import silence_transformers

    had_bars = not are_progress_bars_disabled()
    disable_progress_bars()
    log = logging.getLogger("trl")
    level = log.level
    log.setLevel(logging.ERROR)
    previous = os.environ.get("TRL_EXPERIMENTAL_SILENCE")
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"  # rollout functions are experimental; the version of TRL is pinned
    try:
        with warnings.catch_warnings(), silence_transformers():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
        if had_bars:
            enable_progress_bars()
        if previous is None:
            del os.environ["TRL_EXPERIMENTAL_SILENCE"]
        else:
            os.environ["TRL_EXPERIMENTAL_SILENCE"] = previous
