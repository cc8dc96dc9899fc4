"""Trains a small Llama on lessons: question given, answer learnt."""

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
LABELS = ("1", "2", "3", "4", "5")


@dataclass(frozen=True, slots=True)
class CurriculumStage:
    """A stretch of training."""

    name: str
    steps: int
    lessons: Callable[[Random], list[TrainingText]]
    """Draws some."""
    rate: float = 1e-3
    """Learning rate, reached after the warm-up."""
    final_rate: float | None = None
    """Learning rate at the end, reached on a straight line; None: the same all along."""
    token_budget: int = 4096
    """Tokens per step, padding included."""
    enough_words: float = 0.0
    """The stage ends early once the mean loss of a hundred steps is below this, ..."""
    enough_ratings: float = 0.0
    """... and that of a hundred steps with ratings below this; 0: not asked for. If neither is, it never ends early."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A lesson in tokens."""

    tokens: tuple[int, ...]
    answer_start: int
    shares: tuple[float, ...]
    """Of the labels at `label_place`; empty if the answer holds no label."""
    label_place: int
    weights: tuple[float, ...]
    """Of the answer's tokens."""


def new_model(tokenizer: PreTrainedTokenizerFast, *, width: int, layers: int, context_length: int) -> LlamaForCausalLM:
    """A Llama with random weights; seed torch before."""
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


def encode(tokenizer: PreTrainedTokenizerFast, lesson: TrainingText) -> Encoded:
    """The lesson's tokens, ended by the end of the turn."""
    turns = [{"role": message.role, "content": message.content} for message in lesson.messages]
    question = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    before = tokenizer(question, add_special_tokens=False)["input_ids"]
    answer = tokenizer(lesson.answer, add_special_tokens=False, return_offsets_mapping=True)
    place = len(before) + len(answer["input_ids"]) - 1 if lesson.shares else -1
    weights = [_weight(lesson, (start + end) / 2) for start, end in answer["offset_mapping"]]
    if lesson.shares:
        weights[-1] = 0.0  # learnt from the shares instead
    tokens = (*before, *answer["input_ids"], tokenizer.eos_token_id)
    return Encoded(tokens, len(before), lesson.shares, place, (*weights, 1.0))


def _weight(lesson: TrainingText, place: float) -> float:
    """Of the token around this character."""
    return next((weight for start, end, weight in lesson.weights if start <= place <= end), 1.0)


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    stage: CurriculumStage,
    random: Random,
    *,
    on_step: Callable[[int, str], None] | None = None,
) -> None:
    """Trains in place, a stage at a time with an optimizer of its own.

    Args:
        model: In fp32.
        tokenizer: The model's.
        stage: What and how long.
        random: Draws lessons and their order.
        on_step: Is told the step (from 1) and the losses so far.
    """
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=stage.rate, betas=(0.9, 0.98), weight_decay=0.01)
    model.train()
    labels = torch.tensor(tokenizer.convert_tokens_to_ids(list(LABELS)))
    batches = _batches(tokenizer, stage, random)
    progress = _Progress(stage)
    with few_threads(model):
        for step in range(1, stage.steps + 1):
            for group in optimizer.param_groups:
                group["lr"] = _rate_at(stage, step)
            words, ratings = _losses(model, next(batches), labels, tokenizer.pad_token_id)
            optimizer.zero_grad()
            (words + ratings).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            progress.add(words.item(), ratings.item())
            if on_step:
                on_step(step, progress.summary())
            if progress.is_enough():
                break
    model.eval()  # type: ignore[no-untyped-call]


class _Progress:
    """The losses of the last hundred steps, each kind apart: a batch holds lessons of one length, often of one kind."""

    def __init__(self, stage: CurriculumStage) -> None:
        self._words: deque[float] = deque(maxlen=_WINDOW)
        self._ratings: deque[float] = deque(maxlen=_WINDOW)
        self._stage = stage

    def add(self, words: float, ratings: float) -> None:
        """One step's."""
        if ratings:
            self._ratings.append(ratings)
        else:
            self._words.append(words)  # batches with ratings have next to no words of their own

    def summary(self) -> str:
        """For people."""
        kinds = (("words", self._words), ("ratings", self._ratings))
        return ", ".join(f"{name} {fmean(losses):.2f}" for name, losses in kinds if losses)

    def is_enough(self) -> bool:
        """Whether the stage has reached its aims."""
        stage = self._stage
        aims = [(self._words, stage.enough_words), (self._ratings, stage.enough_ratings)]
        wanted = [(losses, aim) for losses, aim in aims if aim]
        return bool(wanted) and all(len(losses) == _WINDOW and fmean(losses) < aim for losses, aim in wanted)


def _rate_at(stage: CurriculumStage, step: int) -> float:
    final = stage.rate if stage.final_rate is None else stage.final_rate
    done = step / stage.steps
    return min(step / min(100, stage.steps), 1.0) * (stage.rate + (final - stage.rate) * done)


def _batches(tokenizer: PreTrainedTokenizerFast, stage: CurriculumStage, random: Random) -> Iterator[list[Encoded]]:
    """Batches of lessons of about the same length, in random order."""
    while True:
        pool: list[Encoded] = []
        while sum(len(one.tokens) for one in pool) < 16 * stage.token_budget:
            pool += (encode(tokenizer, lesson) for lesson in stage.lessons(random))
        pool.sort(key=lambda one: len(one.tokens))
        cut = _cut(pool, stage.token_budget)
        random.shuffle(cut)
        yield from cut


def _cut(pool: Sequence[Encoded], token_budget: int) -> list[list[Encoded]]:
    batches: list[list[Encoded]] = [[]]
    for one in pool:
        if (len(batches[-1]) + 1) * len(one.tokens) > token_budget and batches[-1]:
            batches.append([])
        batches[-1].append(one)
    return batches


def _losses(
    model: LlamaForCausalLM, batch: Sequence[Encoded], labels: torch.Tensor, pad: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of the answers' words, and of the ratings against their shares; 0 where a batch has none.

    Each is a mean of its own, so that one rating weighs as much as many words: else matching is never learnt.
    """
    import torch

    length = max(len(one.tokens) for one in batch)
    tokens = torch.tensor([(*one.tokens, *[pad] * (length - len(one.tokens))) for one in batch])  # (batch, time)
    hidden = model.model(tokens[:, :-1]).last_hidden_state  # right padding: nothing attends to it
    weights = torch.zeros_like(tokens, dtype=torch.float)
    for row, one in enumerate(batch):
        weights[row, one.answer_start : len(one.tokens)] = torch.tensor(one.weights)
    words = weights[:, 1:] > 0
    losses = torch.nn.functional.cross_entropy(model.lm_head(hidden[words]), tokens[:, 1:][words], reduction="none")
    loss_of_words = (losses * weights[:, 1:][words]).sum() / weights.sum()
    rated = [(row, one.label_place - 1, one.shares) for row, one in enumerate(batch) if one.shares]
    if not rated:
        return loss_of_words, torch.zeros(())
    rows, places, shares = zip(*rated, strict=True)
    logprobs = model.lm_head(hidden[list(rows), list(places)]).log_softmax(-1)[:, labels]
    return loss_of_words, -(torch.tensor(shares) * logprobs).sum(-1).mean()
