"""Checks that training and validation rows come from their own splits."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.errors import TrainingError
from duetbench.types import Example


def check_rows(train: Sequence[Example], valid: Sequence[Example]) -> None:
    """Makes sure that all rows to learn from are training rows, and that all rows to choose by are validation rows.

    Raises:
        TrainingError: a row comes from another split or is in both lists, or there is nothing to learn from.
    """
    if not train:
        raise TrainingError("there are no training rows; raise training.examples or check the split")
    for examples, expected, use in ((train, "train", "learned from"), (valid, "valid", "used to choose a checkpoint")):
        for example in examples:
            split = example.request.request_id.partition(":")[0]
            if split != expected:
                raise TrainingError(
                    f"row {example.request.request_id} may not be {use}: it belongs to split '{split}', "
                    f"not '{expected}'"
                )
    shared = {_row(example) for example in train} & {_row(example) for example in valid}
    if shared:
        raise TrainingError(
            f"{len(shared)} rows are both in train and in valid, row {min(shared)} first; prepare the dataset again"
        )


def _row(example: Example) -> str:
    return example.request.request_id.partition(":")[2]
