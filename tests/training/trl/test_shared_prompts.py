"""Rows in which completions share their prompt, and the order of completions that makes most of them."""

from __future__ import annotations

from typing import Any

import pytest

from duetbench.training.trl.shared_prompts import IGNORED, PaddedBatch, SharedRows, group_completions, share_prompts

N = IGNORED


def rows_of(prompts: list[list[int]], completions: list[list[int]]) -> SharedRows:
    """The rows of these tokens, padded as TRL pads them."""
    ids, mask = padded(prompts, completions)
    return share_prompts(PaddedBatch(ids, mask, max(map(len, completions))))


def padded(prompts: list[list[int]], completions: list[list[int]]) -> tuple[Any, Any]:
    """Tokens and mask: prompts padded at their start, completions at their end."""
    import torch

    n_prompt, n_completion = max(map(len, prompts)), max(map(len, completions))
    pairs = list(zip(prompts, completions, strict=True))
    ids = [[99] * (n_prompt - len(p)) + p + c + [99] * (n_completion - len(c)) for p, c in pairs]
    mask = [[0] * (n_prompt - len(p)) + [1] * len(p + c) + [0] * (n_completion - len(c)) for p, c in pairs]
    return torch.tensor(ids), torch.tensor(mask)


def test_a_branch_starts_with_the_last_token_of_the_prompt():
    rows = rows_of([[1, 2, 3], [1, 2, 3]], [[5, 6], [7]])
    assert rows.input_ids.tolist() == [[1, 2, 3, 5, 3]]
    assert rows.position_ids.tolist() == [[0, 1, 2, 3, 2]]
    assert rows.labels.tolist() == [[N, N, 5, 6, 7]]
    assert rows.places.tolist() == [[2, 3], [4, -1]]


def test_a_branch_attends_to_the_prompt_and_to_itself():
    rows = rows_of([[1, 2, 3], [1, 2, 3]], [[5, 6], [7]])
    assert rows.attention_mask()[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 1],
    ]


def test_prompts_of_different_lengths_are_padded_and_padding_is_not_attended_to():
    rows = rows_of([[1, 2, 3], [4]], [[5], [6]])
    assert rows.input_ids.tolist() == [[1, 2, 3], [0, 0, 4]]
    assert rows.branches.tolist() == [[0, 0, 1], [-1, -1, 1]]
    assert rows.attention_mask()[1, 0, 2].tolist() == [False, False, True]


def test_completions_of_one_prompt_need_not_be_adjacent():
    rows = rows_of([[1, 2], [3, 4], [1, 2]], [[5], [6], [7]])
    assert len(rows.input_ids) == 2
    values = rows.labels.float()
    assert rows.by_completion(values).tolist() == [[5], [6], [7]]


def test_a_completion_without_tokens_has_no_values():
    rows = rows_of([[1, 2], [1, 2]], [[], [7, 8]])
    assert rows.by_completion(rows.labels).tolist() == [[0, 0], [7, 8]]


def test_groups_are_split_where_that_needs_fewer_tokens():
    """One row of four completions and three of one: 4 * (1 + 4) tokens, against 7 * (1 + 1) in rows of their own."""
    prompts = [[1, 2]] * 4 + [[3, 4], [5, 6], [7, 8]]
    rows = rows_of(prompts, [[9]] * 7)
    assert rows.input_ids.numel() == 14


def chunks_of(prompts: list[list[int]], size: int) -> list[dict[str, Any]]:
    """TRL's micro-batches of completions that hold their position."""
    import torch

    completions = [[position] for position in range(len(prompts))]
    ids, mask = padded(prompts, completions)
    names = {"prompt_ids": ids[:, :-1], "prompt_mask": mask[:, :-1], "completion_ids": ids[:, -1:]}
    columns = {**names, "completion_mask": mask[:, -1:], "advantages": torch.arange(len(prompts)) / 10}
    parts = {name: values.split(size) for name, values in columns.items()}
    n_items = torch.tensor(8)
    return [
        {"num_items_in_batch": n_items, "old": None, **{name: parts[name][n] for name in parts}}
        for n in range(len(prompts) // size)
    ]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_completions_are_ordered_by_prompt_within_an_update(size):
    long, short = [1, 2, 3], [1, 2]
    chunks = chunks_of([long, short, long, short, short, long, short, long], size)
    group_completions(chunks, per_update=4 // size)
    order = [row for chunk in chunks for (row,) in chunk["completion_ids"].tolist()]
    assert order == [1, 3, 0, 2, 4, 6, 5, 7]
    advantages = [round(10 * value) for chunk in chunks for value in chunk["advantages"].tolist()]
    assert advantages == order
    assert {len(chunk["prompt_ids"]) for chunk in chunks} == {size}
