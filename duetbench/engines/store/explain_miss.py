"""Explains why a request was computed although the store holds a similar one: the parts in which the keys differ."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duetbench.documents.json_text import parse_json
from duetbench.engines.store.database import RequestStore, unpacked
from duetbench.errors import DocumentError, StoreError

_SCANNED = 2000
"""Number of the newest entries that are compared when none has the same content."""

_CONTEXT = 40
"""Characters of a text shown on either side of the first difference."""

_COLUMNS = "key, verb, e.body, settings, content_digest, content, prompt_key, {rest}, stored_at"
_ANSWERS = _COLUMNS.format(rest="'ok', '', 1")
_FAILURES = _COLUMNS.format(rest="status, error, times")


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request in the store, answered or failed."""

    key: str
    verb: str
    parts: Mapping[str, Any]
    """Every part of the key by its path; texts complete."""
    content_digest: str
    prompt_key: str
    status: str
    """`ok`: its answer is stored; otherwise how it failed, and it will be computed again."""
    error: str
    times: int
    """How often it failed; 1 for an answer."""
    stored_at: float
    """Seconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class KeyDifference:
    """One part in which two keys differ."""

    path: str
    here: str
    there: str
    """`(none)` where a part is absent."""


@dataclass(frozen=True, slots=True)
class MissExplanation:
    """A request, the most similar other one, and the differences between them."""

    entry: StoredRequest
    nearest: StoredRequest | None
    """None: the store holds no other request of its kind."""
    differences: tuple[KeyDifference, ...]


def explain_miss(store: RequestStore, prefix: str, other: str | None = None) -> list[MissExplanation]:
    """Explanations for every request whose key begins with the prefix.

    Args:
        store: The request store.
        prefix: Beginning of a key of the store, or of a prompt's key in a run's log.
        other: Prefix of the key to compare with; None: the most similar request.

    Raises:
        StoreError: no request has such a key.
    """
    entries = _find_requests(store, prefix)
    if other is None:
        return [_explanation(entry, _nearest(store, entry)) for entry in entries]
    return [_explanation(entry, _most_similar(entry, _find_requests(store, other))) for entry in entries]


def _find_requests(store: RequestStore, prefix: str) -> list[StoredRequest]:
    """Requests whose key or prompt key begins with the prefix, newest first.

    Raises:
        StoreError: there is none.
    """
    like = f"{prefix.lower()}%"
    entries = _entries(store, "key LIKE ? OR prompt_key LIKE ?", (like, like)) if prefix.isalnum() else []
    if not entries:
        raise StoreError(
            f"no request in {store.path} has a key that begins with '{prefix}'; copy one from a run's prompts.parquet "
            "or answers.jsonl, or name the store of that run with --store"
        )
    return entries


def _key_differences(entry: StoredRequest, other: StoredRequest) -> tuple[KeyDifference, ...]:
    """The parts in which two keys differ."""
    return tuple(
        KeyDifference(path, *_shown(entry.parts.get(path), other.parts.get(path)))
        for path in _differing_paths(entry, other)
    )


def _differing_paths(entry: StoredRequest, other: StoredRequest) -> list[str]:
    paths = dict.fromkeys([*entry.parts, *other.parts])
    return [path for path in paths if entry.parts.get(path) != other.parts.get(path)]


def _explanation(entry: StoredRequest, nearest: StoredRequest | None) -> MissExplanation:
    return MissExplanation(entry, nearest, _key_differences(entry, nearest) if nearest else ())


def _nearest(store: RequestStore, entry: StoredRequest) -> StoredRequest | None:
    same_content = _entries(store, "content_digest = ?", (entry.content_digest,))
    candidates = [candidate for candidate in same_content if candidate.key != entry.key]
    if not candidates:
        candidates = [
            candidate for candidate in _entries(store, "verb = ?", (entry.verb,)) if candidate.key != entry.key
        ]
    return _most_similar(entry, candidates)


def _most_similar(entry: StoredRequest, candidates: Sequence[StoredRequest]) -> StoredRequest | None:
    return min(candidates, key=lambda candidate: _distance(entry, candidate), default=None)


def _distance(entry: StoredRequest, other: StoredRequest) -> tuple[int, int, float]:
    """Sorts by fewest differing parts, then by the longest common prefix of the texts, then by the newest."""
    paths = _differing_paths(entry, other)
    shared = sum(_common_length(str(entry.parts.get(path, "")), str(other.parts.get(path, ""))) for path in paths)
    return len(paths), -shared, -other.stored_at


def _entries(store: RequestStore, condition: str, values: tuple[Any, ...]) -> list[StoredRequest]:
    entries: list[StoredRequest] = []
    for table, columns in (("answers", _ANSWERS), ("failures", _FAILURES)):
        rows = store.select(
            f"SELECT {columns} FROM {table} JOIN engines e ON engine = e.digest WHERE {condition}"
            " ORDER BY stored_at DESC LIMIT ?",
            (*values, _SCANNED),
        )
        entries += [entry for row in rows if (entry := _entry(row))]
    return sorted(entries, key=lambda entry: -entry.stored_at)


def _entry(row: tuple[Any, ...]) -> StoredRequest | None:
    """The request in a row; None if the row is damaged."""
    key, verb, engine, settings, content_digest, content, prompt_key, status, error, times, stored_at = row
    parts = {"verb": verb}
    try:
        parts |= dict(_flattened("engine", parse_json(engine, name=key)))
        parts |= dict(_flattened("settings", parse_json(settings, name=key)))
        parts |= dict(_flattened("prompt", parse_json(unpacked(content), name=key)))
    except (DocumentError, TypeError, ValueError, zlib.error):
        return None
    return StoredRequest(key, verb, parts, content_digest, prompt_key, status, error, times, stored_at)


def _flattened(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flattened(f"{path}.{name}", inner)
    elif path == "prompt.turns":
        for number, (role, text, droppable) in enumerate(value, start=1):
            yield f"{path}[{number}] ({role})", text
            yield f"{path}[{number}] droppable spans", droppable
    else:
        yield path, value


def _shown(value: Any, other: Any) -> tuple[str, str]:
    """Both values; of long texts an excerpt around the first difference."""
    if isinstance(value, str) and isinstance(other, str) and max(len(value), len(other)) > 2 * _CONTEXT:
        position = _common_length(value, other)
        return _excerpt(value, position), _excerpt(other, position)
    return _plain(value), _plain(other)


def _excerpt(text: str, position: int) -> str:
    start = max(position - _CONTEXT, 0)
    piece = text[start : position + _CONTEXT]
    dots = "..." if position + _CONTEXT < len(text) else ""
    return f"{'...' if start else ''}{piece!r}{dots} (character {position})"


def _plain(value: Any) -> str:
    return "(none)" if value is None else repr(value)


def _common_length(first: str, second: str) -> int:
    """Length of the common prefix."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(first), len(second)))
