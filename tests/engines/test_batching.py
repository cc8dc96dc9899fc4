"""Splitting prompts into batches."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from duetbench.engines.batching import cut_batches

SIZES = st.lists(st.integers(0, 200), max_size=60).map(lambda lengths: [(n, f"key-{i}") for i, n in enumerate(lengths)])


@settings(deadline=None, derandomize=True)
@given(SIZES, st.integers(0, 50), st.integers(1, 500))
def test_every_prompt_is_in_one_batch(sizes: list[tuple[int, str]], max_tokens: int, budget: int) -> None:
    batches = cut_batches(sizes, max_tokens=max_tokens, budget=budget)
    assert sorted(n for batch in batches for n in batch) == list(range(len(sizes)))


@settings(deadline=None, derandomize=True)
@given(SIZES, st.integers(0, 50), st.integers(1, 500), st.data())
def test_what_is_left_after_complete_batches_is_split_as_before(
    sizes: list[tuple[int, str]], max_tokens: int, budget: int, data: st.DataObject
) -> None:
    batches = cut_batches(sizes, max_tokens=max_tokens, budget=budget)
    kept = [batch for batch in batches if data.draw(st.booleans())]
    remaining = sorted(n for batch in kept for n in batch)
    batches_again = cut_batches([sizes[n] for n in remaining], max_tokens=max_tokens, budget=budget)
    assert [[remaining[n] for n in batch] for batch in batches_again] == kept


@settings(deadline=None, derandomize=True)
@given(SIZES, st.integers(0, 50), st.integers(1, 500))
def test_no_batch_of_several_exceeds_the_budget(sizes: list[tuple[int, str]], max_tokens: int, budget: int) -> None:
    for batch in cut_batches(sizes, max_tokens=max_tokens, budget=budget):
        longest = max(sizes[n][0] for n in batch)
        assert len(batch) == 1 or len(batch) * (longest + max_tokens) <= budget


def test_the_longest_prompts_come_first() -> None:
    assert cut_batches([(1, "a"), (9, "b"), (5, "c")], max_tokens=0, budget=10) == [[1], [2, 0]]


def test_the_order_of_the_list_has_no_effect() -> None:
    ordered = cut_batches([(5, "a"), (5, "b"), (5, "c")], max_tokens=0, budget=10)
    reverse = cut_batches([(5, "c"), (5, "b"), (5, "a")], max_tokens=0, budget=10)
    assert ordered == [[0, 1], [2]]
    assert reverse == [[2, 1], [0]]
