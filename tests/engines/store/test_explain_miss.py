"""Explanations of requests that were computed although the store holds a similar one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from engine_making import make_prompt

from duetbench.engines.store.database import RequestOutcome, RequestStore
from duetbench.engines.store.explain_miss import KeyDifference, explain_miss
from duetbench.engines.store.keys import RequestKey, generate_key
from duetbench.engines.store.statistics import store_contents
from duetbench.errors import StoreError
from duetbench.types import EngineInfo, ModelRef, Prompt, Sampling

INFO = EngineInfo("e", {"torch": "1"}, ModelRef("m", "/m", "d1"), "float32", "t1", 100)
PROMPT = make_prompt("What do I like?")


@pytest.fixture
def store(tmp_path: Path) -> RequestStore:
    return RequestStore(tmp_path / "s.sqlite")


def put(
    store: RequestStore, prompt: Prompt = PROMPT, info: EngineInfo = INFO, status: str = "ok", max_tokens: int = 9
) -> RequestKey:
    key = generate_key(info, prompt, Sampling(max_tokens=max_tokens))
    store.put([RequestOutcome(key, {"text": "x"} if status == "ok" else None, status)])
    return key


def test_the_differing_part_is_named(store: RequestStore) -> None:
    put(store, info=replace(INFO, dtype="bfloat16"))
    key = put(store)
    explanations = explain_miss(store, key.digest[:16])
    assert explanations[0].differences == (KeyDifference("engine.dtype", "'float32'", "'bfloat16'"),)


def test_the_entry_with_the_fewest_differences_is_the_nearest(store: RequestStore) -> None:
    similar = put(store, max_tokens=8)
    put(store, info=replace(INFO, dtype="bfloat16", name="f"), max_tokens=8)
    explanation = explain_miss(store, put(store).digest)[0]
    assert explanation.nearest
    assert explanation.nearest.key == similar.digest


def test_texts_are_shown_around_the_first_difference(store: RequestStore) -> None:
    put(store, make_prompt("history " * 30 + "one more thing"))
    key = put(store, make_prompt("history " * 30 + "two more things"))
    difference = explain_miss(store, key.digest)[0].differences[0]
    assert difference.path == "prompt.turns[1] (user)"
    assert "two more" in difference.here
    assert "one more" in difference.there
    assert "(character 240)" in difference.here


def test_the_key_of_a_prompt_matches_all_its_requests(store: RequestStore) -> None:
    put(store)
    put(store, max_tokens=8)
    assert len(explain_miss(store, PROMPT.key[:10])) == 2


def test_two_named_requests_are_compared(store: RequestStore) -> None:
    key, other = put(store), put(store, make_prompt("Another?"))
    explanation = explain_miss(store, key.digest, other.digest)[0]
    assert [difference.path for difference in explanation.differences] == ["prompt.turns[1] (user)"]


def test_a_failure_is_shown_with_its_count(store: RequestStore) -> None:
    put(store, status="truncated")
    key = put(store, status="truncated")
    entry = explain_miss(store, key.digest)[0].entry
    assert (entry.status, entry.times) == ("truncated", 2)


def test_a_single_request_has_no_nearest(store: RequestStore) -> None:
    assert explain_miss(store, put(store).digest)[0].nearest is None


@pytest.mark.parametrize("name", ["abc", "%", "_", ""])
def test_an_unknown_key_is_an_error(store: RequestStore, name: str) -> None:
    put(store, make_prompt("x"))
    with pytest.raises(StoreError, match="has a key that begins with"):
        explain_miss(store, name or "zz")


def test_contents_are_counted_by_engine_and_verb(store: RequestStore) -> None:
    put(store)
    put(store, make_prompt("another"))
    put(store, make_prompt("third"), status="empty")
    contents = store_contents(store)
    assert [stored.counts for stored in contents.answers] == [(2, 1)]
    assert contents.failures == {"empty": 1}
    assert contents.bytes > 0


def test_a_damaged_entry_is_left_out(store: RequestStore) -> None:
    put(store, make_prompt("first"))
    store.connection.execute("UPDATE answers SET content = 'damaged'")
    with pytest.raises(StoreError, match="no request"):
        explain_miss(store, store.select("SELECT key FROM answers", ())[0][0])


def test_a_damaged_engine_is_counted_without_its_name(store: RequestStore) -> None:
    put(store, make_prompt("first"))
    store.connection.execute("UPDATE engines SET body = '{'")
    assert {stored.engine for stored in store_contents(store).answers} == {"(damaged)"}
