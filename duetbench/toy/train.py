"""Trains a small Llama on training texts; the loss covers the answers only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

from duetbench.atomic import atomic_file
from duetbench.engines.transformers.threads import few_threads
from duetbench.toy.corpus import TrainingText

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

_WINDOW = 100
"""Steps over which losses are averaged."""
CHECKPOINT_STEPS = 1000
_POOL_BATCHES = 16
"""Batches of one pool: its texts are sorted by length, so that a batch has little padding."""
LABELS = ("1", "2", "3", "4", "5")


@dataclass(frozen=True, slots=True)
class CurriculumStage:
    """A stage of the training with its texts, learning rates and stopping rule."""

    name: str
    steps: int
    """Maximum number of steps."""
    sample_texts: Callable[[Random], list[TrainingText]]
    """Returns some random training texts."""
    learning_rate: float = 2e-3
    """Learning rate after the warm-up."""
    final_learning_rate: float | None = None
    """Learning rate at the end, after a linear change; None: constant."""
    token_budget: int = 4096
    """Tokens per step, including padding."""
    word_loss_target: float = 0.0
    """The stage ends early when the mean word loss of the last 100 steps is below this; 0: no condition."""
    rating_loss_target: float = 0.0
    """The same for the rating loss. Both conditions must hold; without a condition the stage never ends early."""


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A training text as tokens."""

    tokens: tuple[int, ...]
    weights: tuple[float, ...]
    """Loss weight of each token; 0 for those of prompts, and for labels."""
    labels: tuple[tuple[int, tuple[float, ...]], ...]
    """Position of each label to learn, with the target probabilities of all labels there."""


