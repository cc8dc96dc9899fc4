"""Texts of items: markup, entities, and titles that are scraped code."""

from __future__ import annotations

import polars as pl
import pytest

from duetbench.data.readers.validation import ITEM_SCHEMA, RowCounts, SourceLocation, validate_items

JUNK = "title of HTML or JavaScript, emptied"


def validated(title: str, **other: object) -> tuple[pl.DataFrame, RowCounts]:
    row_counts = RowCounts()
    row = {"item_id": "I", "title": title, "categories": [], "description": ""} | other
    frame = pl.DataFrame([row], schema=ITEM_SCHEMA)
    return validate_items(frame, row_counts, SourceLocation("meta.json", 1)), row_counts


@pytest.mark.parametrize(
    "title",
    [
        '<span class="a-size-medium a-color-secondary"',
        "<span class=&quot;a-size-base&quot;",
        "var aPageStart = (new Date()).getTime();",
        "var aPageStart = (new Date()).getTime();\nvar ue_t0=ue_t0||+new Date();",
        'if (typeof uet == "function") { uet("bb"); }',
        "(function(a,b){ a.x = b; })(window)",
        "document.write('x')",
        ".nav-line { color: #fff; }",
        "<!DOCTYPE html",
        "<!-- a comment",
        "<img src='x.png'>",
        "<script>var x</script>",
        "&nbsp;",
    ],
)
def test_code_and_bare_markup_are_no_titles(title: str) -> None:
    items, row_counts = validated(title)
    assert items["title"].to_list() == [""]
    assert row_counts.noted == {JUNK: 1}


@pytest.mark.parametrize(
    "title",
    [
        "I <3 You", "x < y", "a > b", "Function (Remix)", "R&B; Hits", "Rock & Roll", "Let X = 10", "Class of '99",
        "JavaScript: The Good Parts", "Var = Love", "Remix {feat: X}", "Window.Shopping", "If (You Leave)", "new Date",
        "The Document. A Novel", "&notes;",
    ],
)  # fmt: skip
def test_ordinary_titles_are_unchanged(title: str) -> None:
    items, row_counts = validated(title)
    assert items["title"].to_list() == [title]
    assert JUNK not in row_counts.noted


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("F&ecirc;te &amp; Caf&#233; &#xe9;t&eacute;", "F\u00eate & Caf\u00e9 \u00e9t\u00e9"),
        ("B&rsquo;gosh &#34;x&#34;&nbsp;y", 'B\u2019gosh "x" y'),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("<b>Bold</b> move", "Bold move"),
        ("Nice Album <br", "Nice Album"),
        ('Nice Album <span class="a-size', "Nice Album"),
    ],
)
def test_markup_is_removed_and_entities_are_decoded_once(title: str, text: str) -> None:
    items, row_counts = validated(title)
    assert items["title"].to_list() == [text]
    assert row_counts.noted == {"markup in a title": 1}


def test_other_texts_lose_their_markup_too() -> None:
    items, _ = validated(
        "T", categories=["</span></span>", "R&amp;B", None], description="<div class='x'>A &eacute; <a href="
    )
    assert items.row(0) == ("I", "T", ["R&B"], "A \u00e9")
