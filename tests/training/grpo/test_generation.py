"""Completions from the policy's weights, response templates included, and the engines on those weights."""

from __future__ import annotations

import pytest

from duetbench.prompts import prompt_key
from duetbench.training.grpo.generation import (
    EncodedPrompt,
    GenerationSpec,
    SampledCompletion,
    sample_prompts,
    split_template,
)
from duetbench.training.offline.tokenization import TargetTokenizer, target_text
from duetbench.training.options import TrainerSettings
from duetbench.training.policy import Policy
from duetbench.training.policy_engine import PolicyEngine, policy_engine
from duetbench.types import Completion, Message, Prompt, Sampling, Slot

TEMPLATE = (Slot("<cue>", "</cue>", 4), Slot("</cue><profile>", "</profile>", 6), Slot("</profile>", "", 0))
SPEC = GenerationSpec(num_generations=3, temperature=1.0, max_tokens=12, stop=("e",), token_budget=4096)


@pytest.fixture(scope="module")
def policy(tiny_ref):
    return Policy(tiny_ref, TrainerSettings())


def make_prompt(text: str, template: tuple[Slot, ...] = (), prefill: str = "") -> Prompt:
    messages = (Message("user", text),)
    return Prompt(prompt_key(messages, prefill, template), "user", messages, (0,), prefill, template)


def encoded(policy: Policy, *prompts: Prompt) -> list[EncodedPrompt]:
    return [(prompt, policy.encode(prompt, 12)) for prompt in prompts]


def test_completions_depend_on_the_seed_alone(policy):
    prompts = encoded(policy, make_prompt("some people"), make_prompt("like jazz"))
    assert sample_prompts(policy, prompts, SPEC, 1) == sample_prompts(policy, prompts, SPEC, 1)
    assert sample_prompts(policy, prompts, SPEC, 1) != sample_prompts(policy, prompts, SPEC, 2)


def test_a_completion_ends_before_its_stop_text(policy):
    for sample in sample_prompts(policy, encoded(policy, make_prompt("some people")), SPEC, 1)[0]:
        assert "e" not in sample.completion.text
        assert sample.completion.status in ("ok", "truncated", "empty")
        assert len(sample.ids) == len(sample.loss_mask) > 0
        assert set(sample.loss_mask) == {1}


def test_a_prefill_is_in_the_text_and_not_in_the_tokens(policy):
    prompt = make_prompt("some people", prefill="<cue>")
    sample = sample_prompts(policy, encoded(policy, prompt), SPEC, 1)[0][0]
    assert sample.completion.text.startswith("<cue>")
    assert "<cue>" not in policy.chat.decode_continuation(policy.encode(prompt, 12).ids, sample.ids)


def test_the_tags_of_a_template_are_not_in_the_loss_and_its_slots_are(policy):
    groups = sample_prompts(policy, encoded(policy, make_prompt("some", TEMPLATE), make_prompt("some")), SPEC, 1)
    for sample in groups[0]:
        assert sample.completion.text.startswith("<cue>")
        assert sample.completion.text.endswith("</profile>")
        assert 0 < sum(sample.loss_mask) < len(sample.loss_mask)
    assert len(groups) == 2


@pytest.mark.parametrize(
    ("completion", "is_truncated"),
    [
        (Completion("a", "ok"), False),
        (Completion("a", "truncated"), True),
        (Completion("", "empty"), False),
        (Completion("<a>b</a>", "ok", truncated_slots=1), True),
    ],
)
def test_a_completion_is_truncated_if_it_or_one_of_its_slots_reached_its_maximum_length(completion, is_truncated):
    assert SampledCompletion(completion, [1], [1]).is_truncated == is_truncated


def test_a_filled_template_is_split_into_its_pieces():
    pieces = split_template(make_prompt("x", TEMPLATE), "<cue>jazz</cue><profile>likes it</profile>")
    assert pieces == (["<cue>", "jazz", "</cue><profile>", "likes it", "</profile>"], [False, True, False, True, False])


