"""The gradient of an update on the real TRL: independent of the micro-batch, and equal to a direct computation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from duetbench.training.options import TrainerSettings
from duetbench.training.trl.adapter import RolloutBatch, TrainableModel, train_grpo
from duetbench.training.trl.settings import GrpoTerms, LoopSettings

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # TRL's own

G, N = 4, 8
REWARDS: list[float | None] = [0.0, 1.0, 0.5, -1.0, 0.2, 0.9, 0.1, 0.1]
RNG = Random(1)
COMPLETIONS = [[RNG.randrange(5, 60) for _ in range(length)] for length in (1, 2, 12, 3, 9, 1, 2, 5)]
MASKS = [[1] * len(ids) for ids in COMPLETIONS[:-1]] + [[0] * len(COMPLETIONS[-1])]


PROMPTS = {
    "paired": [[RNG.randrange(5, 60) for _ in range(length)] for length in (30, 29)],
    "cross": [[RNG.randrange(5, 60) for _ in range(length)] for length in (40, 11)],
}
"""The prompts of two groups: of two pairs, or of the two sides of one pair."""


class GivenCompletions:
    """A source of rollouts of different lengths, the last one out of the loss."""

    def __init__(self, prompts: Sequence[list[int]] = ([5, 6, 7],) * (N // G)) -> None:
        self._prompts = prompts

    def sample(self, keys: Sequence[str], model: Any, step: int) -> RolloutBatch:
        import torch

        torch.manual_seed(0)  # the order in which TRL uses the rows
        return RolloutBatch([prompt for prompt in self._prompts for _ in range(G)], COMPLETIONS, MASKS)

    def rewards(self) -> list[float | None]:
        return REWARDS


class Gradients:
    """Keeps the gradient of every update."""

    def __init__(self) -> None:
        self.updates: list[Any] = []

    def on_train_begin(self, model: Any, step: int) -> None: ...

    def on_pre_optimizer_step(self, model: Any, step: int) -> None:
        import torch

        self.updates.append(torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None]))

    def on_log(self, step: int, values: dict[str, float]) -> None: ...

    def on_save(self, model: Any, step: int, checkpoint: Path) -> bool:
        return False


def gradients(
    model: Path,
    folder: Path,
    micro_batch: int,
    *,
    updates: int = 1,
    source: GivenCompletions | None = None,
    lora: bool = False,
    **terms: Any,
) -> list[Any]:
    """The gradients of the updates of one round."""
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer

    values = {"loss_type": "dapo", "advantage": "mean_only", "beta": 0.1, **terms}
    objective = GrpoTerms(
        num_generations=G, completions_per_round=N, num_iterations=1, temperature=1.0, max_completion_length=16,
        epsilon=0.2, epsilon_high=0.2, **values,
    )  # fmt: skip
    loop = LoopSettings(folder, updates, N // updates, micro_batch, 100, 0, use_cpu=True, bf16=False)
    settings = TrainerSettings(adapter="full", learning_rate=1e-3, max_grad_norm=1e9)
    kept = Gradients()
    adapter = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM") if lora else None
    torch.manual_seed(0)  # the adapter's weights
    loaded = AutoModelForCausalLM.from_pretrained(model)
    trainable = TrainableModel(loaded, AutoTokenizer.from_pretrained(model), adapter)
    train_grpo(trainable, ["0:0"] * (N // G), settings, loop, kept, objective, source or GivenCompletions())
    return kept.updates


def difference(gradient: Any, expected: Any) -> float:
    """The norm of the difference relative to that of the expected gradient."""
    return float((gradient - expected).norm() / expected.norm())


LOSSES = [("dapo", None), ("grpo", None), ("dr_grpo", None), ("bnpo", None), ("bnpo", 4), ("bnpo", 2)]


@pytest.mark.parametrize(("loss_type", "batch"), LOSSES)
def test_the_gradient_does_not_depend_on_the_micro_batch(tiny_folder, tmp_path, loss_type, batch):
    terms = {"loss_type": loss_type, "loss_batch_size": batch}
    (full,) = gradients(tiny_folder, tmp_path, N, **terms)
    for micro_batch in (1, 4):
        (gradient,) = gradients(tiny_folder, tmp_path, micro_batch, **terms)
        assert difference(gradient, full) < 1e-5


def test_bnpo_does_not_depend_on_the_micro_batch_with_several_updates(tiny_folder, tmp_path):
    terms = {"loss_type": "bnpo", "loss_batch_size": 2, "updates": 2}
    first, second = gradients(tiny_folder, tmp_path, 4, **terms)
    again = gradients(tiny_folder, tmp_path, 1, **terms)
    assert difference(again[0], first) < 1e-5
    assert difference(again[1], second) < 1e-3  # after AdamW's first step, which magnifies differences


def test_bnpo_over_the_update_is_dapo_with_one_update_per_round(tiny_folder, tmp_path):
    (bnpo,) = gradients(tiny_folder, tmp_path, 2, loss_type="bnpo")
    (dapo,) = gradients(tiny_folder, tmp_path, 2, loss_type="dapo")
    assert difference(bnpo, dapo) < 1e-5


def test_bnpo_is_the_token_mean_of_each_batch(tiny_folder, tmp_path):
    """verl's token-mean: each batch's mean over its tokens, the batches weighted by their completions."""
    import torch
    from transformers import AutoModelForCausalLM

    (gradient,) = gradients(tiny_folder, tmp_path, 4, loss_type="bnpo", loss_batch_size=2, beta=0.0)
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    torch.manual_seed(0)
    order = torch.randperm(N).tolist()
    advantages = [reward - sum(REWARDS[n // G * G : n // G * G + G]) / G for n, reward in enumerate(REWARDS)]
    for batch in (order[first : first + 2] for first in range(0, N, 2)):
        n_tokens = max(sum(sum(MASKS[n]) for n in batch), 1)
        for n in batch:
            ids = torch.tensor([[5, 6, 7, *COMPLETIONS[n]]])
            log_probs = model(ids).logits.log_softmax(-1)[0, 2:-1].gather(1, ids[0, 3:, None])[:, 0]
            loss = -advantages[n] * (log_probs * torch.tensor(MASKS[n])).sum() / n_tokens
            (loss * 2 / N).backward()
    expected = torch.cat([weights.grad.flatten() for weights in model.parameters()])
    assert difference(gradient, expected) < 1e-4


@pytest.mark.parametrize("lora", [True, False], ids=["lora", "full"])
@pytest.mark.parametrize("joint", PROMPTS)
def test_shared_prompts_do_not_change_the_gradient(tiny_folder, tmp_path, monkeypatch, joint, lora):
    """Two updates, so that the sampler's log-probabilities count, and a reference."""
    terms = {"source": GivenCompletions(PROMPTS[joint]), "lora": lora, "updates": 2}
    shared = [gradients(tiny_folder, tmp_path, micro_batch, **terms) for micro_batch in (1, 2, 4)]
    monkeypatch.setattr("duetbench.training.trl.adapter.unshared_reason", lambda _model: "for comparison")
    first, second = gradients(tiny_folder, tmp_path, 4, **terms)
    for updates in shared:
        assert difference(updates[0], first) < 1e-5
        assert difference(updates[1], second) < 1e-3  # after AdamW's first step, which magnifies differences


@pytest.mark.parametrize("advantage", [-1.0, 1.0])
@pytest.mark.parametrize("ratio", [0.5, 0.9, 1.1, 1.5, 4.0])
def test_trls_delta_is_verls_dual_clip(advantage, ratio):
    """TRL: -min(min(r, delta) A, clip(r) A); verl: for A < 0 at most -delta A, else the clipped loss."""
    clipped = min(max(ratio, 0.8), 1.2)
    trl = -min(min(ratio, 3.0) * advantage, clipped * advantage)
    one_sided = max(-advantage * ratio, -advantage * clipped)
    verl = min(one_sided, -advantage * 3.0) if advantage < 0 else one_sided
    assert trl == pytest.approx(verl)


def test_delta_reaches_trl(tiny_folder, tmp_path):
    pytest.importorskip("trl")
    from duetbench.training.trl.settings import grpo_settings

    terms = GrpoTerms(8, 32, 1, 1.0, 64, 0.0, 0.2, 0.2, "bnpo", "group_normalized", delta=3.0)
    loop = LoopSettings(tmp_path, 10, 16, 8, 5, 0, use_cpu=True, bf16=False)
    assert grpo_settings(terms, loop)["delta"] == 3.0
