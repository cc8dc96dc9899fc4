"""Several batches at a time."""

from __future__ import annotations

import threading

import pytest

from duetbench.engines.store.parallel_batches import computed_batches


def test_one_at_a_time_is_in_order_and_in_this_thread() -> None:
    threads = computed_batches([1, 2], lambda _: threading.get_ident(), n_parallel=1)
    assert list(threads) == [(1, threading.get_ident()), (2, threading.get_ident())]


def test_several_are_computed_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=60)
    assert sorted(computed_batches([1, 2], lambda batch: (both.wait() >= 0, batch), n_parallel=2)) == [
        (1, (True, 1)),
        (2, (True, 2)),
    ]


def test_an_error_is_raised_after_the_batches_in_flight() -> None:
    has_failed = threading.Event()

    def compute(batch: int) -> int:
        if batch == 1:
            has_failed.set()
            raise ZeroDivisionError
        has_failed.wait(60)
        return batch

    done: list[int] = []
    with pytest.raises(ZeroDivisionError):
        done.extend(batch for batch, _ in computed_batches([1, 2, 3, 4], compute, n_parallel=2))
    assert done == [2]


def test_nothing_is_computed_for_no_batch() -> None:
    assert list(computed_batches([], lambda batch: batch, n_parallel=3)) == []
