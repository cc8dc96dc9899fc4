"""Drafts from live weights, forms included, and the engines on those weights."""

from __future__ import annotations

import pytest

from duetbench.prompts import prompt_key
from duetbench.training.grpo.generation import GenerationSpec, sample_prompts, split_form
from duetbench.training.offline.tokenization import TargetTokenizer, target_text
from duetbench.training.options import TrainerSettings
from duetbench.training.policy import Policy
from duetbench.training.policy_engine import PolicyEngine
from duetbench.types import Message, Prompt, Sampling, Slot

FORM = (Slot("<cue>", "</cue>", 4), Slot("</cue><profile>", "</profile>", 6), Slot("</profile>", "", 0))
PEN = GenerationSpec(samples=3, temperature=1.0, max_tokens=12, stop=("e",), token_budget=4096)


@pytest.fixture(scope="module")
def policy(tiny_ref):
    return Policy(tiny_ref, TrainerSettings())


def prompt(text: str, form: tuple[Slot, ...] = (), prefill: str = "") -> Prompt:
    messages = (Message("user", text),)
    return Prompt(prompt_key(messages, prefill, form), "user", messages, (0,), prefill, form)


def asked(policy: Policy, *prompts: Prompt):
    return [(one, policy.encode(one, 12)) for one in prompts]


def test_drafts_follow_their_seed(policy):
    questions = asked(policy, prompt("some people"), prompt("like jazz"))
    assert sample_prompts(policy, questions, PEN, 1) == sample_prompts(policy, questions, PEN, 1)
    assert sample_prompts(policy, questions, PEN, 1) != sample_prompts(policy, questions, PEN, 2)


def test_a_draft_ends_before_its_stop_text(policy):
    for draft in sample_prompts(policy, asked(policy, prompt("some people")), PEN, 1)[0]:
        assert "e" not in draft.completion.text
        assert draft.completion.status in ("ok", "truncated", "empty")
        assert len(draft.ids) == len(draft.own) > 0
        assert set(draft.own) == {1}


def test_a_prefill_stands_in_front_and_is_not_learned(policy):
    one = prompt("some people", prefill="<cue>")
    draft = sample_prompts(policy, asked(policy, one), PEN, 1)[0][0]
    assert draft.completion.text.startswith("<cue>")
    assert "<cue>" not in policy.chat.decode_continuation(policy.encode(one, 12).ids, draft.ids)


def test_a_forms_tags_are_given_and_its_gaps_are_learned(policy):
    drafts = sample_prompts(policy, asked(policy, prompt("some", FORM), prompt("some")), PEN, 1)
    for draft in drafts[0]:
        assert draft.completion.text.startswith("<cue>")
        assert draft.completion.text.endswith("</profile>")
        assert 0 < sum(draft.own) < len(draft.own)
    assert len(drafts) == 2


def test_a_filled_form_falls_into_its_pieces():
    pieces = split_form(prompt("x", FORM), "<cue>jazz</cue><profile>likes it</profile>")
    assert pieces == (["<cue>", "jazz", "</cue><profile>", "likes it", "</profile>"], [False, True, False, True, False])


def test_an_empty_gap_is_no_piece():
    assert split_form(prompt("x", FORM), "<cue></cue><profile>a</profile>")[0] == [
        "<cue>",
        "</cue><profile>",
        "a",
        "</profile>",
    ]


def test_a_form_that_broke_off_ends_where_it_broke():
    assert split_form(prompt("x", FORM), "<cue>jazz")[0] == ["<cue>", "jazz"]


def test_pieces_are_cut_as_they_stand_together(policy):
    one = prompt("some people")
    pieces = policy.pieces(one, 0, ["<cue>", "like jazz", "</cue>"])
    assert [token for piece in pieces for token in piece] == policy.pieces(one, 0, ["<cue>like jazz</cue>"])[0]


def test_labels_read_together_are_those_read_by_the_plain_engine(policy, tiny_ref):
    from duetbench.engines.transformers.engine import TransformersEngine

    texts = ["some people like jazz and other things that go on for a while " * 2 + end for end in "abcdef"]
    prompts = [prompt(text) for text in texts]
    plain = TransformersEngine(model=tiny_ref).label_logprobs(prompts, "Rating: ", list("12345"))
    live = policy.engine(trained=False).label_logprobs(prompts, "Rating: ", list("12345"))
    for one, other in zip(plain, live, strict=True):
        assert other.logprobs == pytest.approx(one.logprobs, abs=1e-4)
        assert other.prompt_tokens == one.prompt_tokens


def test_a_live_engine_writes_what_the_plain_engine_writes(policy, tiny_ref):
    from duetbench.engines.transformers.engine import TransformersEngine

    prompts = [prompt("some people"), prompt("like jazz")]
    sampling = Sampling(max_tokens=12)
    assert isinstance(policy.engine(trained=True), PolicyEngine)
    assert policy.engine(trained=True).generate(prompts, sampling) == TransformersEngine(model=tiny_ref).generate(
        prompts, sampling
    )


def test_a_prompt_that_does_not_fit_loses_its_oldest_history(tiny_ref):
    short = Policy(tiny_ref, TrainerSettings(max_prompt=60))
    lines = [f"line {n} of a long history. " for n in range(8)]
    ends = [sum(map(len, lines[: n + 1])) for n in range(8)]
    spans = tuple((end - len(line), end) for line, end in zip(lines, ends, strict=True))
    messages = (Message("user", "".join(lines), spans),)
    fitted = short.encode(Prompt("k", "user", messages), 8)
    assert 0 < len(fitted.ids) <= 60
    assert fitted.dropped > 0


def test_the_frozen_weights_have_a_digest(policy, tiny_ref):
    assert policy.frozen_digest() == Policy(tiny_ref, TrainerSettings()).frozen_digest() != ""
    assert Policy(tiny_ref, TrainerSettings(adapter="full")).frozen_digest() == ""


def test_a_target_is_closed_where_its_stop_cut_it_off():
    one = prompt("x", prefill="<a>")
    assert target_text(one, "<a>text", ("</b>", "</a>")) == "text</a>"
    assert target_text(one, "<a>text</a>", ("</a>",)) == "text</a>"
    assert target_text(prompt("x"), "plain", ("</a>", "\n")) == "plain"


def test_a_target_ends_with_the_models_own_end(policy):
    targets = TargetTokenizer(policy, (), 12)
    row = targets.row(prompt("some people"), "like jazz")
    assert row is not None
    assert row[1][-1] == policy.chat.tokenizer.eos_token_id
    assert row[0] == list(policy.encode(prompt("some people"), 12).ids)


def test_a_target_that_is_too_long_is_counted(policy):
    targets = TargetTokenizer(policy, (), 12)
    assert targets.row(prompt("some people"), "like jazz " * 40) is None
    assert targets.too_long == 1
