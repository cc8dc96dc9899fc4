"""Trains a small Llama on training texts; the loss covers the answers only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

from duetbench.engines.transformers.threads import few_threads
from duetbench.toy.corpus import TrainingText

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

_WINDOW = 100
"""Steps over which losses are averaged."""
LABELS = ("1", "2", "3", "4", "5")


@dataclass(frozen=True, slots=True)
class CurriculumStage:
    """A stage of the training with its texts, learning rates and stopping rule."""

    name: str
    steps: int
    """Maximum number of steps."""
    sample_texts: Callable[[Random], list[TrainingText]]
    """Returns some random training texts."""
    learning_rate: float = 1e-3
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
    answer_start: int
    """Position of the first token of the answer."""
    label_probabilities: tuple[float, ...]
    """Target probabilities of the labels at `label_position`; empty if the answer has no label."""
    label_position: int
    weights: tuple[float, ...]
    """Loss weights of the answer's tokens."""


def new_model(tokenizer: PreTrainedTokenizerFast, *, width: int, layers: int, context_length: int) -> LlamaForCausalLM:
    """A Llama with random weights, which depend on torch's seed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=context_length,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def encode(tokenizer: PreTrainedTokenizerFast, text: TrainingText) -> EncodedText:
    """The tokens of prompt and answer, followed by the end-of-turn token."""
    turns = [{"role": message.role, "content": message.content} for message in text.messages]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer = tokenizer(text.answer, add_special_tokens=False, return_offsets_mapping=True)
    label_position = len(prompt_ids) + len(answer["input_ids"]) - 1 if text.label_probabilities else -1
    weights = [_weight(text, (start + end) / 2) for start, end in answer["offset_mapping"]]
    if text.label_probabilities:
        weights[-1] = 0.0  # the label is learned from its probabilities
    tokens = (*prompt_ids, *answer["input_ids"], tokenizer.eos_token_id)
    return EncodedText(tokens, len(prompt_ids), text.label_probabilities, label_position, (*weights, 1.0))


def _weight(text: TrainingText, position: float) -> float:
    """The loss weight of the token at this character position of the answer."""
    return next((weight for start, end, weight in text.weights if start <= position <= end), 1.0)


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    stage: CurriculumStage,
    random: Random,
    *,
    on_step: Callable[[int, str], None] | None = None,
) -> None:
    """Trains the model in place for one stage, with a new optimizer.

    Args:
        model: In fp32.
        tokenizer: The model's tokenizer.
        stage: Texts, learning rates and length of the training.
        random: Source of the texts and of their order.
        on_step: Called after each step with its number, from 1, and the recent losses as text.
    """
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=stage.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    model.train()
    labels = torch.tensor(tokenizer.convert_tokens_to_ids(list(LABELS)))
    batches = _batches(tokenizer, stage, random)
    recent = _RecentLosses(stage)
    with few_threads(model):
        for step in range(1, stage.steps + 1):
            for group in optimizer.param_groups:
                group["lr"] = _learning_rate_at(stage, step)
            word_loss, rating_loss = _losses(model, next(batches), labels, tokenizer.pad_token_id)
            optimizer.zero_grad()
            (word_loss + rating_loss).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            recent.add(word_loss.item(), rating_loss.item())
            if on_step:
                on_step(step, recent.summary())
            if recent.are_below_targets():
                break
    model.eval()  # type: ignore[no-untyped-call]


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


def _batches(tokenizer: PreTrainedTokenizerFast, stage: CurriculumStage, random: Random) -> Iterator[list[EncodedText]]:
    """Batches of texts of similar length, in random order."""
    while True:
        pool: list[EncodedText] = []
        while sum(len(text.tokens) for text in pool) < 16 * stage.token_budget:
            pool += (encode(tokenizer, text) for text in stage.sample_texts(random))
        pool.sort(key=lambda text: len(text.tokens))
        batches = _split(pool, stage.token_budget)
        random.shuffle(batches)
        yield from batches


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
    hidden = model.model(tokens[:, :-1]).last_hidden_state  # right padding: no token attends to it
    weights = torch.zeros_like(tokens, dtype=torch.float)
    for row, text in enumerate(batch):
        weights[row, text.answer_start : len(text.tokens)] = torch.tensor(text.weights)
    is_word = weights[:, 1:] > 0
    losses = torch.nn.functional.cross_entropy(model.lm_head(hidden[is_word]), tokens[:, 1:][is_word], reduction="none")
    word_loss = (losses * weights[:, 1:][is_word]).sum() / weights.sum()
    rated = [
        (row, text.label_position - 1, text.label_probabilities)
        for row, text in enumerate(batch)
        if text.label_probabilities
    ]
    if not rated:
        return word_loss, torch.zeros(())
    rows, positions, probabilities = zip(*rated, strict=True)
    logprobs = model.lm_head(hidden[list(rows), list(positions)]).log_softmax(-1)[:, labels]
    return word_loss, -(torch.tensor(probabilities) * logprobs).sum(-1).mean()
