"""Fingerprints of what servers run, from the log-probabilities that their probe has listed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from duetbench.atomic import write_json
from duetbench.digests import digest_of_value
from duetbench.documents.json_text import load_json
from duetbench.errors import DocumentError
from duetbench.paths import cache_dir

TOLERANCE = 0.05
"""Largest difference of a log-probability that is put down to rounding: other batches and a warm cache change them by
some 0.003 (in bfloat16 by up to 0.02), a quantisation with 8 bits by more, one with 4 bits by some 0.2."""

_COMPARED = 5
"""Tokens per prompt that are compared."""


def fingerprint(identity: str, listed: Mapping[str, float]) -> str:
    """A name for these log-probabilities: the same one as in earlier runs if they are the same up to rounding.

    Rounded values alone would change where one is near the middle between two of them. So the values of the first run
    are kept in the user's cache, and later ones are compared with them.

    Args:
        identity: What the server reports; values of other servers are not compared.
        listed: Log-probabilities by `PROMPT:TOKEN`; empty: the server sends none, and the name is `none`.
    """
    if not listed:
        return "none"
    from filelock import FileLock

    path, key = cache_dir("servers", "fingerprints.json"), digest_of_value(identity)
    with contextlib.suppress(OSError):  # a cache that cannot be written: the rounded values have to do
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            return _known_or_new(path, key, listed)
    return _name(_top(listed))


def _known_or_new(path: Path, key: str, listed: Mapping[str, float]) -> str:
    known = _read(path)
    same_server = known.get(key)
    if not isinstance(same_server, dict):
        same_server = {}
    for name, values in same_server.items():
        if isinstance(values, dict) and _is_same(values, listed):
            return str(name)
    top = _top(listed)
    name = _name(top)
    write_json(path, {**known, key: {**same_server, name: top}})
    return name


def _read(path: Path) -> dict[str, object]:
    with contextlib.suppress(OSError, DocumentError):  # missing or damaged: it starts empty
        known = load_json(path)
        return known if isinstance(known, dict) else {}
    return {}


def _top(listed: Mapping[str, float]) -> dict[str, float]:
    """The most likely tokens of each prompt."""
    prompts = dict.fromkeys(name.split(":", 1)[0] for name in listed)
    chosen: dict[str, float] = {}
    for prompt in prompts:
        values = {name: value for name, value in listed.items() if name.split(":", 1)[0] == prompt}
        chosen |= {name: values[name] for name in sorted(values, key=values.__getitem__)[-_COMPARED:]}
    return chosen


def _is_same(values: Mapping[str, object], listed: Mapping[str, float]) -> bool:
    """Whether the values agree; a token that is not listed any more may have been the last one."""
    for name, value in values.items():
        prompt = name.split(":", 1)[0] + ":"
        lowest = min((number for other, number in listed.items() if other.startswith(prompt)), default=None)
        if not isinstance(value, float | int) or lowest is None:
            return False
        difference = abs(listed[name] - value) if name in listed else max(value - lowest, 0.0)
        if difference > TOLERANCE:
            return False
    return True


def _name(values: Mapping[str, float]) -> str:
    return digest_of_value({name: round(value, 1) for name, value in sorted(values.items())})[:12]
