"""A world for a model with random weights: any text without the letter q is a profile, and vowels raise the reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.interfaces import Engine, Reward, Scorer, Stage, Strategy, TrainingJob, option
from duetbench.progress import Progress, TrainingProgress
from duetbench.prompts import prompt_key
from duetbench.types import (
    Domain,
    Example,
    Item,
    Message,
    ModelRef,
    Prediction,
    Profile,
    Profiles,
    Prompt,
    Request,
    Rollout,
)

DOMAIN = Domain("album", "albums")


class Writing(Stage):
    """Prompts for any text up to a capital letter or a digit; a text with the letter q is unreadable."""

    max_tokens = 24
    stop = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")

    def __init__(self, sides: tuple[str, ...]) -> None:
        self._sides = sides

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        return [_prompt(side, position, request) for side in self._sides for position, request in enumerate(requests)]

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        if "q" in text:
            return None
        sides = ("user", "item") if prompt.side == "pair" else (prompt.side,)
        return [Profile(side, text) for side in sides]


def _prompt(side: Any, position: int, request: Request) -> Prompt:
    subject = request.user_id if side == "user" else request.item.title
    text = f"{side}: {subject} {request.user_id}" if side == "pair" else f"{side}: {subject}"
    messages = (Message("user", text),)
    return Prompt(prompt_key(messages), side, messages, (position,))


class Tiny(Strategy):
    """Writes any text."""

    name = "tiny"
    summary = "any text"

    @dataclass(frozen=True)
    class Config:
        joint: str = option("paired", "paired or cross")

    def stages(self) -> tuple[Stage, ...]:
        return (Writing(("pair",) if self.config.joint == "paired" else ("user", "item")),)


class Vowels(Scorer):
    """Predicts 1 plus 4 times the share of vowels."""

    name = "vowels"
    needs_engine = False

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        return [Prediction(1 + 4 * _share_of_vowels(written)) for written in profiles]


def _share_of_vowels(profiles: Profiles) -> float:
    text = "".join(side.text for side in (profiles.user, profiles.item) if side)
    return sum(character in "aeiou" for character in text) / max(len(text), 1)


class Near(Reward):
    """1 minus the error of the prediction as a share of the scale."""

    name = "near"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        return [
            None if rollout.prediction.value is None else 1 - abs(rollout.prediction.value - rollout.example.rating) / 4
            for rollout in rollouts
        ]


def examples(split: str, n: int) -> list[Example]:
    first = 100 if split == "valid" else 0
    return [
        Example(Request(f"{split}:{first + k}", f"user {k}", Item(f"i{k}", f"record {k}"), 10, DOMAIN), 5.0)
        for k in range(n)
    ]


class RecordedProgress(Progress):
    """Keeps what a training reports."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.updates: list[int] = []
        self.evaluations: list[int] = []

    def print_line(self, line: str) -> None:
        self.lines.append(line)

    def training(self, title: str, n_updates: int) -> TrainingProgress:
        return _RecordedTraining(self)


class _RecordedTraining(TrainingProgress):
    def __init__(self, progress: RecordedProgress) -> None:
        self._progress = progress

    def update(self, step: int, values: Mapping[str, Any]) -> None:
        self._progress.updates.append(step)

    def evaluated(self, step: int, metrics: Mapping[str, Any], *, is_best: bool) -> None:
        self._progress.evaluations.append(step)


def job(model: ModelRef, workdir: Path, *, joint: str = "paired", seed: int = 0, **changes: Any) -> TrainingJob:
    from duetbench.engines.transformers.engine import TransformersEngine

    values: dict[str, Any] = {
        "strategy": Tiny(Tiny.Config(joint)),
        "train": examples("train", 12),
        "valid": examples("valid", 6),
        "scorer": Vowels(),
        "rewards": [(Near(), 1.0)],
        "model": model,
        "engine": TransformersEngine(model=model),
        "workdir": workdir,
        "seed": seed,
    }
    return TrainingJob(**{**values, **changes})


def make_tiny_model(folder: Path) -> Path:
    """The folder with a Llama of two layers with random weights, which writes random text."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from duetbench.toy.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(["some people like jazz"], context_length=512)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.3,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
