"""The order of training rows."""

from __future__ import annotations

from collections import Counter

import pytest

from duetbench.training.batching import batches_in_order


def test_the_same_seed_gives_the_same_order():
    assert batches_in_order([3, 1, 2, 5], 2, 6, seed=1) == batches_in_order([3, 1, 2, 5], 2, 6, seed=1)


def test_another_seed_gives_another_order():
    assert batches_in_order(list(range(40)), 4, 20, seed=1) != batches_in_order(list(range(40)), 4, 20, seed=2)


def test_all_rows_are_used_equally_often():
    counts = Counter(row for batch in batches_in_order([1] * 10, 4, 25, seed=0) for row in batch)
    assert set(counts.values()) == {10}


def test_a_batch_may_be_larger_than_the_data():
    assert [len(batch) for batch in batches_in_order([1, 1], 5, 3, seed=0)] == [5, 5, 5]


def test_rows_of_similar_length_share_a_batch():
    lengths = [n % 50 for n in range(400)]
    batches = batches_in_order(lengths, 8, 50, seed=0)
    padded = sum(max(lengths[row] for row in batch) * len(batch) for batch in batches)
    assert padded < 1.15 * sum(lengths[row] for batch in batches for row in batch)


def test_without_rows_there_are_no_batches():
    assert batches_in_order([], 4, 3, seed=0) == []


def test_with_drop_last_a_pass_ends_with_its_last_complete_batch():
    batches = batches_in_order([1] * 11, 4, 2 * 3, seed=0, drop_last=True)
    counts = Counter(row for batch in batches for row in batch)
    assert sum(counts.values()) == 3 * 8
    assert max(counts.values()) == 3
    assert len({frozenset(batch) for batch in batches}) > 2
    with pytest.raises(ValueError, match="3 rows do not fill a batch of 4"):
        batches_in_order([1] * 3, 4, 1, seed=0, drop_last=True)
