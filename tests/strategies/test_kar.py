"""KAR: its prompts and what it parses from the answers."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from request_making import golden, request, text_of

from duetbench.strategies.kar import Kar
from duetbench.testing import StrategyConformance
from duetbench.types import Domain, Prompt


def prompts(*requests: Any, **options: Any) -> list[Prompt]:
    return Kar(Kar.Config(**options)).stages()[0].prompts(requests or [request()], {})


class TestUser(StrategyConformance):
    plugin = Kar


class TestWithItemKnowledge(StrategyConformance):
    plugin = Kar
    options: ClassVar = {"item_knowledge": True, "prompt_set": "compact", "history_slice": "first"}


@pytest.mark.parametrize("case", golden("free_text"), ids=lambda case: case["name"])
def test_golden_answer(case: dict[str, Any]) -> None:
    profiles = Kar().stages()[0].parse(prompts()[0], case["text"])
    assert (profiles[0].text if profiles else None) == case["read"]


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_prompt_shows_titles_categories_and_sentiments(prompt_set: str) -> None:
    text = text_of(prompts(prompt_set=prompt_set)[0])
    assert all(part in text for part in ("Album 0", "jazz", "negative", "neutral"))
    assert "review 0" not in text


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_prompt_can_show_ratings_and_reviews(prompt_set: str) -> None:
    text = text_of(prompts(prompt_set=prompt_set, history_ratings="rating", review_chars=0)[0])
    assert all(part in text for part in ("1 star", "2 stars", "review 0 by anna"))


@pytest.mark.parametrize(
    ("noun", "factor"), [("book", "author"), ("album", "artist"), ("business", "price"), ("gadget", "maker")]
)
def test_factors_follow_the_domain(noun: str, factor: str) -> None:
    assert factor in text_of(prompts(request(domain=Domain(noun, noun + "s")))[0])


@pytest.mark.parametrize(("n_user", "history_k", "seen"), [(5, 15, [0, 1, 2]), (40, 15, list(range(15))), (0, 15, [])])
def test_first_slice_is_the_earlier_half_at_most_history_k(n_user: int, history_k: int, seen: list[int]) -> None:
    text = text_of(prompts(request(n_user=n_user), history_slice="first", history_k=history_k)[0])
    assert [n for n in range(40) if f"Album {n} |" in text] == seen


def test_item_prompt_is_shared_by_users() -> None:
    built = prompts(request(1, user="anna"), request(1, user="bert", n_user=2), item_knowledge=True)
    assert [(prompt.side, prompt.for_requests) for prompt in built] == [
        ("user", (0,)),
        ("user", (1,)),
        ("item", (0, 1)),
    ]


def test_item_prompt_shows_no_review() -> None:
    item = prompts(item_knowledge=True)[-1]
    assert "Description 900" in text_of(item)
    assert "review" not in text_of(item)


def test_each_prompt_can_be_replaced(tmp_path: Any) -> None:
    own_file = tmp_path / "mine.jinja"
    own_file.write_text("[[user]]\n{{ domain.noun }} mine\n", encoding="utf-8")
    built = prompts(prompt=str(own_file), item_prompt=str(own_file), item_knowledge=True)
    assert [text_of(prompt) for prompt in built] == ["album mine", "album mine"]


def test_digests_name_the_files_in_use() -> None:
    assert set(Kar().prompt_digests()) == {"kar_user"}
    assert set(Kar(Kar.Config(item_knowledge=True)).prompt_digests()) == {"kar_user", "kar_item"}
