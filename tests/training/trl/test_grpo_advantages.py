"""The advantages that TRL trains with are ours, and ours agree with TRL's own where both compute the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from duetbench.training.advantage import ESTIMATORS, estimate_advantages
from duetbench.training.options import TrainerSettings
from duetbench.training.trl.adapter import RolloutBatch, grpo_trainer, reward_function, rollout_function
from duetbench.training.trl.settings import GrpoTerms, LoopSettings, grpo_settings, shared_settings

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # TRL's own

G = 4
TIES = [0.1, 0.1, 0.1, 0.1]


def random_rewards(seed: int, n_groups: int = 6) -> list[float | None]:
    """Rewards of several groups: some missing, a group of ties, groups with one reward and with none."""
    rng = Random(seed)
    rewards: list[float | None] = [
        None if rng.random() < 0.2 else round(rng.uniform(-1, 1), rng.choice([1, 9])) for _ in range(n_groups * G)
    ]
    return [*rewards, *TIES, 0.3, None, None, None, *[None] * G]


class GivenRewards:
    """A source of rollouts whose completions are constant and whose rewards are given."""

    def __init__(self, rewards: Sequence[float | None], loss_mask: Sequence[Sequence[int]] | None = None) -> None:
        self._rewards = list(rewards)
        self._loss_mask = [list(mask) for mask in loss_mask] if loss_mask else [[1, 1]] * len(rewards)

    def sample(self, keys: Sequence[str], model: Any, step: int) -> RolloutBatch:
        return RolloutBatch([[5, 6, 7]] * len(keys), [[8, 9]] * len(keys), self._loss_mask)

    def rewards(self) -> list[float | None]:
        return self._rewards


def scored(
    tiny_folder: Path, folder: Path, source: GivenRewards, *, estimator: str | None = None, scale: str = "none"
) -> dict[str, Any]:
    """What TRL computes for one round: with our advantages if `estimator` is given, else with its own."""
    import trl
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    n = len(source.rewards())
    terms = GrpoTerms(G, n, 1, 1.0, 8, 0.0, 0.2, 0.2, "dapo", estimator or "mean_only")
    loop = LoopSettings(folder, 1, n, n, 1, 0, use_cpu=True, bf16=False)
    arguments = {**shared_settings(TrainerSettings(), loop), **grpo_settings(terms, loop), "scale_rewards": scale}
    trainer = (grpo_trainer(trl, terms) if estimator else trl.GRPOTrainer)(
        model=AutoModelForCausalLM.from_pretrained(tiny_folder),
        reward_funcs=reward_function(source),
        args=trl.GRPOConfig(**arguments),
        train_dataset=Dataset.from_list([{"prompt": "a"}] * n),
        processing_class=AutoTokenizer.from_pretrained(tiny_folder),
        rollout_func=rollout_function(source),
    )
    trainer.model.train()
    outputs: dict[str, Any] = trainer._generate_and_score_completions([{"prompt": "a"} for _ in range(n)])
    return {**outputs, "metrics": trainer._metrics["train"]}


SAME = [("group_normalized", "group"), ("batch_normalized", "batch"), ("mean_only", "none")]


@pytest.mark.parametrize(("estimator", "scale"), SAME)
@pytest.mark.parametrize("seed", [0, 1])
def test_ours_are_bit_identical_to_trls_own(tiny_folder, tmp_path, estimator, scale, seed):
    import torch

    rewards = random_rewards(seed)
    theirs = scored(tiny_folder, tmp_path, GivenRewards(rewards), scale=scale)["advantages"]
    values = torch.tensor([math.nan if reward is None else reward for reward in rewards])
    ours = estimate_advantages(values, estimator, group_size=G)
    assert torch.equal(ours, theirs)
    assert ours.count_nonzero() > len(rewards) / 2


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_estimator_decides_what_trl_trains_with(tiny_folder, tmp_path, estimator):
    import torch

    rewards = random_rewards(2)
    outputs = scored(tiny_folder, tmp_path, GivenRewards(rewards), estimator=estimator)
    values = torch.tensor([math.nan if reward is None else reward for reward in rewards])
    assert torch.equal(outputs["advantages"], estimate_advantages(values, estimator, group_size=G))


def test_the_logged_reward_is_the_reward_and_not_the_advantage(tiny_folder, tmp_path):
    rewards = random_rewards(3)
    outputs = scored(tiny_folder, tmp_path, GivenRewards(rewards), estimator="leave_one_out")
    known = [reward for reward in rewards if reward is not None]
    assert outputs["metrics"]["reward"] == [pytest.approx(sum(known) / len(known), rel=1e-5)]


def test_masked_completions_are_not_in_the_loss_and_keep_their_advantage(tiny_folder, tmp_path):
    rewards = [0.0, 1.0, 0.0, 1.0]
    source = GivenRewards(rewards, loss_mask=[[1, 1], [0, 0], [1, 1], [0, 1]])
    outputs = scored(tiny_folder, tmp_path, source, estimator="mean_only")
    assert (outputs["completion_mask"] * outputs["tool_mask"]).sum(dim=1).tolist() == [2, 0, 2, 1]
    assert int(outputs["num_items_in_batch"]) == 5
    assert outputs["advantages"].tolist() == [-0.5, 0.5, -0.5, 0.5]