def new_model(
    tokenizer: PreTrainedTokenizerFast, *, width: int, layers: int, heads: int, context_length: int
) -> LlamaForCausalLM:
    """A Llama with random weights, which depend on torch's seed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=context_length,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attention_bias=True,
        initializer_range=width**-0.5,  # with the usual 0.02, a model this narrow hardly attends to anything at first
    )
    return LlamaForCausalLM(config)


def encode(tokenizer: PreTrainedTokenizerFast, text: TrainingText) -> EncodedText:
    """The tokens of prompt and answer, followed by the end-of-turn token."""
    turns = [{"role": message.role, "content": message.content} for message in text.messages]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer = tokenizer(text.answer, add_special_tokens=False, return_offsets_mapping=True)
    starts = {start: len(prompt_ids) + number for number, (start, _) in enumerate(answer["offset_mapping"])}
    labels = tuple((starts[label.position], label.probabilities) for label in text.labels)
    weights = [0.0] * len(prompt_ids)
    weights += [_weight(text, (start + end) / 2) for start, end in answer["offset_mapping"]]
    for position, _ in labels:
        weights[position] = 0.0  # a label is learned from its probabilities
    tokens = (*prompt_ids, *answer["input_ids"], tokenizer.eos_token_id)
    return EncodedText(tokens, (*weights, 1.0), labels)


def _weight(text: TrainingText, position: float) -> float:
    """The loss weight of the token at this character position of the answer."""
    return next((weight for start, end, weight in text.weights if start <= position <= end), 1.0)


class CurriculumTraining:
    """Trains a model in place through stages, each with a new optimizer; it can be interrupted and resumed.

    Args:
        model: In fp32.
        tokenizer: The model's tokenizer.
        stages: They follow each other.
        random: Source of the texts and of their order.
        checkpoint: The state is kept in this file at each stage's start and about every `CHECKPOINT_STEPS` steps, and
            read from it at the start if it exists; the weights are the same with and without an interruption. None: no
            checkpoints.
    """

    def __init__(
        self,
        model: LlamaForCausalLM,
        tokenizer: PreTrainedTokenizerFast,
        stages: Sequence[CurriculumStage],
        random: Random,
        checkpoint: Path | None = None,
    ) -> None:
        import torch

        self._model, self._tokenizer, self._stages, self._random = model, tokenizer, stages, random
        self._checkpoint = checkpoint
        self._labels = torch.tensor(tokenizer.convert_tokens_to_ids(list(LABELS)))
        self._stage_number, self._step, self._saved_step = 0, 0, 0
        self._start_stage()
        if checkpoint is not None and checkpoint.is_file():
            self._load(checkpoint)

    def run(self, on_step: Callable[[CurriculumStage, int, str], None] | None = None) -> None:
        """Trains to the end; `on_step` is called with the stage, the number of the step, from 1, and recent losses."""
        self._model.train()
        with few_threads(self._model):
            while self._stage_number < len(self._stages):
                self._run_pool(self._stages[self._stage_number], on_step)
        self._model.eval()  # type: ignore[no-untyped-call]

    def _run_pool(self, stage: CurriculumStage, on_step: Callable[[CurriculumStage, int, str], None] | None) -> None:
        """The steps on one pool of texts; between two pools the state is complete without them."""
        if self._step - self._saved_step >= CHECKPOINT_STEPS:
            self._save()
        for batch in _pool(self._tokenizer, stage, self._random):
            self._step += 1
            self._recent.add(*self._update(stage, batch))
            if on_step:
                on_step(stage, self._step, self._recent.summary())
            if self._step == stage.steps or self._recent.are_below_targets():
                self._stage_number += 1
                self._step = self._saved_step = 0
                if self._stage_number < len(self._stages):
                    self._start_stage()
                    self._save()
                return

    def _start_stage(self) -> None:
        import torch

        stage = self._stages[self._stage_number]
        self._recent = _RecentLosses(stage)
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(), lr=stage.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
        )

    def _update(self, stage: CurriculumStage, batch: Sequence[EncodedText]) -> tuple[float, float]:
        import torch

        for group in self._optimizer.param_groups:
            group["lr"] = _learning_rate_at(stage, self._step)
        word_loss, rating_loss = _losses(self._model, batch, self._labels, self._tokenizer.pad_token_id)
        self._optimizer.zero_grad()
        (word_loss + rating_loss).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        return word_loss.item(), rating_loss.item()

    def _save(self) -> None:
        import torch

        if self._checkpoint is None:
            return
        self._saved_step = self._step
        state = {
            "stage": self._stage_number,
            "step": self._step,
            "recent": self._recent.state(),
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "random": self._random.getstate(),
        }
        with atomic_file(self._checkpoint) as partial:
            torch.save(state, partial)

    def _load(self, checkpoint: Path) -> None:
        import torch

        state = torch.load(checkpoint, weights_only=True)
        self._stage_number, self._step, self._saved_step = state["stage"], state["step"], state["step"]
        self._start_stage()
        self._recent.restore(state["recent"])
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._random.setstate(state["random"])


class _RecentLosses:
    """The losses of the last 100 steps, of words and of ratings: most batches have only one of the two."""

    def __init__(self, stage: CurriculumStage) -> None:
        self._words: deque[float] = deque(maxlen=_WINDOW)
        self._ratings: deque[float] = deque(maxlen=_WINDOW)
        self._stage = stage

    def add(self, word_loss: float, rating_loss: float) -> None:
        """Adds the losses of one step; `rating_loss` is 0 for a batch without ratings."""
        if rating_loss:
            self._ratings.append(rating_loss)
        else:
            self._words.append(word_loss)  # batches with ratings have almost no words in their answers

    def state(self) -> list[list[float]]:
        """The losses, for a checkpoint."""
        return [list(self._words), list(self._ratings)]

    def restore(self, state: Sequence[Sequence[float]]) -> None:
        """Sets the losses to those of a checkpoint."""
        self._words.extend(state[0])
        self._ratings.extend(state[1])

    def summary(self) -> str:
        """The mean losses as text."""
        kinds = (("words", self._words), ("ratings", self._ratings))
        return ", ".join(f"{name} {fmean(losses):.2f}" for name, losses in kinds if losses)

    def are_below_targets(self) -> bool:
        """Whether the stage has targets and all of them are reached."""
        stage = self._stage
        targets = [(self._words, stage.word_loss_target), (self._ratings, stage.rating_loss_target)]
        active = [(losses, target) for losses, target in targets if target]
        return bool(active) and all(len(losses) == _WINDOW and fmean(losses) < target for losses, target in active)


def _learning_rate_at(stage: CurriculumStage, step: int) -> float:
    final = stage.learning_rate if stage.final_learning_rate is None else stage.final_learning_rate
    done = step / stage.steps
    return min(step / min(100, stage.steps), 1.0) * (stage.learning_rate + (final - stage.learning_rate) * done)


def _pool(tokenizer: PreTrainedTokenizerFast, stage: CurriculumStage, random: Random) -> list[list[EncodedText]]:
    """Batches of texts of similar length, in random order."""
    pool: list[EncodedText] = []
    while sum(len(text.tokens) for text in pool) < _POOL_BATCHES * stage.token_budget:
        pool += (encode(tokenizer, text) for text in stage.sample_texts(random))
    pool.sort(key=lambda text: len(text.tokens))
    batches = _split(pool, stage.token_budget)
    random.shuffle(batches)
    return batches


def _split(pool: Sequence[EncodedText], token_budget: int) -> list[list[EncodedText]]:
    batches: list[list[EncodedText]] = [[]]
    for text in pool:
        if (len(batches[-1]) + 1) * len(text.tokens) > token_budget and batches[-1]:
            batches.append([])
        batches[-1].append(text)
    return batches


def _losses(
    model: LlamaForCausalLM, batch: Sequence[EncodedText], labels: torch.Tensor, pad: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of the answers' words, and of the ratings with their target probabilities; 0 if there are none.

    Both are means, so that one rating weighs as much as many words; otherwise matching users and items is not learned.
    """
    import torch

    length = max(len(text.tokens) for text in batch)
    tokens = torch.tensor([(*text.tokens, *[pad] * (length - len(text.tokens))) for text in batch])  # (batch, time)
    hidden = model.model(tokens[:, :-1], use_cache=False).last_hidden_state  # right padding: no token attends to it
    weights = torch.zeros_like(tokens, dtype=torch.float)
    for row, text in enumerate(batch):
        weights[row, : len(text.tokens)] = torch.tensor(text.weights)
    is_word = weights[:, 1:] > 0
    losses = torch.nn.functional.cross_entropy(model.lm_head(hidden[is_word]), tokens[:, 1:][is_word], reduction="none")
    word_loss = (losses * weights[:, 1:][is_word]).sum() / weights.sum()
    rated = [
        (row, position - 1, probabilities) for row, text in enumerate(batch) for position, probabilities in text.labels
    ]
    if not rated:
        return word_loss, torch.zeros(())
    rows, positions, probabilities = zip(*rated, strict=True)
    logprobs = model.lm_head(hidden[list(rows), list(positions)]).log_softmax(-1)[:, labels]
    return word_loss, -(torch.tensor(probabilities) * logprobs).sum(-1).mean()
