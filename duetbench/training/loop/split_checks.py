"""What training refuses to learn from."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.errors import TrainingError
from duetbench.types import Example


def check_rows(train: Sequence[Example], valid: Sequence[Example]) -> None:
    """Makes sure that rows to learn from are training rows, and rows to choose by are validation rows.

    Raises:
        TrainingError: a row comes from another split, or stands on both sides; or there is nothing to learn from.
    """
    if not train:
        raise TrainingError("there is no training row; raise the limit of training rows or check the split")
    for examples, wanted, use in ((train, "train", "learned from"), (valid, "valid", "used to choose a checkpoint")):
        for example in examples:
            split = example.request.request_id.partition(":")[0]
            if split != wanted:
                raise TrainingError(
                    f"row {example.request.request_id} may not be {use}: it belongs to split '{split}', not '{wanted}'"
                )
    shared = {_row(example) for example in train} & {_row(example) for example in valid}
    if shared:
        raise TrainingError(
            f"{len(shared)} rows stand in train and in valid, row {min(shared)} first; prepare the dataset anew"
        )


def _row(example: Example) -> str:
    return example.request.request_id.partition(":")[2]
