"""Why a request was not answered by an entry that looks like it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from engine_making import ask

from duetbench.engines.store.database import RequestOutcome, RequestStore
from duetbench.engines.store.explain_miss import KeyDifference, explain_miss
from duetbench.engines.store.keys import RequestKey, generate_key
from duetbench.engines.store.statistics import store_contents
from duetbench.errors import StoreError
from duetbench.types import EngineInfo, ModelRef, Prompt, Sampling

INFO = EngineInfo("e", {"torch": "1"}, ModelRef("m", "/m", "d1"), "float32", "t1", 100)
PROMPT = ask("What do I like?")


@pytest.fixture
def store(tmp_path: Path) -> RequestStore:
    return RequestStore(tmp_path / "s.sqlite")


def keep(
    store: RequestStore, prompt: Prompt = PROMPT, info: EngineInfo = INFO, status: str = "ok", max_tokens: int = 9
) -> RequestKey:
    key = generate_key(info, prompt, Sampling(max_tokens=max_tokens))
    store.put([RequestOutcome(key, {"text": "x"} if status == "ok" else None, status)])
    return key


def test_the_differing_part_is_named(store: RequestStore) -> None:
    keep(store, info=replace(INFO, dtype="bfloat16"))
    key = keep(store)
    found = explain_miss(store, key.digest[:16])
    assert found[0].differences == (KeyDifference("engine.dtype", "'float32'", "'bfloat16'"),)


def test_the_entry_with_the_fewest_differences_is_the_nearest(store: RequestStore) -> None:
    near = keep(store, max_tokens=8)
    keep(store, info=replace(INFO, dtype="bfloat16", name="f"), max_tokens=8)
    found = explain_miss(store, keep(store).digest)[0]
    assert found.nearest
    assert found.nearest.key == near.digest


def test_texts_are_shown_where_they_part(store: RequestStore) -> None:
    keep(store, ask("history " * 30 + "one more thing"))
    key = keep(store, ask("history " * 30 + "two more things"))
    difference = explain_miss(store, key.digest)[0].differences[0]
    assert difference.path == "prompt.turns[1] (user)"
    assert "two more" in difference.here
    assert "one more" in difference.there
    assert "(character 240)" in difference.here


def test_a_prompts_key_finds_all_its_requests(store: RequestStore) -> None:
    keep(store)
    keep(store, max_tokens=8)
    assert len(explain_miss(store, PROMPT.key[:10])) == 2


def test_two_named_requests_are_compared(store: RequestStore) -> None:
    one, other = keep(store), keep(store, ask("Another?"))
    found = explain_miss(store, one.digest, other.digest)[0]
    assert [difference.path for difference in found.differences] == ["prompt.turns[1] (user)"]


def test_a_failure_is_told_as_one(store: RequestStore) -> None:
    keep(store, status="truncated")
    key = keep(store, status="truncated")
    entry = explain_miss(store, key.digest)[0].entry
    assert (entry.status, entry.times) == ("truncated", 2)


def test_a_lone_request_has_no_nearest(store: RequestStore) -> None:
    assert explain_miss(store, keep(store).digest)[0].nearest is None


@pytest.mark.parametrize("name", ["abc", "%", "_", ""])
def test_an_unknown_key_is_an_error(store: RequestStore, name: str) -> None:
    keep(store, ask("x"))
    with pytest.raises(StoreError, match="has a key that begins with"):
        explain_miss(store, name or "zz")


def test_contents_are_counted_by_engine_and_verb(store: RequestStore) -> None:
    keep(store)
    keep(store, ask("another"))
    keep(store, ask("third"), status="empty")
    found = store_contents(store)
    assert [held.counts for held in found.held] == [(2, 1)]
    assert found.failures == {"empty": 1}
    assert found.bytes > 0
