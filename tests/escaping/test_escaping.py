"""No payload reaches an output in a form that it obeys; what programs read is not changed."""

import json
import re

import pytest

from duetbench.escaping import csv_text, json_text, markdown_text, one_line, plain_text

PAYLOADS = {
    "colour": "\x1b[31mred",
    "terminal title": "\x1b]0;owned\x07",
    "8-bit escape": "\x9b31mred",
    "carriage return": "good\rbad",
    "backspace": "safe\x08\x08evil",
    "right to left": "abc\u202egnp.exe",
    "link of Markdown": "[click](javascript:alert(1))",
    "image of Markdown": "![x](http://evil.example/p.png)",
    "definition of a link": "[a]: http://evil.example",
    "address": "see https://evil.example or www.evil.example or me@evil.example",
    "tag": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "table": "a | b\n|---|",
    "code": "`rm -rf`",
    "formula": '=HYPERLINK("http://evil.example")',
    "formula of a sum": "+1+cmd|' /C calc'!A0",
    "formula of a function": "@SUM(1)",
    "formula after a tab": "\t=1+1",
    "formula after a line break": "\n=1+1",
    "half a character": "\ud800",
}
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_no_control_character_is_left(payload: str) -> None:
    for escaped in (plain_text(payload), one_line(payload), markdown_text(payload), csv_text(payload)):
        assert not CONTROL.search(escaped)
        escaped.encode()


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_json_holds_no_control_character_and_keeps_the_text(payload: str) -> None:
    text = json_text([payload])
    assert not CONTROL.search(text)
    assert json.loads(text) == [payload]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_markdown_is_rendered_as_the_text_itself(payload: str) -> None:
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("gfm-like", {"linkify": False}).enable("table").parseInline(markdown_text(payload))
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text", "text_special", "softbreak"}
    assert not re.search(r"(?<!\\)[|<>`]|https?://|www\.|\w@\w", markdown_text(payload))


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_no_cell_begins_like_a_formula(payload: str) -> None:
    assert not csv_text(payload).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_numbers_stay_numbers_in_csv() -> None:
    assert csv_text("-0.5") == "-0.5"


def test_control_characters_become_visible() -> None:
    assert plain_text("a\x1b[0m\x7f\u202e\n\tb") == "a␛[0m␡�\n\tb"


def test_ordinary_text_is_not_changed() -> None:
    text = "Δ MAE: -0.141 [-0.213, -0.070]* naïve 日本語 👩‍👩‍👧"
    assert plain_text(text) == one_line(text) == markdown_text(text) == csv_text(text) == text


def test_long_texts_are_cut() -> None:
    assert one_line("a  b\nc" + "d" * 10, 7) == "a b cdd..."
    assert one_line("x" * 150 + "end", 20, tail=3) == "x" * 12 + " ... end"
