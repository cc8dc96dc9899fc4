"""Sampling completions from a model in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from duetbench.engines.tokens.stop_texts import StopTexts
from duetbench.training.grpo.sampling import SamplingSpec, sample_completions

SPEC = SamplingSpec(temperature=1.0, max_tokens=12, budget=100_000, pad=0)


@pytest.fixture(scope="module")
def loaded(tiny_ref):
    """The model and its chat template."""
    from duetbench.engines.tokens.chat_template import ChatTemplate, template_of
    from duetbench.engines.tokens.tokenizer import load_tokenizer
    from duetbench.engines.transformers.loading import DevicePlacement, load_model

    chat = ChatTemplate(load_tokenizer(tiny_ref), template_of(Path(tiny_ref.path)), {})
    return load_model(tiny_ref, DevicePlacement("cpu", "float32")), chat


def sample(loaded, contexts, copies, spec=SPEC, seed=0, stop=(), ends=()):
    import torch

    model, chat = loaded
    stops = StopTexts(chat, stop, frozenset(ends))
    return sample_completions(model, contexts, copies, spec, stops, torch.Generator().manual_seed(seed))


def encoded(loaded, *texts):
    return [loaded[1].tokenizer.encode(text, add_special_tokens=False) for text in texts]


def test_the_same_seed_gives_the_same_completions(loaded):
    contexts = encoded(loaded, "some people", "jazz")
    assert sample(loaded, contexts, 3) == sample(loaded, contexts, 3)
    assert sample(loaded, contexts, 3) != sample(loaded, contexts, 3, seed=1)


def test_the_global_generator_has_no_influence(loaded):
    import torch

    contexts = encoded(loaded, "some people")
    first = sample(loaded, contexts, 2)
    torch.manual_seed(99)
    assert sample(loaded, contexts, 2) == first


def test_there_are_as_many_completions_as_requested_and_none_is_too_long(loaded):
    groups = sample(loaded, encoded(loaded, "some", "people like jazz"), 4)
    assert [len(group) for group in groups] == [4, 4]
    assert {len(completion.ids) for group in groups for completion in group} == {12}
    assert not any(completion.is_ended for group in groups for completion in group)


def test_near_zero_temperature_is_greedy_decoding(loaded):
    import torch

    model = loaded[0]
    contexts = encoded(loaded, "some people like", "jazz")
    groups = sample(loaded, contexts, 2, replace(SPEC, temperature=1e-4))
    for context, group in zip(contexts, groups, strict=True):
        greedy = model.generate(torch.tensor([context]), max_new_tokens=12, do_sample=False, eos_token_id=None)
        assert [completion.ids for completion in group] == [greedy[0, len(context) :].tolist()] * 2


def test_an_end_token_ends_a_completion_and_is_part_of_it(loaded):
    ends = tuple(range(0, len(loaded[1].tokenizer), 4))
    (group,) = sample(loaded, encoded(loaded, "some people"), 16, ends=ends)
    ended = [completion.ids for completion in group if completion.is_ended]
    assert ended
    assert all(ids[-1] in ends and not set(ids[:-1]) & set(ends) for ids in ended)


def test_a_stop_text_ends_a_completion(loaded):
    (group,) = sample(loaded, encoded(loaded, "some people"), 32, stop=("e", "o"))
    tokenizer = loaded[1].tokenizer
    for completion in group:
        text = tokenizer.decode(completion.ids, skip_special_tokens=True)
        assert completion.is_ended == ("e" in text or "o" in text)
        assert not {"e", "o"} & set(tokenizer.decode(completion.ids[:-1], skip_special_tokens=True))


def test_small_batches_hold_complete_groups(loaded):
    contexts = encoded(loaded, "some", "people like jazz", "like")
    groups = sample(loaded, contexts, 3, replace(SPEC, budget=1))
    assert [len(group) for group in groups] == [3, 3, 3]


def test_padding_does_not_change_the_probabilities(loaded):
    spec = replace(SPEC, temperature=1e-4)
    contexts = encoded(loaded, "jazz", "some people like jazz some people like jazz")
    separately = [sample(loaded, [context], 1, spec)[0] for context in contexts]
    assert sample(loaded, contexts, 1, spec) == separately
