"""The bounds that YAML and JSON share, and the decoding of a file's bytes."""

from __future__ import annotations

from pathlib import Path

from duetbench.errors import DocumentError

MAX_DEPTH = 64
"""Levels of nesting. Configurations have 5 and records 8; every recursive reader of a document relies on the bound."""

MAX_DIGITS = 80
"""Characters of an integer's text. Models' files have 31 (a maximum length of 1e30); converting digits is quadratic."""

MAX_TEMPLATE_BYTES = 200_000
"""Size of a Jinja template's source: compiling takes about a second per 100 KB."""


def read_text(path: Path, max_bytes: int) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        DocumentError: it has more than `max_bytes`, or is not UTF-8.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise DocumentError(f"{path}: larger than {max_bytes:,} bytes")
    return decoded(content, str(path))


def decoded(content: bytes, name: str) -> str:
    """The text of UTF-8 bytes, without a byte order mark.

    Raises:
        DocumentError: they are not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{name}: not UTF-8 text (byte {error.start:,}); save it as UTF-8") from error
