"""Removes markup from the texts of items, and titles that are scraped code of a web page."""

from __future__ import annotations

import html
from html.entities import html5

import polars as pl

_SCRIPT = r"(?is)<(?:script|style)\b.*?(?:</(?:script|style)>|$)"
_TAG = r"(?s)</?[a-zA-Z!][^<>]*>"
_NAMES = "br|hr|em|li|ol|ul|td|th|tr|div|img|span|font|form|input|link|meta|strong|table|iframe|h[1-6]"
_UNCLOSED_TAG = rf"(?is)<(?:/?[a-z][a-z0-9]*\s+[a-z-]+\s*=|/?(?:{_NAMES})\s*/?$|!--|!doctype\b)[^<>]*$"
"""A tag at the end of a text that was cut off: it has an attribute, or a name that no title has."""
_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});"
_CODE = "|".join(
    (
        r"\bvar\s+[\w$]+\s*=",
        r"\bfunction\s*[\w$]*\s*\([\w$,\s]*\)\s*\{",
        r"\bnew\s+Date\s*\(\s*\)",
        r"\b(?:document|window|jQuery)\.[a-zA-Z]\w*\s*[.(=]",
        r"\bif\s*\(\s*(?:typeof|window|document)\b",
        r"\{\s*(?:background|border|color|display|float|font|height|margin|overflow|padding|position|text|width)[a-z-]*:",
        r"\b(?:class|href|id|style)=[\"']",
    )
)
"""JavaScript, CSS or an attribute of a tag, as no title has them."""


def has_markup(titles: pl.Series) -> pl.Series:
    """Whether a title has tags or entities."""
    return titles.str.contains(f"{_TAG}|{_ENTITY}|{_UNCLOSED_TAG}")


def find_entities(texts: pl.Series) -> dict[str, str]:
    """The character of each HTML entity that occurs in the texts; unknown names are not entities."""
    found = texts.str.extract_all(_ENTITY).explode().drop_nulls().unique(maintain_order=True)
    return {entity: character for entity in found if (character := _character(entity)) != entity}


def _character(entity: str) -> str:
    # html.unescape also decodes prefixes of names, such as the &not of &notes;.
    return html.unescape(entity) if entity.startswith("&#") else html5.get(entity[1:], entity)


def without_markup(text: pl.Expr, entities: dict[str, str]) -> pl.Expr:
    """The text on one line, without tags and scripts, entities decoded once."""
    for pattern in (_SCRIPT, _TAG, _UNCLOSED_TAG):
        text = text.str.replace_all(pattern, " ")
    if entities:
        text = text.str.replace_many(entities)
    return text.str.replace_all(r"\s+", " ").str.strip_chars()


def is_code(title: pl.Expr) -> pl.Expr:
    """Whether a title without markup is code."""
    return title.str.contains(_CODE)
