"""Texts for Markdown, CSV and JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from duetbench.escaping.plain import INVISIBLE, one_line, plain_text

_MARKDOWN = re.compile(r"[\\|<>`]|^[#\[]|(?<=\])[(\[:]|(?i:(?<=\bwww)\.)|(?<=[\w.+-])@(?=\w)")
_LINKS = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp):")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


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
    return INVISIBLE.sub(lambda found: json.dumps(found[0])[1:-1], text)
