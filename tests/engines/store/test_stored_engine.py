"""The request store, and an engine behind it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from engine_making import ask

from duetbench.engines.store.keys import generate_key
from duetbench.engines.store.stored_engine import RequestStore, StoredEngine
from duetbench.errors import StoreError
from duetbench.testing import DummyEngine
from duetbench.types import Completion, LabelLogprobs, Prompt, Sampling

LABELS = ("1", "2", "3", "4", "5")
PROMPTS = [ask(f"Question {number}? Answer in <profile> tags.") for number in range(40)]


class Counting(DummyEngine):
    """A dummy that notes what it is asked; answers to `bad` keys are `truncated`."""

    def __init__(self, bad: Sequence[str] = ()) -> None:
        super().__init__()
        self.asked: list[list[str]] = []
        self.bad = bad

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.asked.append([prompt.key for prompt in prompts])
        answers = super().generate(prompts, sampling)
        return [
            replace(answer, status="truncated" if prompt.key in self.bad else "ok")
            for prompt, answer in zip(prompts, answers, strict=True)
        ]

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        self.asked.append([prompt.key for prompt in prompts])
        return super().label_logprobs(prompts, answer_prefix, labels)


@pytest.fixture
def store(tmp_path: Path) -> RequestStore:
    return RequestStore(tmp_path / "requests.sqlite")


def texts(completions: Sequence[Completion]) -> list[str]:
    return [completion.text for completion in completions]


def test_answers_come_in_order_and_batches(store: RequestStore) -> None:
    engine = Counting()
    answers = StoredEngine(engine, store).generate(PROMPTS, Sampling())
    assert texts(answers) == texts(DummyEngine().generate(PROMPTS, Sampling()))
    assert [len(batch) for batch in engine.asked] == [32, 8]


def test_what_is_stored_is_never_asked_again(store: RequestStore) -> None:
    first = StoredEngine(Counting(), store).generate(PROMPTS, Sampling())
    engine = Counting()
    again = StoredEngine(engine, store).generate(PROMPTS, Sampling())
    assert engine.asked == []
    assert again == [replace(answer, cached=True) for answer in first]


def test_readings_are_kept_exactly(store: RequestStore) -> None:
    first = StoredEngine(Counting(), store).label_logprobs(PROMPTS, "Rating: ", LABELS)
    engine = Counting()
    again = StoredEngine(engine, store).label_logprobs(PROMPTS, "Rating: ", LABELS)
    assert engine.asked == []
    assert again == [replace(reading, cached=True) for reading in first]


def test_equal_prompts_are_asked_once(store: RequestStore) -> None:
    engine = Counting()
    stored = StoredEngine(engine, store)
    answers = stored.generate([PROMPTS[0], PROMPTS[1], PROMPTS[0]], Sampling())
    assert engine.asked == [[PROMPTS[0].key, PROMPTS[1].key]]
    assert [answer.cached for answer in answers] == [False, False, True]
    assert answers[2].text == answers[0].text


def test_failures_are_asked_again_and_the_rest_is_not(store: RequestStore) -> None:
    bad = [PROMPTS[1].key]
    StoredEngine(Counting(bad), store).generate(PROMPTS[:3], Sampling())
    engine = Counting()
    answers = StoredEngine(engine, store).generate(PROMPTS[:3], Sampling())
    assert engine.asked == [bad]
    assert [answer.status for answer in answers] == ["ok"] * 3


def test_a_failure_that_was_answered_later_is_no_failure_any_more(store: RequestStore) -> None:
    StoredEngine(Counting([PROMPTS[0].key]), store).generate(PROMPTS[:1], Sampling())
    StoredEngine(Counting(), store).generate(PROMPTS[:1], Sampling())
    assert store.select("SELECT COUNT(*) FROM failures", ()) == [(0,)]


def test_each_batch_is_kept_as_it_comes(store: RequestStore) -> None:
    class Stopping(Counting):
        """Is interrupted at its second batch."""

        def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
            if self.asked:
                raise KeyboardInterrupt
            return super().generate(prompts, sampling)

    with pytest.raises(KeyboardInterrupt):
        StoredEngine(Stopping(), store).generate(PROMPTS, Sampling())
    engine = Counting()
    StoredEngine(engine, store).generate(PROMPTS, Sampling())
    assert [len(batch) for batch in engine.asked] == [8]


def test_usage_and_progress_count_every_prompt(store: RequestStore) -> None:
    StoredEngine(Counting(), store).generate(PROMPTS[:10], Sampling())
    done: list[int] = []
    engine = StoredEngine(Counting(), store, on_done=done.append)
    engine.generate([*PROMPTS, PROMPTS[20]], Sampling())
    assert (engine.usage.calls, engine.usage.cached) == (30, 11)
    assert done == [10, 31]
    assert engine.usage.prompt_tokens == sum(a.prompt_tokens for a in DummyEngine().generate(PROMPTS[10:], Sampling()))


def test_two_writers_of_one_key_keep_the_first_answer(tmp_path: Path) -> None:
    one, two = RequestStore(tmp_path / "s.sqlite"), RequestStore(tmp_path / "s.sqlite")
    key = generate_key(DummyEngine().info(), PROMPTS[0], Sampling())
    from duetbench.engines.store.database import RequestOutcome

    one.put([RequestOutcome(key, {"text": "first"})])
    two.put([RequestOutcome(key, {"text": "second"})])
    assert one.get([key]) == two.get([key]) == {key.digest: {"text": "first"}}


def test_threads_with_stores_of_their_own_do_not_disturb_each_other(tmp_path: Path) -> None:
    faults: list[BaseException] = []

    def work() -> None:
        try:
            store = RequestStore(tmp_path / "s.sqlite")
            StoredEngine(Counting(), store).generate(PROMPTS, Sampling())
            store.close()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert RequestStore(tmp_path / "s.sqlite").select("SELECT COUNT(*) FROM answers", ()) == [(len(PROMPTS),)]


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(StoreError, match=r"is damaged .* move it away"):
        RequestStore(path)


def test_a_page_that_was_overwritten_is_one_line(store: RequestStore) -> None:
    StoredEngine(Counting(), store).generate(PROMPTS, Sampling())
    store.select("PRAGMA wal_checkpoint(TRUNCATE)", ())
    store.close()
    body = bytearray(store.path.read_bytes())
    body[4096:] = b"\xff" * (len(body) - 4096)
    store.path.write_bytes(body)
    with pytest.raises(StoreError, match="is damaged"):
        StoredEngine(Counting(), RequestStore(store.path)).generate(PROMPTS, Sampling())


def test_a_full_disk_is_one_line_and_loses_nothing(store: RequestStore) -> None:
    StoredEngine(Counting(), store).generate(PROMPTS[:2], Sampling())
    pages = store.select("PRAGMA page_count", ())[0][0]
    store.select(f"PRAGMA max_page_count = {pages}", ())
    with pytest.raises(StoreError, match="no space is left"):
        StoredEngine(Counting(), store).generate([ask(f"{n} " * 500) for n in range(200)], Sampling())
    engine = Counting()
    StoredEngine(engine, RequestStore(store.path)).generate(PROMPTS[:2], Sampling())
    assert engine.asked == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        RequestStore(tmp_path / "file" / "s.sqlite")


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="has format 99"):
        RequestStore(path)
