"""Why a request was computed although something like it was in the store: the parts in which keys differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duetbench.engines.store.database import RequestStore, unpacked
from duetbench.errors import StoreError

_SCANNED = 2000
"""How many of the newest entries are looked at when none has the same content."""

_AROUND = 40
"""Characters of a text shown on either side of the first difference."""

_COLUMNS = "key, verb, e.body, settings, content_digest, content, prompt_key, {rest}, stored_at"
_ANSWERS = _COLUMNS.format(rest="'ok', '', 1")
_FAILURES = _COLUMNS.format(rest="status, error, times")


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request that was asked."""

    key: str
    verb: str
    parts: Mapping[str, Any]
    """Every part of the key by its path; texts whole."""
    content_digest: str
    prompt_key: str
    status: str
    """`ok`: its answer is kept; else how it failed, and it will be asked again."""
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
    """An entry, the nearest other one, and what tells them apart."""

    entry: StoredRequest
    nearest: StoredRequest | None
    """None: nothing of its kind was ever asked."""
    differences: tuple[KeyDifference, ...]


def explain_miss(store: RequestStore, name: str, other: str | None = None) -> list[MissExplanation]:
    """Explanations for every request of that name.

    Args:
        store: The request store.
        name: The first characters of a key of the store, or of a prompt's key as a run's log has it.
        other: The same, for what to compare with; None: the nearest entry.

    Raises:
        StoreError: nothing has such a key.
    """
    found = find(store, name)
    if other is None:
        return [_explained(entry, _nearest(store, entry)) for entry in found]
    return [_explained(entry, _closest(entry, find(store, other))) for entry in found]


def find(store: RequestStore, name: str) -> list[StoredRequest]:
    """Entries whose key or prompt key begins with `name`, newest first.

    Raises:
        StoreError: there is none.
    """
    like = f"{name.lower()}%"
    found = [] if not name.isalnum() else _entries(store, "key LIKE ? OR prompt_key LIKE ?", (like, like))
    if not found:
        raise StoreError(f"no request in {store.path} has a key that begins with '{name}'; it was never asked here")
    return found


def key_differences(here: StoredRequest, there: StoredRequest) -> tuple[KeyDifference, ...]:
    """The parts in which two keys differ."""
    paths = list(dict.fromkeys([*here.parts, *there.parts]))
    return tuple(
        KeyDifference(path, *_shown(here.parts.get(path), there.parts.get(path)))
        for path in paths
        if here.parts.get(path) != there.parts.get(path)
    )


def _explained(entry: StoredRequest, nearest: StoredRequest | None) -> MissExplanation:
    return MissExplanation(entry, nearest, key_differences(entry, nearest) if nearest else ())


def _nearest(store: RequestStore, entry: StoredRequest) -> StoredRequest | None:
    same_content = _entries(store, "content_digest = ?", (entry.content_digest,))
    others = [other for other in same_content if other.key != entry.key]
    if not others:
        others = [other for other in _entries(store, "verb = ?", (entry.verb,)) if other.key != entry.key]
    return _closest(entry, others)


def _closest(entry: StoredRequest, others: Sequence[StoredRequest]) -> StoredRequest | None:
    return min(others, key=lambda other: _distance(entry, other), default=None)


def _distance(here: StoredRequest, there: StoredRequest) -> tuple[int, int, float]:
    """Fewest differing parts first, then the longest common beginning of the texts, then the newest."""
    apart = [path for path in {*here.parts, *there.parts} if here.parts.get(path) != there.parts.get(path)]
    shared = sum(_common(str(here.parts.get(path, "")), str(there.parts.get(path, ""))) for path in apart)
    return len(apart), -shared, -there.stored_at


def _entries(store: RequestStore, where: str, values: tuple[Any, ...]) -> list[StoredRequest]:
    found: list[StoredRequest] = []
    for table, columns in (("answers", _ANSWERS), ("failures", _FAILURES)):
        rows = store.select(
            f"SELECT {columns} FROM {table} JOIN engines e ON engine = e.digest WHERE {where}"
            " ORDER BY stored_at DESC LIMIT ?",
            (*values, _SCANNED),
        )
        found += [_entry(row) for row in rows]
    return sorted(found, key=lambda entry: -entry.stored_at)


def _entry(row: tuple[Any, ...]) -> StoredRequest:
    key, verb, engine, settings, content_digest, content, prompt_key, status, error, times, stored_at = row
    parts = {"verb": verb, **dict(_flat("engine", json.loads(engine))), **dict(_flat("asked", json.loads(settings)))}
    parts |= dict(_flat("prompt", json.loads(unpacked(content))))
    return StoredRequest(key, verb, parts, content_digest, prompt_key, status, error, times, stored_at)


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}", inner)
    elif path == "prompt.turns":
        for number, (role, text, droppable) in enumerate(value, start=1):
            yield f"{path}[{number}] ({role})", text
            yield f"{path}[{number}] droppable spans", droppable
    else:
        yield path, value


def _shown(here: Any, there: Any) -> tuple[str, str]:
    """Both values; of long texts the place where they part."""
    if isinstance(here, str) and isinstance(there, str) and max(len(here), len(there)) > 2 * _AROUND:
        start = _common(here, there)
        return _excerpt(here, start), _excerpt(there, start)
    return _plain(here), _plain(there)


def _excerpt(text: str, place: int) -> str:
    start = max(place - _AROUND, 0)
    piece = text[start : place + _AROUND]
    return f"{'...' if start else ''}{piece!r}{'...' if place + _AROUND < len(text) else ''} (character {place})"


def _plain(value: Any) -> str:
    return "(none)" if value is None else repr(value)


def _common(one: str, other: str) -> int:
    """Length of the common beginning."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
