"""What training refuses to do: learn from rows that are not its own, or change weights that are frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

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


def folder_digest(folder: Path, patterns: Sequence[str] = ("*.safetensors", "*.bin")) -> str:
    """SHA-256 over the weight files of a folder: names and bytes, in order of name.

    Raises:
        TrainingError: the folder holds none.
    """
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    if not files:
        raise TrainingError(f"{folder} holds no weights ({', '.join(patterns)})")
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
