"""Reading what prompts share once."""

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
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=50, initializer_range=0.3, **sizes)).eval()


def some_prompts() -> list[list[int]]:
    """Three families of different length, and two prompts that stand alone."""
    rng = Random(0)
    words = [[rng.randrange(1, 50) for _ in range(length)] for length in (60, 40, 90, 20, 70)]
    prompts = [[*words[head], *(rng.randrange(1, 50) for _ in range(rng.randrange(1, 9)))] for head in (0, 1, 2) * 4]
    rng.shuffle(prompts)
    return [*prompts, words[3], words[4]]


def test_prompts_that_begin_alike_are_one_family():
    head = list(range(1, 41))
    assert prefix_groups([[*head, 1], [9] * 50, [*head, 2, 3]]) == [PrefixGroup(40, (0, 2)), PrefixGroup(0, (1,))]


def test_equal_prompts_leave_their_last_token_outside():
    assert prefix_groups([[7] * 40, [7] * 40]) == [PrefixGroup(39, (0, 1))]


def test_a_short_common_beginning_makes_no_family():
    assert len(prefix_groups([[1] * 10 + [2] * 50, [1] * 10 + [3] * 50])) == 2


def test_every_prompt_is_in_one_family():
    rows = [row for family in prefix_groups(some_prompts()) for row in family.rows]
    assert sorted(rows) == list(range(14))
    assert prefix_groups([]) == []


@pytest.mark.parametrize("budget", [1, 300, 100_000])
def test_the_logits_are_those_of_reading_each_prompt_alone(model, budget):
    import torch

    prompts = some_prompts()
    alone = torch.cat([next_logits(model, [prompt], pad=0) for prompt in prompts])
    together = next_logits_by_prefix(model, prompts, pad=0, budget=budget)
    assert torch.allclose(together, alone, atol=1e-5)
