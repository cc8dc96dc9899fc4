"""Reads untrusted YAML or CSV files of published tables; every number is kept as the text that was printed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from duetbench.documents.bounds import read_text
from duetbench.documents.yaml_text import load_yaml
from duetbench.errors import DataError, DocumentError

MAX_BYTES = 1_000_000
"""A published table is some kilobytes; a larger file is something else."""

_LISTS = ("bold",)
"""CSV columns that hold a list, separated by spaces."""


def read_values(path: Path) -> Any:
    """The content of a YAML or CSV file as mappings, lists and text. Numbers stay text, so `0.9500` keeps its zeros.

    Raises:
        DataError: the file is missing, too large, not text, or neither YAML nor CSV.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        match path.suffix.lower():
            case ".yaml" | ".yml":
                return load_yaml(path, numbers_as_text=True, max_bytes=MAX_BYTES)
            case ".csv":
                return {"rows": _from_csv(read_text(path, MAX_BYTES), path)}
    except DocumentError as error:
        raise DataError(str(error)) from error
    raise DataError(f"{path.name}: cannot tell the format from the name; known: .yaml, .yml, .csv")


def _from_csv(text: str, path: Path) -> list[dict[str, Any]]:
    try:
        lines = list(csv.reader(StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise DataError(f"{path.name} is not valid CSV: {error}") from error
    lines = [[cell.strip() for cell in line] for line in lines if any(cell.strip() for cell in line)]
    if not lines:
        raise DataError(f"{path.name}: no header; expected columns such as dataset,method,mae,rmse,accuracy")
    header = [name.lower() for name in lines[0]]
    if len(set(header)) < len(header):
        raise DataError(f"{path.name}: a column name occurs twice: {', '.join(header)}")
    return [dict(_cells(header, line, f"{path.name}: rows[{number}]")) for number, line in enumerate(lines[1:])]


def _cells(header: list[str], line: list[str], where: str) -> Iterator[tuple[str, Any]]:
    if len(line) != len(header):
        raise DataError(f"{where} has {len(line)} cells, the header has {len(header)}")
    for name, cell in zip(header, line, strict=True):
        if cell:
            yield name, cell.lower().split() if name in _LISTS else cell
