"""Sampled completions from a live model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from duetbench.engines.tokens.stop_texts import StopTexts
from duetbench.training.grpo.sampling import SamplingSpec, sample_completions

HOW = SamplingSpec(temperature=1.0, max_tokens=12, budget=100_000, pad=0)


@pytest.fixture(scope="module")
def live(tiny_ref):
    from pathlib import Path

    from duetbench.engines.tokens.chat_template import ChatTemplate, template_of
    from duetbench.engines.tokens.tokenizer import load_tokenizer
    from duetbench.engines.transformers.loading import Placement, load_model

    chat = ChatTemplate(load_tokenizer(tiny_ref), template_of(Path(tiny_ref.path)), {})
    return load_model(tiny_ref, Placement("cpu", "float32")), chat


def drawn(live, contexts, copies, how=HOW, seed=0, stop=(), ends=()):
    import torch

    model, chat = live
    stops = StopTexts(chat, stop, frozenset(ends))
    return sample_completions(model, contexts, copies, how, stops, torch.Generator().manual_seed(seed))


def encoded(live, *texts):
    return [live[1].tokenizer.encode(text, add_special_tokens=False) for text in texts]


def test_the_same_seed_draws_the_same(live):
    contexts = encoded(live, "some people", "jazz")
    assert drawn(live, contexts, 3) == drawn(live, contexts, 3)
    assert drawn(live, contexts, 3) != drawn(live, contexts, 3, seed=1)


def test_the_global_generator_plays_no_part(live):
    import torch

    contexts = encoded(live, "some people")
    first = drawn(live, contexts, 2)
    torch.manual_seed(99)
    assert drawn(live, contexts, 2) == first


def test_as_many_as_asked_for_and_no_longer(live):
    found = drawn(live, encoded(live, "some", "people like jazz"), 4)
    assert [len(group) for group in found] == [4, 4]
    assert {len(one.ids) for group in found for one in group} == {12}
    assert not any(one.is_ended for group in found for one in group)


def test_near_zero_temperature_writes_what_the_model_finds_likeliest(live):
    import torch

    model = live[0]
    contexts = encoded(live, "some people like", "jazz")
    found = drawn(live, contexts, 2, replace(HOW, temperature=1e-4))
    for context, group in zip(contexts, found, strict=True):
        greedy = model.generate(torch.tensor([context]), max_new_tokens=12, do_sample=False, eos_token_id=None)
        assert [one.ids for one in group] == [greedy[0, len(context) :].tolist()] * 2


def test_an_end_token_ends_a_completion_and_stands_in_it(live):
    ends = tuple(range(0, len(live[1].tokenizer), 4))
    found = drawn(live, encoded(live, "some people"), 16, ends=ends)[0]
    ended = [one for one in found if one.is_ended]
    assert ended
    assert all(one.ids[-1] in ends and not set(one.ids[:-1]) & set(ends) for one in ended)


def test_a_stop_text_ends_a_completion(live):
    found = drawn(live, encoded(live, "some people"), 32, stop=("e", "o"))[0]
    tokenizer = live[1].tokenizer
    for one in found:
        text = tokenizer.decode(one.ids, skip_special_tokens=True)
        assert one.is_ended == ("e" in text or "o" in text)
        assert not {"e", "o"} & set(tokenizer.decode(one.ids[:-1], skip_special_tokens=True))


def test_small_batches_hold_whole_groups(live):
    contexts = encoded(live, "some", "people like jazz", "like")
    found = drawn(live, contexts, 3, replace(HOW, budget=1))
    assert [len(group) for group in found] == [3, 3, 3]


def test_padding_does_not_change_what_is_likely(live):
    how = replace(HOW, temperature=1e-4)
    contexts = encoded(live, "jazz", "some people like jazz some people like jazz")
    apart = [drawn(live, [context], 1, how)[0] for context in contexts]
    assert drawn(live, contexts, 1, how) == apart
