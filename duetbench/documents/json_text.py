"""JSON with bounds: depth, digits, and one value per key."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from duetbench.documents.bounds import MAX_DEPTH, MAX_DIGITS, decoded, read_text
from duetbench.errors import DocumentError

MAX_JSON_BYTES = 256 << 20
"""A larger file is not read. Records have some 10 KB, a model folder's files up to some MB."""


def load_json(path: Path, *, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """The value in a JSON file.

    Raises:
        DocumentError: it is larger than `max_bytes`, is not JSON, or exceeds a bound; names the file and the line.
        OSError: it cannot be read.
    """
    return parse_json(read_text(path, max_bytes), name=str(path))


def parse_json(text: str | bytes, *, name: str) -> Any:
    """The value of a JSON text.

    Args:
        text: Text, or UTF-8 bytes.
        name: What the text is called in messages.

    Raises:
        DocumentError: it is not JSON, is nested deeper than `MAX_DEPTH`, has an integer of over `MAX_DIGITS` digits, or
            has a key twice in one object.
    """
    text = decoded(text, name) if isinstance(text, bytes) else text
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise DocumentError(f"{name}: not valid JSON: {position}: {error.msg}") from error
    except ValueError as error:
        raise DocumentError(f"{name}: {error}") from error
    except RecursionError as error:
        raise _too_deep(name) from error
    # Counting brackets is cheap and is enough for nearly every text.
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deep(value):
        raise _too_deep(name)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError(f"key {_first_repeated(pairs)[:80]!r} is given twice in the same object")
    return values


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    counts = Counter(name for name, _ in pairs)
    return next(name for name, count in counts.items() if count > 1)


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"an integer of {len(digits):,} digits")
    return int(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inner(outer) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _too_deep(name: str) -> DocumentError:
    return DocumentError(f"{name}: nested deeper than {MAX_DEPTH} levels")
