"""DUET: its prompts and what it parses from the answers."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from request_making import golden, line, request, text_of

from duetbench.errors import ConfigError
from duetbench.prompts import template_digest
from duetbench.strategies.duet import Duet
from duetbench.testing import StrategyConformance
from duetbench.types import Prompt

FULL = "<{0}_profile><cue>c{0}</cue><constructed_prompt>p{0}</constructed_prompt><profile>t{0}</profile></{0}_profile>"
BOTH = FULL.format("user") + "\n" + FULL.format("item")


def prompts(requests: Any = None, **options: Any) -> list[Prompt]:
    return Duet(Duet.Config(**options)).stages()[0].prompts(requests or [request()], {})


def parse(text: str, **options: Any) -> Any:
    stage = Duet(Duet.Config(**options)).stages()[0]
    return stage.parse(stage.prompts([request()], {})[0], text)


class TestPaired(StrategyConformance):
    plugin = Duet


class TestCross(StrategyConformance):
    plugin = Duet
    options: ClassVar = {"joint": "cross", "prompt_set": "compact"}


class TestPrefilled(StrategyConformance):
    plugin = Duet
    options: ClassVar = {"answer": "prefill", "self_prompt": False}


class TestItemOnly(StrategyConformance):
    plugin = Duet
    options: ClassVar = {"side": "item", "cue": False}


@pytest.mark.parametrize("case", golden("duet"), ids=lambda case: case["name"])
def test_golden_answer(case: dict[str, Any]) -> None:
    profiles = parse(case["text"], side="user")
    assert (profiles[0].text if profiles else None) == case["profile"]


def test_paired_parses_both_sides_with_their_notes() -> None:
    user, item = parse(BOTH)
    assert (user.side, user.text, dict(user.notes)) == (
        "user",
        "tuser",
        {"cue": "cuser", "constructed_prompt": "puser"},
    )
    assert (item.side, item.text, dict(item.notes)) == (
        "item",
        "titem",
        {"cue": "citem", "constructed_prompt": "pitem"},
    )


@pytest.mark.parametrize("side", ["user", "item"])
def test_paired_with_one_side_missing_is_unreadable(side: str) -> None:
    assert parse(FULL.format(side)) is None


def test_paired_has_one_prompt_per_pair() -> None:
    built = prompts([request(1), request(2), request(1)])
    assert [(prompt.side, prompt.for_requests) for prompt in built] == [("pair", (0, 2)), ("pair", (1,))]


def test_cross_shares_a_user_prompt_among_pairs() -> None:
    built = prompts([request(1), request(2)], joint="cross")
    assert [(prompt.side, prompt.for_requests) for prompt in built] == [
        ("user", (0, 1)),
        ("item", (0,)),
        ("item", (1,)),
    ]


def test_cross_shares_an_item_prompt_among_pairs() -> None:
    built = prompts([request(1, user="anna"), request(1, user="bert")], joint="cross")
    assert [(prompt.side, prompt.for_requests) for prompt in built] == [
        ("user", (0,)),
        ("user", (1,)),
        ("item", (0, 1)),
    ]


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_cross_user_prompt_shows_nothing_of_the_item(prompt_set: str) -> None:
    user, item = prompts(joint="cross", prompt_set=prompt_set)
    assert "Album 900" not in text_of(user)
    assert "review 0 by anna" not in text_of(item)


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_no_user_id_reaches_a_prompt(prompt_set: str) -> None:
    built = prompts([request(user_history=(line("anna", 1, review="good"),), item_history=())], prompt_set=prompt_set)
    assert "anna" not in text_of(built[0])


@pytest.mark.parametrize("side", ["user", "item"])
def test_single_side_has_one_prompt(side: str) -> None:
    assert [prompt.side for prompt in prompts(side=side)] == [side]


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
@pytest.mark.parametrize("side", ["both", "user", "item"])
def test_disabled_fields_are_not_in_the_prompt(side: str, prompt_set: str) -> None:
    text = text_of(prompts(cue=False, self_prompt=False, side=side, prompt_set=prompt_set)[0])
    assert "<cue>" not in text
    assert "<constructed_prompt>" not in text
    assert "<profile>" in text


def test_disabled_fields_are_not_required() -> None:
    text = "<user_profile><profile>Likes solos.</profile></user_profile>"
    assert [profile.text for profile in parse(text, cue=False, self_prompt=False, side="user")] == ["Likes solos."]


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_averages_can_be_hidden(prompt_set: str) -> None:
    shown = text_of(prompts([request(user_average=3.25)], prompt_set=prompt_set)[0])
    hidden = text_of(prompts([request(user_average=3.25)], prompt_set=prompt_set, show_averages=False)[0])
    assert "average" in shown
    assert "average" not in hidden


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_empty_histories_are_shown_as_nothing_yet(prompt_set: str) -> None:
    built = prompts([request(n_user=0, n_item=0)], prompt_set=prompt_set)
    assert "nothing yet" in text_of(built[0])


def test_window_is_the_latest_history_k() -> None:
    text = text_of(prompts([request(n_user=30)], history_k=10)[0])
    assert [n for n in range(30) if f"review {n} by" in text] == list(range(20, 30))


def test_window_leaves_out_the_recent_interactions() -> None:
    text = text_of(prompts([request(n_user=30, n_item=0)], history_k=10, recent_k=5)[0])
    assert [n for n in range(30) if f"review {n} by" in text] == list(range(15, 25))


def test_reviews_are_cut() -> None:
    history = (line("anna", 1, review="x" * 500),)
    text = text_of(prompts([request(user_history=history)], review_chars=50)[0])
    assert "x" * 50 + "..." in text
    assert "x" * 51 not in text


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
@pytest.mark.parametrize("side", ["both", "user", "item"])
def test_oldest_history_is_dropped_first(side: str, prompt_set: str) -> None:
    message = prompts([request(n_user=3, n_item=3)], side=side, prompt_set=prompt_set)[0].messages[-1]
    first = message.content[slice(*message.droppable[0])]
    assert "review 0 by anna" in first if side != "item" else "other-0" in first
    assert len(message.droppable) == (6 if side == "both" else 3)


@pytest.mark.parametrize("side", ["both", "user", "item"])
def test_prompt_for_filling_has_no_closing_tags(side: str) -> None:
    assert "</profile>" in text_of(prompts(side=side)[0])
    assert "</profile>" not in text_of(prompts(side=side, answer="fill")[0])


def test_prefill_opens_the_first_block() -> None:
    assert prompts(answer="prefill")[0].prefill == "<user_profile>"
    assert prompts(answer="prefill", side="item")[0].prefill == "<item_profile>"


@pytest.mark.parametrize("options", [{}, {"side": "user"}, {"cue": False}, {"cue": False, "self_prompt": False}])
def test_filled_template_is_readable(options: dict[str, Any]) -> None:
    template = prompts(answer="fill", **options)[0].response_template
    text = "".join(slot.literal + ("words" if slot.max_tokens else "") for slot in template)
    profiles = parse(text, answer="fill", **options)
    assert {profile.text for profile in profiles} == {"words"}


def test_template_stays_within_max_tokens() -> None:
    template = prompts(answer="fill", max_tokens=100)[0].response_template
    assert 90 <= sum(slot.max_tokens for slot in template) <= 100


def test_own_prompt_file_replaces_the_sets(tmp_path: Any) -> None:
    own_file = tmp_path / "mine.jinja"
    own_file.write_text("[[user]]\nDescribe {{ side }}: {{ item.title }}\n", encoding="utf-8")
    assert text_of(prompts(prompt=str(own_file))[0]) == "Describe both: Album 900"


def test_digests_name_the_files_in_use(tmp_path: Any) -> None:
    own_file = tmp_path / "mine.jinja"
    own_file.write_text("[[user]]\nhello\n", encoding="utf-8")
    assert set(Duet(Duet.Config(joint="cross")).prompt_digests()) == {"duet_user", "duet_item"}
    assert Duet().prompt_digests() == {"duet_paired": template_digest("duet_paired", "default")}
    assert Duet(Duet.Config(prompt=str(own_file))).prompt_digests() == {
        str(own_file): template_digest(str(own_file), "default")
    }


@pytest.mark.parametrize("bad", [{"history_k": 0}, {"recent_k": -1}, {"review_chars": -1}, {"max_tokens": 0}])
def test_sizes_out_of_range_are_errors(bad: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="must be >= "):
        Duet(Duet.Config(**bad))
