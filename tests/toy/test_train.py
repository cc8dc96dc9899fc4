"""The training of toy-lm."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch

from duetbench.toy.build import make_tokenizer
from duetbench.toy.corpus import rating_texts
from duetbench.toy.train import CurriculumStage, CurriculumTraining, new_model

STAGE = CurriculumStage("few", 12, lambda random: rating_texts(random, longest_history=2), token_budget=150)


def training(checkpoint: Path | None) -> CurriculumTraining:
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    model = new_model(tokenizer, width=8, layers=1, heads=2, context_length=512)
    return CurriculumTraining(model, tokenizer, [STAGE], Random(1), checkpoint)


def trained(checkpoint: Path | None) -> list[float]:
    losses: list[float] = []
    training(checkpoint).run(lambda stage, step, recent: losses.append(float(recent.split()[-1])))
    return losses


def test_training_interrupted_within_a_stage_goes_on_with_the_same_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duetbench.toy.train.CHECKPOINT_STEPS", 1)
    monkeypatch.setattr("duetbench.toy.train._POOL_BATCHES", 3)

    def interrupt(stage: CurriculumStage, step: int, recent: str) -> None:
        if step == 9:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "state.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        training(checkpoint).run(interrupt)
    assert torch.load(checkpoint, weights_only=True)["step"] > 1
    rest = trained(checkpoint)
    assert 1 < len(rest) < 12
    assert rest == trained(None)[-len(rest) :]
