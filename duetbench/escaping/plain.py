"""Texts for a terminal and for HTML: without control characters and changes of the direction of what follows."""

from __future__ import annotations

import re

INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but line break and tab: escape sequences begin with them
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they change the direction of the text that follows
    "\u2028\u2029\u2060-\u2064\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    "\ud800-\udfff]"  # halves of a character, which no encoding can write
)
"""Characters that act on what shows them instead of being shown."""
_ELLIPSIS = "..."


def plain_text(text: str) -> str:
    """The text with its line breaks and tabs, each other control or invisible character as one visible sign."""
    return INVISIBLE.sub(lambda found: _sign(found[0]), text.replace("\r\n", "\n"))


def _sign(character: str) -> str:
    """The control picture of an ASCII control character, such as `␛`; else the replacement character."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def one_line(text: str, limit: int | None = None, *, tail: int = 0) -> str:
    """The text in one line without control characters.

    Args:
        text: Any text.
        limit: Maximum number of characters, after which `...` follows; None: no limit.
        tail: Number of characters that are kept of the end of a longer text.
    """
    line = plain_text(" ".join(text.split()))
    if limit is None or len(line) <= limit:
        return line
    if tail:
        return f"{line[: limit - tail - len(_ELLIPSIS) - 2]} {_ELLIPSIS} {line[-tail:]}"
    return f"{line[:limit]}{_ELLIPSIS}"
