"""The answers of a job: its log, and the copy of the known ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from duetbench.cluster.job_answers import NEW, JobStore, read_answers
from duetbench.engines.store.database import RequestOutcome, RequestStore
from duetbench.engines.store.keys import RequestKey, generate_key
from duetbench.prompts import prompt_key
from duetbench.testing.dummy import DummyEngine
from duetbench.types import Message, ModelRef, Prompt, Sampling


def _key(text: str, digest: str = "aa") -> RequestKey:
    messages = (Message("user", text),)
    info = DummyEngine(model=ModelRef("m", "", digest)).info()
    return generate_key(info, Prompt(prompt_key(messages), "user", messages), Sampling())


def _outcome(text: str, digest: str = "aa") -> RequestOutcome:
    return RequestOutcome(_key(text, digest), {"text": f"answer to {text}", "prompt_tokens": 1})


def test_new_answers_are_logged_and_read_again(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "none", tmp_path)
    store.put([_outcome("a"), _outcome("b")])
    store.close()
    outcomes, end = read_answers(tmp_path / NEW)
    assert outcomes == [_outcome("a"), _outcome("b")]
    assert read_answers(tmp_path / NEW, end) == ([], end)


def test_a_requeued_job_has_the_answers_of_its_log(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "none", tmp_path)
    store.put([_outcome("a")])
    store.close()
    again = JobStore(tmp_path / "none", tmp_path)
    assert list(again.get([_key("a"), _key("b")])) == [_key("a").digest]
    again.close()


def test_half_of_a_line_is_left_out_and_does_not_damage_the_next_one(tmp_path: Path) -> None:
    log = tmp_path / NEW
    store = JobStore(tmp_path / "none", tmp_path)
    store.put([_outcome("a")])
    store.close()
    log.write_bytes(log.read_bytes() + b'{"key": {"digest": "f')
    again = JobStore(tmp_path / "none", tmp_path)
    again.put([_outcome("b")])
    again.close()
    assert read_answers(log)[0] == [_outcome("a"), _outcome("b")]


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line.replace("user", "system"),
        lambda line: "[]",
        lambda line: "{}",
        lambda line: json.dumps({**json.loads(line), "answer": "text"}),
        lambda line: json.dumps({**json.loads(line), "more": 1}),
    ],
)
def test_a_line_that_its_key_does_not_belong_to_is_left_out(damage, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    store = JobStore(tmp_path / "none", tmp_path)
    store.put([_outcome("a")])
    store.close()
    log = tmp_path / NEW
    log.write_text(damage(log.read_text().strip()) + "\n")
    assert read_answers(log)[0] == []


def test_the_copy_has_the_answers_of_the_named_models_only(tmp_path: Path) -> None:
    store = RequestStore(tmp_path / "store.sqlite")
    store.put([_outcome("a", "aa"), _outcome("b", "bb")])
    store.copy_to(tmp_path / "copy.sqlite", {"aa"})
    store.close()
    job = JobStore(tmp_path / "copy.sqlite", tmp_path)
    assert list(job.get([_key("a", "aa"), _key("b", "bb")])) == [_key("a", "aa").digest]
    job.close()
    assert not (tmp_path / "copy.sqlite-wal").exists()
