"""The request store, and an engine behind it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from engine_making import make_prompt

from duetbench.engines.store.database import RequestOutcome
from duetbench.engines.store.keys import generate_key
from duetbench.engines.store.stored_engine import ComputeClock, RequestStore, StoredEngine
from duetbench.errors import StoreError
from duetbench.testing import DummyEngine
from duetbench.types import Completion, LabelLogprobs, ModelRef, Prompt, Sampling

LABELS = ("1", "2", "3", "4", "5")
PROMPTS = [make_prompt(f"Question {number}? Answer in <profile> tags.") for number in range(40)]


class RecordingEngine(DummyEngine):
    """A dummy that records its calls; completions of `truncated` keys are truncated."""

    def __init__(self, truncated: Sequence[str] = ()) -> None:
        super().__init__()
        self.calls: list[list[str]] = []
        self.truncated = truncated

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.calls.append([prompt.key for prompt in prompts])
        completions = super().generate(prompts, sampling)
        return [
            replace(completion, status="truncated" if prompt.key in self.truncated else "ok")
            for prompt, completion in zip(prompts, completions, strict=True)
        ]

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        self.calls.append([prompt.key for prompt in prompts])
        return super().label_logprobs(prompts, answer_prefix, labels)


@pytest.fixture
def store(tmp_path: Path) -> RequestStore:
    return RequestStore(tmp_path / "requests.sqlite")


def texts(completions: Sequence[Completion]) -> list[str]:
    return [completion.text for completion in completions]


def test_answers_are_in_order_and_computed_in_batches(store: RequestStore) -> None:
    engine = RecordingEngine()
    answers = StoredEngine(engine, store).generate(PROMPTS, Sampling())
    assert texts(answers) == texts(DummyEngine().generate(PROMPTS, Sampling()))
    assert [len(batch) for batch in engine.calls] == [32, 8]


def test_stored_answers_are_never_computed_again(store: RequestStore) -> None:
    first = StoredEngine(RecordingEngine(), store).generate(PROMPTS, Sampling())
    engine = RecordingEngine()
    again = StoredEngine(engine, store).generate(PROMPTS, Sampling())
    assert engine.calls == []
    assert again == [replace(answer, cached=True) for answer in first]


def test_label_logprobs_are_stored_exactly(store: RequestStore) -> None:
    first = StoredEngine(RecordingEngine(), store).label_logprobs(PROMPTS, "Rating: ", LABELS)
    engine = RecordingEngine()
    again = StoredEngine(engine, store).label_logprobs(PROMPTS, "Rating: ", LABELS)
    assert engine.calls == []
    assert again == [replace(result, cached=True) for result in first]


def test_equal_prompts_are_computed_once(store: RequestStore) -> None:
    engine = RecordingEngine()
    stored = StoredEngine(engine, store)
    answers = stored.generate([PROMPTS[0], PROMPTS[1], PROMPTS[0]], Sampling())
    assert engine.calls == [[PROMPTS[0].key, PROMPTS[1].key]]
    assert [answer.cached for answer in answers] == [False, False, True]
    assert answers[2].text == answers[0].text


def test_only_failures_are_computed_again(store: RequestStore) -> None:
    failed = [PROMPTS[1].key]
    StoredEngine(RecordingEngine(failed), store).generate(PROMPTS[:3], Sampling())
    engine = RecordingEngine()
    answers = StoredEngine(engine, store).generate(PROMPTS[:3], Sampling())
    assert engine.calls == [failed]
    assert [answer.status for answer in answers] == ["ok"] * 3


def test_a_failure_is_removed_once_it_is_answered(store: RequestStore) -> None:
    StoredEngine(RecordingEngine([PROMPTS[0].key]), store).generate(PROMPTS[:1], Sampling())
    StoredEngine(RecordingEngine(), store).generate(PROMPTS[:1], Sampling())
    assert store.select("SELECT COUNT(*) FROM failures", ()) == [(0,)]


def test_each_batch_is_stored_as_soon_as_it_is_done(store: RequestStore) -> None:
    class InterruptedEngine(RecordingEngine):
        """Is interrupted at its second batch."""

        def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
            if self.calls:
                raise KeyboardInterrupt
            return super().generate(prompts, sampling)

    with pytest.raises(KeyboardInterrupt):
        StoredEngine(InterruptedEngine(), store).generate(PROMPTS, Sampling())
    engine = RecordingEngine()
    StoredEngine(engine, store).generate(PROMPTS, Sampling())
    assert [len(batch) for batch in engine.calls] == [8]


def test_progress_counts_every_prompt_and_only_computed_ones_are_not_cached(store: RequestStore) -> None:
    StoredEngine(RecordingEngine(), store).generate(PROMPTS[:10], Sampling())
    done: list[int] = []
    engine = StoredEngine(RecordingEngine(), store, on_done=done.append)
    answers = engine.generate([*PROMPTS, PROMPTS[20]], Sampling())
    assert [answer.cached for answer in answers] == [True] * 10 + [False] * 30 + [True]
    assert done == [10, 31]


def test_the_uncached_engine_computes_what_is_stored(store: RequestStore) -> None:
    engine = RecordingEngine()
    stored = StoredEngine(engine, store)
    stored.generate(PROMPTS[:1], Sampling())
    stored.uncached().generate(PROMPTS[:1], Sampling())
    assert stored.uncached() is engine
    assert len(engine.calls) == 2


def test_an_engine_for_another_model_shares_the_store(store: RequestStore) -> None:
    model = ModelRef("other", "/other", "d2")
    stored = StoredEngine(DummyEngine(), store).with_model(model)
    assert (stored.model, stored.uncached().model) == (model, model)
    stored.generate(PROMPTS[:1], Sampling())
    again = StoredEngine(DummyEngine(model=model), store).generate(PROMPTS[:1], Sampling())
    assert again[0].cached


def test_of_two_answers_to_one_key_the_first_is_kept(tmp_path: Path) -> None:
    first, second = RequestStore(tmp_path / "s.sqlite"), RequestStore(tmp_path / "s.sqlite")
    key = generate_key(DummyEngine().info(), PROMPTS[0], Sampling())
    from duetbench.engines.store.database import RequestOutcome

    first.put([RequestOutcome(key, {"text": "first"})])
    second.put([RequestOutcome(key, {"text": "second"})])
    assert first.get([key]) == second.get([key]) == {key.digest: {"text": "first"}}


def test_threads_with_separate_stores_share_one_file(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            store = RequestStore(tmp_path / "s.sqlite")
            StoredEngine(RecordingEngine(), store).generate(PROMPTS, Sampling())
            store.close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert RequestStore(tmp_path / "s.sqlite").select("SELECT COUNT(*) FROM answers", ()) == [(len(PROMPTS),)]


def test_a_damaged_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(StoreError, match=r"is damaged .* move it away"):
        RequestStore(path)


def test_an_overwritten_page_is_an_error_of_one_line(store: RequestStore) -> None:
    StoredEngine(RecordingEngine(), store).generate(PROMPTS, Sampling())
    store.select("PRAGMA wal_checkpoint(TRUNCATE)", ())
    store.close()
    body = bytearray(store.path.read_bytes())
    body[4096:] = b"\xff" * (len(body) - 4096)
    store.path.write_bytes(body)
    with pytest.raises(StoreError, match="is damaged"):
        StoredEngine(RecordingEngine(), RequestStore(store.path)).generate(PROMPTS, Sampling())


def test_a_full_disk_is_an_error_and_loses_nothing(store: RequestStore) -> None:
    StoredEngine(RecordingEngine(), store).generate(PROMPTS[:2], Sampling())
    pages = store.select("PRAGMA page_count", ())[0][0]
    store.select(f"PRAGMA max_page_count = {pages}", ())
    with pytest.raises(StoreError, match="no space is left"):
        StoredEngine(RecordingEngine(), store).generate([make_prompt(f"{n} " * 500) for n in range(200)], Sampling())
    engine = RecordingEngine()
    StoredEngine(engine, RequestStore(store.path)).generate(PROMPTS[:2], Sampling())
    assert engine.calls == []


def test_a_folder_that_is_not_writable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        RequestStore(tmp_path / "file" / "s.sqlite")


def test_another_format_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="has format 99"):
        RequestStore(path)


DAMAGES = [
    "{",
    "[1]",
    '{"text": 5, "prompt_tokens": 1, "dropped_history": 0, "completion_tokens": 1}',
    '{"prompt_tokens": 1, "dropped_history": 0, "completion_tokens": 1}',
    '{"text": "a", "prompt_tokens": 1, "dropped_history": 0, "completion_tokens": 1, "unknown": 2}',
    b"\xff\xfe",
    "[" * 5_000,
]


def _damage(store: RequestStore, body: str | bytes) -> None:
    store.connection.execute("UPDATE answers SET answer = CAST(? AS TEXT)", (body,))


@pytest.mark.parametrize("body", DAMAGES)
def test_a_damaged_row_is_computed_again_and_counted(store: RequestStore, body: str | bytes) -> None:
    whole = StoredEngine(DummyEngine(), store).generate(PROMPTS[:2], Sampling())
    _damage(store, body)
    engine = RecordingEngine()
    answers = StoredEngine(engine, store).generate(PROMPTS[:2], Sampling())
    assert texts(answers) == texts(whole)
    assert [(answer.cached, answer.was_damaged) for answer in answers] == [(False, True)] * 2
    assert [answer.cached for answer in StoredEngine(engine, store).generate(PROMPTS[:2], Sampling())] == [True] * 2
    assert len(engine.calls) == 1


@pytest.mark.parametrize("logprobs", ["[]", '["a", 1, 2, 3, 4]', "5", "[1, 2, 3, 4]"])
def test_damaged_label_probabilities_are_computed_again(store: RequestStore, logprobs: str) -> None:
    whole = StoredEngine(DummyEngine(), store).label_logprobs(PROMPTS[:1], "", LABELS)
    _damage(store, f'{{"prompt_tokens": 1, "dropped_history": 0, "logprobs": {logprobs}}}')
    (answer,) = StoredEngine(DummyEngine(), store).label_logprobs(PROMPTS[:1], "", LABELS)
    assert (answer.logprobs, answer.was_damaged) == (whole[0].logprobs, True)


def test_the_engine_does_not_wait_for_the_store(store: RequestStore, monkeypatch: pytest.MonkeyPatch) -> None:
    is_second_batch = threading.Event()
    put = store.put

    class Signalling(RecordingEngine):
        def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
            if self.calls:
                is_second_batch.set()
            return super().generate(prompts, sampling)

    def put_after_second_batch_began(outcomes: Sequence[RequestOutcome], *, damaged: Collection[str] = ()) -> None:
        assert is_second_batch.wait(timeout=30)
        put(outcomes, damaged=damaged)

    monkeypatch.setattr(store, "put", put_after_second_batch_began)
    StoredEngine(Signalling(), store).generate(PROMPTS, Sampling())
    assert store.select("SELECT count(*) FROM answers", ()) == [(len(PROMPTS),)]


def test_a_batch_that_cannot_be_stored_is_an_error(store: RequestStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(outcomes: Sequence[RequestOutcome], *, damaged: Collection[str] = ()) -> None:
        raise StoreError("no space is left")

    monkeypatch.setattr(store, "put", fail)
    with pytest.raises(StoreError, match="no space is left"):
        StoredEngine(DummyEngine(), store).generate(PROMPTS[:2], Sampling())


def test_the_clock_runs_while_the_engine_computes(store: RequestStore, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr("duetbench.engines.store.stored_engine.time.perf_counter", lambda: next(now))
    clock = ComputeClock()
    engine = StoredEngine(DummyEngine(), store, clock=clock)
    engine.generate(PROMPTS, Sampling())
    computed = clock.seconds
    engine.generate(PROMPTS, Sampling())
    assert computed == 3  # two batches, and the end of the batches
    assert clock.seconds == computed + 1  # nothing was computed: only the end
