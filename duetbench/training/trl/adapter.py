"""The one file that names TRL: plain values in, its trainers' loops inside, plain events out.

Rows come in the order in which they are to be used, as token ids that our own code made, so that nothing is shuffled,
re-tokenized or cut on the way.
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
from duetbench.training.options import TrainerSettings
from duetbench.training.trl.settings import (
    DpoTerms,
    GrpoTerms,
    LoopSettings,
    dpo_settings,
    grpo_settings,
    sft_settings,
    shared_settings,
)

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainerCallback


@dataclass(frozen=True)
class TrainableModel:
    """What is trained."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    adapter: PeftConfig | None
    """None: all weights are trained."""


class TrainingCallbacks(Protocol):
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
class RolloutBatch:
    """Completions of a batch of prompts, in order."""

    prompts: list[list[int]]
    completions: list[list[int]]
    """None is empty."""
    own: list[list[int]]
    """1 for each token that the model chose, 0 for one that it was given and earns nothing for."""


class RolloutSource(Protocol):
    """GRPO's other half: what is asked, and what the answers earn."""

    def sample(self, keys: Sequence[str], model: Any, step: int) -> RolloutBatch:
        """One completion per key; equal keys stand side by side and form a group."""

    def rewards(self) -> list[float | None]:
        """What the completions just sampled earn; None: left out."""


def train_sft(
    learner: TrainableModel,
    rows: Sequence[TokenRow],
    tuning: TrainerSettings,
    loop: LoopSettings,
    events: TrainingCallbacks,
) -> None:
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
    learner: TrainableModel,
    rows: Sequence[TokenPair],
    tuning: TrainerSettings,
    loop: LoopSettings,
    events: TrainingCallbacks,
    terms: DpoTerms,
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
    learner: TrainableModel,
    keys: Sequence[str],
    tuning: TrainerSettings,
    loop: LoopSettings,
    events: TrainingCallbacks,
    terms: GrpoTerms,
    rounds: RolloutSource,
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


def train_grpo_reference(
    learner: TrainableModel,
    prompts: Sequence[str],
    tuning: TrainerSettings,
    loop: LoopSettings,
    events: TrainingCallbacks,
    terms: GrpoTerms,
    paid: Callable[[Sequence[Sequence[int]]], None],
) -> None:
    """GRPO as TRL does it alone, for comparisons: its own sampling, and the same reward for everything.

    Equal rewards save it nothing: advantages of 0 still go forward and backward through the model.

    Args:
        learner: What is trained.
        prompts: As text with all special tokens, one per prompt and round, in order.
        tuning: See `train_grpo`.
        loop: See `train_grpo`.
        events: See `train_grpo`.
        terms: See `train_grpo`.
        paid: Called with the completions of a round when they are to be rewarded.
    """
    trl = _trl()

    def constant(completion_ids: list[list[int]], **_columns: Any) -> list[float]:
        paid(completion_ids)
        return [1.0] * len(completion_ids)

    with _quiet():
        trainer = trl.GRPOTrainer(
            model=learner.model,
            reward_funcs=constant,
            args=trl.GRPOConfig(**shared_settings(tuning, loop), **grpo_settings(terms, loop)),
            train_dataset=_dataset([{"prompt": prompt} for prompt in prompts]),
            processing_class=learner.tokenizer,
            peft_config=learner.adapter,
        )
        _run(trainer, loop, events)


def _run(trainer: Trainer, loop: LoopSettings, events: TrainingCallbacks) -> None:
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_callback(loop, events))
    trainer.train(resume_from_checkpoint=str(loop.resume_from) if loop.resume_from else None)


def _callback(loop: LoopSettings, events: TrainingCallbacks) -> TrainerCallback:
    from transformers import TrainerCallback

    class OnProgress(TrainerCallback):
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

    return OnProgress()


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

    from duetbench.models.silence_logging import silence_transformers

    had_bars = not are_progress_bars_disabled()
    disable_progress_bars()
    log = logging.getLogger("trl")
    level = log.level
    log.setLevel(logging.ERROR)
    before = os.environ.get("TRL_EXPERIMENTAL_SILENCE")
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"  # custom rollouts count as experimental; the version is pinned
    try:
        with warnings.catch_warnings(), silence_transformers():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
        if had_bars:
            enable_progress_bars()
        if before is None:
            del os.environ["TRL_EXPERIMENTAL_SILENCE"]
        else:
            os.environ["TRL_EXPERIMENTAL_SILENCE"] = before
