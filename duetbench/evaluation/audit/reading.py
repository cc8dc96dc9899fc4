"""Reads untrusted YAML or CSV files of published tables; every number is kept as the text that was printed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from duetbench.errors import DataError

MAX_BYTES = 2_000_000
"""A published table is some kilobytes; a larger file is something else."""

MAX_DEPTH = 8

_LISTS = ("bold",)
"""CSV columns that hold a list, separated by spaces."""


def read_values(path: Path) -> Any:
    """The content of a YAML or CSV file as mappings, lists and text. Numbers stay text, so `0.9500` keeps its zeros.

    Raises:
        DataError: the file is missing, too large, not text, or neither YAML nor CSV.
    """
    text = _text(path)
    match path.suffix.lower():
        case ".yaml" | ".yml":
            return _from_yaml(text, path)
        case ".csv":
            return {"rows": _from_csv(text, path)}
        case _:
            raise DataError(f"{path.name}: cannot tell the format from the name; known: .yaml, .yml, .csv")


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DataError(f"{path.name}: larger than {MAX_BYTES:,} bytes; give the table alone, one row per result")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}: not UTF-8 text (byte {error.start:,}); save it as UTF-8") from error


def _from_yaml(text: str, path: Path) -> Any:
    try:
        _check_events(text, path)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return None if node is None else _value(node, path)
    except yaml.YAMLError as error:
        raise DataError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from error


def _check_events(text: str, path: Path) -> None:
    """Refuses what a table never needs and what can make a small file large or deep."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise DataError(f"{path.name}: alias '*{event.anchor}': aliases are not allowed; write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise DataError(f"{path.name}: nested deeper than {MAX_DEPTH} levels; a table needs 4")


def _value(node: yaml.Node, path: Path) -> Any:
    match node:
        case yaml.MappingNode():
            return _mapping(node, path)
        case yaml.SequenceNode():
            return [_value(entry, path) for entry in node.value]
        case _:
            return str(node.value)


def _mapping(node: yaml.MappingNode, path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in values:
            raise DataError(f"{path.name}: {name!r} is given twice in the same mapping")
        values[name] = _value(value, path)
    return values


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
