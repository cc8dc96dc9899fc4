"""Makes the texts of others inert in an output: one function for each of terminal, Markdown, CSV and JSON.

Labels, names, titles, reviews and messages of servers may hold anything. HTML is escaped by the templates of
`duetbench.leaderboard.report`, which use `plain_text` for what remains.
"""

from __future__ import annotations

import json
import re
from typing import Any

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but line break and tab: escape sequences begin with them
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they change the direction of the text that follows
    "\u2028\u2029\u2060-\u2064\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    "\ud800-\udfff]"  # halves of a character, which no encoding can write
)
_ELLIPSIS = "..."
_MARKDOWN = re.compile(r"[\\|<>`]|^[#\[]|(?<=\])[(\[:]|(?i:(?<=\bwww)\.)|(?<=[\w.+-])@(?=\w)")
_LINKS = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp):")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def plain_text(text: str) -> str:
    """The text with its line breaks and tabs, each other control or invisible character as one visible sign."""
    return _INVISIBLE.sub(lambda found: _sign(found[0]), text.replace("\r\n", "\n"))


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


def markdown_text(text: str) -> str:
    """The text in one line for Markdown: no table, tag, code, heading, link or address that becomes a link."""
    return _LINKS.sub(r"\1\\:", _MARKDOWN.sub(r"\\\g<0>", one_line(text)))


def csv_text(text: str) -> str:
    """The text for a cell of a spreadsheet: none that begins like a formula, unless it is a number."""
    plain = plain_text(text)
    is_formula = text.startswith(_FORMULA) or plain.lstrip().startswith(_FORMULA)
    return f"'{plain}" if is_formula and not _NUMBER.fullmatch(plain) else plain


def json_text(content: Any, *, indent: int | None = None) -> str:
    """The value as JSON, with escapes for all characters that a terminal would obey; nothing is lost.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)
    return _INVISIBLE.sub(lambda found: json.dumps(found[0])[1:-1], text)
