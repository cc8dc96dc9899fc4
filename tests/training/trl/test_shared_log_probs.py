"""Log-probabilities and gradients with shared prompts equal those of TRL, which reads each completion apart."""

from __future__ import annotations

import inspect
from pathlib import Path
from random import Random
from typing import Any

import pytest

from duetbench.training.options import TrainerSettings
from duetbench.training.trl.adapter import grpo_trainer
from duetbench.training.trl.settings import GrpoTerms, LoopSettings, grpo_settings, shared_settings
from duetbench.training.trl.shared_pass import unshared_reason

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # TRL's own

G = 4
LENGTHS = (5, 1, 7, 3, 2, 7, 1, 4)
"""Tokens of the completions of two prompts."""


def trainer_on(model: Any, tokenizer: Path, folder: Path, *, lora: bool = False, **settings: Any) -> Any:
    """A trainer as in `train_grpo`, with temperature 0.7."""
    import trl
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer

    terms = GrpoTerms(G, 8, 1, 0.7, 8, 0.1, 0.2, 0.2, "dapo", "mean_only")
    loop = LoopSettings(folder, 1, 8, 8, 1, 0, use_cpu=True, bf16=False)
    adapter = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    trainer = grpo_trainer(trl, terms)(
        model=model,
        reward_funcs=lambda **_: [0.0],
        args=trl.GRPOConfig(**shared_settings(TrainerSettings(**settings), loop), **grpo_settings(terms, loop)),
        train_dataset=Dataset.from_list([{"prompt": "a"}] * 8),
        processing_class=AutoTokenizer.from_pretrained(tokenizer),
        peft_config=adapter if lora else None,
    )
    trainer.model.train()
    return trainer


def batch(order: list[int]) -> tuple[Any, Any, int]:
    """Two groups of completions, prompts and completions of different lengths, in this order of the rows."""
    import torch

    rng = Random(3)
    prompts = [[rng.randrange(5, 60) for _ in range(length)] for length in (9, 6)]
    ids, mask = [], []
    for n, length in enumerate(LENGTHS):
        prompt = prompts[n // G]
        completion = [rng.randrange(5, 60) for _ in range(length)]
        before, after = 9 - len(prompt), max(LENGTHS) - length
        ids.append([0] * before + prompt + completion + [0] * after)
        mask.append([0] * before + [1] * (len(prompt) + length) + [0] * after)
    return torch.tensor(ids)[order], torch.tensor(mask)[order], max(LENGTHS)


def compared(trainer: Any, order: list[int], **arguments: Any) -> tuple[list[Any], list[Any]]:
    """With shared prompts and with TRL's own method: log-probabilities, entropies, and the gradient of a loss."""
    import torch
    import trl

    ids, mask, length = batch(order)
    weights = torch.randn(len(ids), length, generator=torch.Generator().manual_seed(0))
    results = []
    for method in (type(trainer), trl.GRPOTrainer):
        trainer.model.zero_grad()
        log_probs, entropies, _ = method._get_per_token_logps_and_entropies(
            trainer, trainer.model, ids, mask, length, compute_entropy=True, **arguments
        )
        (log_probs * weights + entropies * weights.flip(0)).sum().backward()
        gradient = torch.cat([w.grad.flatten() for w in trainer.model.parameters() if w.grad is not None])
        results.append([log_probs.detach(), entropies.detach(), gradient])
    ours, theirs = results
    return ours, theirs


def difference(values: Any, expected: Any) -> float:
    """The norm of the difference relative to that of the expected values."""
    assert values.shape == expected.shape
    return float((values - expected).norm() / expected.norm())


GROUPED, SHUFFLED, PART = list(range(8)), [3, 6, 0, 5, 1, 7, 2, 4], [2, 3, 4]
CASES = [
    (GROUPED, {}),
    (SHUFFLED, {}),
    (PART, {}),
    (GROUPED, {"lora": True}),
    (GROUPED, {"gradient_checkpointing": True}),
    (SHUFFLED, {"lora": True, "gradient_checkpointing": True}),
]


@pytest.mark.parametrize(("order", "settings"), CASES)
def test_values_and_gradients_equal_trls(tiny_folder, tmp_path, order, settings):
    from transformers import AutoModelForCausalLM

    trainer = trainer_on(AutoModelForCausalLM.from_pretrained(tiny_folder), tiny_folder, tmp_path, **settings)
    ours, theirs = compared(trainer, order)
    assert max(map(difference, ours, theirs)) < 1e-5
    assert trainer._metrics["train"]["tokens_saved"][0] > 0.2


def test_prompts_are_shared_within_batch_size(tiny_folder, tmp_path):
    from transformers import AutoModelForCausalLM

    trainer = trainer_on(AutoModelForCausalLM.from_pretrained(tiny_folder), tiny_folder, tmp_path)
    ours, theirs = compared(trainer, GROUPED, batch_size=3)
    assert max(map(difference, ours, theirs)) < 1e-5


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_grouped_heads_and_both_attentions_share_prompts(tiny_folder, tmp_path, attention):
    from transformers import AutoModelForCausalLM

    random_model("Qwen3", num_key_value_heads=2, head_dim=8).save_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation=attention)
    ours, theirs = compared(trainer_on(model, tiny_folder, tmp_path), SHUFFLED)
    assert max(map(difference, ours, theirs)) < 1e-5


def random_model(family: str, **changes: Any) -> Any:
    """A random model of two layers."""
    import torch
    import transformers

    size = {"vocab_size": 200, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = getattr(transformers, f"{family}Config")(**size, intermediate_size=48, **changes)
    torch.manual_seed(0)
    return getattr(transformers, f"{family}ForCausalLM")._from_config(config)


@pytest.mark.parametrize(
    ("family", "changes", "reason"),
    [
        ("Mistral", {"sliding_window": 4}, "a part of the sequence"),
        ("Gemma2", {"sliding_window": 4}, "a part of the sequence"),
        ("Bloom", {}, "the order of the tokens"),
        ("Mamba", {}, "recurrent"),
        ("Mixtral", {}, "load balancing"),
    ],
)
def test_other_models_are_read_apart(family, changes, reason):
    assert reason in (unshared_reason(random_model(family, **changes)) or "")


@pytest.mark.parametrize("family", ["Llama", "Qwen3", "Gemma"])
def test_models_with_full_attention_share_prompts(family):
    assert unshared_reason(random_model(family)) is None


def test_a_model_whose_attention_has_a_window_gets_trls_values(tiny_folder, tmp_path):
    from transformers import AutoModelForCausalLM

    random_model("Mistral", num_key_value_heads=2, sliding_window=4).save_pretrained(tmp_path)
    trainer = trainer_on(AutoModelForCausalLM.from_pretrained(tmp_path), tiny_folder, tmp_path)
    ours, theirs = compared(trainer, GROUPED)
    assert max(map(difference, ours, theirs)) == 0
    assert not trainer._metrics["train"]["tokens_saved"]


def test_the_overridden_method_has_the_arguments_it_was_written_for():
    import trl

    parameters = list(inspect.signature(trl.GRPOTrainer._get_per_token_logps_and_entropies).parameters)
    known = ["self", "model", "input_ids", "attention_mask", "logits_to_keep", "batch_size", "compute_entropy"]
    assert parameters[:8] == [*known, "compute_aux_loss"]
    images = {"pixel_values", "image_grid_thw", "num_images", "pixel_attention_mask", "spatial_shapes", "num_tiles"}
    images |= {"image_sizes", "token_type_ids", "mm_token_type_ids", "image_position_ids"}
    assert set(parameters[8:]) == images
