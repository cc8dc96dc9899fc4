"""Computing common prefixes of prompts once."""

from __future__ import annotations

from random import Random

import pytest

from duetbench.engines.transformers.decoding import next_logits
from duetbench.engines.transformers.shared_prefixes import PrefixGroup, next_logits_by_prefix, prefix_groups


@pytest.fixture(scope="module")
def model():
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_prefixs": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=50, initializer_range=0.3, **sizes)).eval()


def some_prompts() -> list[list[int]]:
    """Three groups with prefixes of different lengths, and two prompts without a common prefix."""
    rng = Random(0)
    words = [[rng.randrange(1, 50) for _ in range(length)] for length in (60, 40, 90, 20, 70)]
    prompts = [
        [*words[prefix], *(rng.randrange(1, 50) for _ in range(rng.randrange(1, 9)))] for prefix in (0, 1, 2) * 4
    ]
    rng.shuffle(prompts)
    return [*prompts, words[3], words[4]]


def test_prompts_with_a_common_prefix_are_one_group():
    prefix = list(range(1, 41))
    assert prefix_groups([[*prefix, 1], [9] * 50, [*prefix, 2, 3]]) == [PrefixGroup(40, (0, 2)), PrefixGroup(0, (1,))]


def test_the_prefix_of_equal_prompts_ends_before_their_last_token():
    assert prefix_groups([[7] * 40, [7] * 40]) == [PrefixGroup(39, (0, 1))]


def test_a_short_common_prefix_is_not_a_group():
    assert len(prefix_groups([[1] * 10 + [2] * 50, [1] * 10 + [3] * 50])) == 2


def test_every_prompt_is_in_one_group():
    rows = [row for group in prefix_groups(some_prompts()) for row in group.rows]
    assert sorted(rows) == list(range(14))
    assert prefix_groups([]) == []


@pytest.mark.parametrize("budget", [1, 300, 100_000])
def test_the_logits_are_those_of_each_prompt_alone(model, budget):
    import torch

    prompts = some_prompts()
    alone = torch.cat([next_logits(model, [prompt], pad=0) for prompt in prompts])
    grouped = next_logits_by_prefix(model, prompts, pad=0, budget=budget)
    assert torch.allclose(grouped, alone, atol=1e-5)
