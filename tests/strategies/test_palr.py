"""PALR: its prompts and what it parses from the answers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from request_making import ScriptedEngine, golden, line, request, text_of

from duetbench.interfaces import Stage
from duetbench.profiling import write_profiles
from duetbench.strategies.palr import Palr
from duetbench.testing import StrategyConformance
from duetbench.types import Prompt, Sampling


def listed(prompt: Prompt) -> str:
    """An answer in the requested format that cites the first titles of the prompt."""
    titles = re.findall(r'^(?:- |\w+: )"([^"]+)"', text_of(prompt), re.MULTILINE) or ["Nothing"]
    return "\n".join(f'{n}. taste {n}: "{title}"' for n, title in enumerate(titles[:3], 1))


class PalrConformance(StrategyConformance):
    def answer(self, stage: Stage, prompt: Prompt) -> str:
        return "jazz, long solos" if prompt.side == "note" else listed(prompt)


class TestCategories(PalrConformance):
    plugin = Palr


class TestGeneratedKeywords(PalrConformance):
    plugin = Palr
    options: ClassVar = {"keywords": "ask", "prompt_set": "compact"}


def stage() -> Any:
    return Palr(Palr.Config(keywords="none")).stages()[0]


@pytest.mark.parametrize("case", golden("palr"), ids=lambda case: case["name"])
def test_golden_answer(case: dict[str, Any]) -> None:
    (prompt,) = stage().prompts([request(n_user=3)], {})
    profiles = stage().parse(prompt, case["text"])
    assert (profiles[0].text if profiles else None) == case["read"]
    if profiles:
        assert dict(profiles[0].notes) == {"cited": str(case["cited"]), "invented": str(case["invented"])}


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("jazz, long solos", "jazz, long solos"),
        ("Keywords: jazz, solos.", "jazz, solos"),
        ("1. jazz\n2. solos", "jazz, solos"),
        ("- jazz\n- solos", "jazz, solos"),
        ("jazz, jazz, jazz, solos", "jazz, solos"),
        ("```\njazz\n```", "jazz"),
        ("", None),
        ("...", None),
        ("I'm sorry, I can't help.", None),
        ("jazz, " * 20, None),
        ("This album is known for its long and winding solos", None),
    ],
)
def test_keywords_of_an_item(text: str, keywords: str | None) -> None:
    keyword_stage = Palr(Palr.Config(keywords="ask")).stages()[0]
    profiles = keyword_stage.parse(keyword_stage.prompts([request()], {})[0], text)
    assert (profiles[0].text if profiles else None) == keywords


def test_items_with_categories_need_no_keyword_prompt() -> None:
    bare = replace(line("anna", 7), item=replace(line("anna", 7).item, categories=()))
    engine = ScriptedEngine(lambda prompt: "smoky" if prompt.side == "note" else listed(prompt))
    write_profiles(Palr(), [request(user_history=(line("anna", 1), bare))], engine, Sampling())
    assert [prompt.side for prompt in engine.prompts] == ["note", "user"]
    assert "Album 7" in text_of(engine.prompts[0])
    assert all(part in text_of(engine.prompts[1]) for part in ("keywords: smoky", "keywords: Music, jazz"))


def test_item_in_two_histories_has_one_prompt() -> None:
    keyword_stage = Palr(Palr.Config(keywords="ask")).stages()[0]
    prompts = keyword_stage.prompts([request(1, user="anna"), request(2, user="bert")], {})
    assert [prompt.for_requests for prompt in prompts] == [(0, 1)] * 3


def test_rate_of_invented_items_is_measured() -> None:
    answers = iter(['1. a: "Album 0", "Nowhere"', '1. b: "Album 1", "Album 2"'])
    engine = ScriptedEngine(lambda _: next(answers))
    written = write_profiles(Palr(), [request(1, n_user=3), request(2, n_user=4)], engine, Sampling())
    assert written.measures == {"cited_items": 4.0, "invented_rate": 0.25}


def test_rate_is_none_without_citations() -> None:
    written = write_profiles(Palr(), [request()], ScriptedEngine(lambda _: "no"), Sampling())
    assert written.measures == {"cited_items": 0.0, "invented_rate": None}


def test_quotes_in_a_title_do_not_end_it() -> None:
    quoted = replace(line("anna", 7), item=replace(line("anna", 7).item, title='The "Best" of'))
    (prompt,) = stage().prompts([request(user_history=(quoted,))], {})
    assert "\"The 'Best' of\"" in text_of(prompt)
    assert stage().parse(prompt, "1. jazz: \"The 'Best' of\"")[0].notes["invented"] == "0"


def test_prefill_begins_the_list() -> None:
    strategy = Palr(Palr.Config(keywords="none", answer="prefill"))
    assert strategy.stages()[0].prompts([request()], {})[0].prefill == "1. "


def test_digests_name_the_files_in_use() -> None:
    assert set(Palr().prompt_digests()) == {"palr_user", "palr_item"}
    assert set(Palr(Palr.Config(keywords="none")).prompt_digests()) == {"palr_user"}