def test_an_empty_slot_is_no_piece():
    assert split_template(make_prompt("x", TEMPLATE), "<cue></cue><profile>a</profile>")[0] == [
        "<cue>",
        "</cue><profile>",
        "a",
        "</profile>",
    ]


def test_an_incomplete_template_ends_where_its_text_ends():
    assert split_template(make_prompt("x", TEMPLATE), "<cue>jazz")[0] == ["<cue>", "jazz"]


def test_pieces_are_tokenized_in_their_context(policy):
    prompt = make_prompt("some people")
    pieces = policy.pieces(prompt, 0, ["<cue>", "like jazz", "</cue>"])
    assert [token for piece in pieces for token in piece] == policy.pieces(prompt, 0, ["<cue>like jazz</cue>"])[0]


def test_label_logprobs_are_those_of_the_plain_engine(policy, tiny_ref):
    from duetbench.engines.transformers.engine import TransformersEngine

    texts = ["some people like jazz and other things that go on for a while " * 2 + end for end in "abcdef"]
    prompts = [make_prompt(text) for text in texts]
    expected = TransformersEngine(model=tiny_ref).label_logprobs(prompts, "Rating: ", list("12345"))
    actual = policy_engine(policy, trained=False).label_logprobs(prompts, "Rating: ", list("12345"))
    for plain, ours in zip(expected, actual, strict=True):
        assert ours.logprobs == pytest.approx(plain.logprobs, abs=1e-4)
        assert ours.prompt_tokens == plain.prompt_tokens


def test_a_policy_engine_writes_what_the_plain_engine_writes(policy, tiny_ref):
    from duetbench.engines.transformers.engine import TransformersEngine

    prompts = [make_prompt("some people"), make_prompt("like jazz")]
    sampling = Sampling(max_tokens=12)
    engine = policy_engine(policy, trained=True)
    assert isinstance(engine, PolicyEngine)
    assert engine.generate(prompts, sampling) == TransformersEngine(model=tiny_ref).generate(prompts, sampling)


def test_a_prompt_that_does_not_fit_loses_its_oldest_history(tiny_ref):
    policy = Policy(tiny_ref, TrainerSettings(max_prompt_length=60))
    lines = [f"line {n} of a long history. " for n in range(8)]
    ends = [sum(map(len, lines[: n + 1])) for n in range(8)]
    spans = tuple((end - len(line), end) for line, end in zip(lines, ends, strict=True))
    messages = (Message("user", "".join(lines), spans),)
    truncated = policy.encode(Prompt("k", "user", messages), 8)
    assert 0 < len(truncated.ids) <= 60
    assert truncated.dropped > 0


def test_the_frozen_weights_have_a_digest(policy, tiny_ref):
    assert policy.frozen_digest() == Policy(tiny_ref, TrainerSettings()).frozen_digest() != ""
    assert Policy(tiny_ref, TrainerSettings(adapter="full")).frozen_digest() == ""


def test_a_target_is_closed_where_its_stop_text_cut_it_off():
    prompt = make_prompt("x", prefill="<a>")
    assert target_text(prompt, "<a>text", ("</b>", "</a>")) == "text</a>"
    assert target_text(prompt, "<a>text</a>", ("</a>",)) == "text</a>"
    assert target_text(make_prompt("x"), "plain", ("</a>", "\n")) == "plain"


def test_a_target_ends_with_the_models_end_token(policy):
    tokenizer = TargetTokenizer(policy, (), 12)
    row = tokenizer.row(make_prompt("some people"), "like jazz")
    assert row is not None
    assert row[1][-1] == policy.chat.tokenizer.eos_token_id
    assert row[0] == list(policy.encode(make_prompt("some people"), 12).ids)


def test_a_target_that_is_too_long_is_counted(policy):
    tokenizer = TargetTokenizer(policy, (), 12)
    assert tokenizer.row(make_prompt("some people"), "like jazz " * 40) is None
    assert tokenizer.too_long == 1
