"""SHA-256 digests of files, texts and JSON values: equal inputs have equal names on every machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:
    """The value as JSON in its canonical form: sorted keys, no spaces, no escaping.

    Values without a JSON form, such as paths, are converted with `str`.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def canonical_value(value: Any) -> Any:
    """The value as it is read back from its canonical JSON: plain lists, mappings, texts and numbers."""
    return json.loads(canonical_json(value))


def digest_of_text(text: str) -> str:
    """SHA-256 of a text in UTF-8; lone surrogates, which UTF-8 cannot encode, are passed through."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_of_value(value: Any) -> str:
    """SHA-256 of a JSON value in its canonical form."""
    return digest_of_text(canonical_json(value))


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
