"""Answers in the format that a prompt shows: its tags, JSON keys or lines, filled with synthetic words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

_TAG = re.compile(r"<(/?)([a-z][a-z0-9_-]*)>")
_KEY = re.compile(r"[\"']([A-Za-z][A-Za-z0-9_ -]*)[\"']\s*:")
_LINE = re.compile(r"((?:\d+\.|[-*])? *)([A-Za-z][A-Za-z ]*): *(.+)")
_RATING_NAMES = ("rating", "score", "stars")
WORDS = (
    *("warm", "sharp", "patient", "loud", "early", "rare", "simple", "bright", "heavy", "plain"),
    *("voices", "rhythms", "stories", "guitars", "endings", "details", "moods", "covers", "themes", "rooms"),
)

Draw = Callable[[int], int]
"""Returns the next number in [0, n) of a deterministic sequence."""


@dataclass
class _Node:
    tag: str
    children: list[_Node] = field(default_factory=list)


def well_formed_answer(prompt: str, draw: Draw) -> str:
    """An answer in the format that the prompt shows; plain words if it shows no tags, JSON keys or lines."""
    nodes = _tag_tree(prompt)
    if nodes:
        return "\n".join(_fill(node, draw) for node in nodes)
    keys = list(dict.fromkeys(_KEY.findall(prompt)))
    if keys:
        return json.dumps({key: field_content(key, draw) for key in keys})
    lines = _shown_lines(prompt)
    if lines:
        return "\n".join(_fill_line(match, draw) for match in lines)
    return field_content("text", draw)


def continue_prefill(prefill: str, answer: str, draw: Draw) -> str:
    """The prefill, continued: its open tag is filled and closed, and the rest of `answer` follows."""
    if answer.startswith(prefill):
        return answer
    open_tags = _open_tags(prefill)
    if not open_tags:
        return prefill + answer
    text = prefill + field_content(open_tags[-1], draw) + f"</{open_tags[-1]}>"
    end = answer.find(f"</{open_tags[-1]}>")
    return text + answer[end + len(open_tags[-1]) + 3 :] if end >= 0 else text


def field_content(name: str, draw: Draw) -> str:
    """A field's content: a rating if the name contains `rating`, `score` or `stars`, else a few words."""
    if any(part in name.lower() for part in _RATING_NAMES):
        return f"{1 + draw(401) / 100:.2f}"
    return " ".join(WORDS[draw(len(WORDS))] for _ in range(6))


def _fill(node: _Node, draw: Draw) -> str:
    inner = "".join(_fill(child, draw) for child in node.children) or field_content(node.tag, draw)
    return f"<{node.tag}>{inner}</{node.tag}>"


def _shown_lines(prompt: str) -> list[re.Match[str]]:
    """The lines `caption: content` at the end of the prompt, after its last line that ends in a colon."""
    lines = prompt.rstrip().splitlines()
    start = max((n for n, line in enumerate(lines) if line.endswith(":")), default=len(lines))
    matches = [_LINE.fullmatch(line.strip()) for line in lines[start + 1 :]]
    return [match for match in matches if match] if all(matches) else []


def _fill_line(match: re.Match[str], draw: Draw) -> str:
    """The line with other content; a caption in capitals is a placeholder and is replaced, quotes are kept."""
    marker, caption, content = match.groups()
    caption = WORDS[draw(len(WORDS))] if caption.isupper() else caption
    quote = '"' if '"' in content else ""
    return f"{marker}{caption}: {quote}{field_content(caption, draw)}{quote}"


def _tag_tree(prompt: str) -> list[_Node]:
    """The tags that are opened and closed in the prompt, each once, nested as in the prompt."""
    roots: dict[str, _Node] = {}
    parents: list[tuple[int, _Node]] = []
    for _, end, name in sorted(_closed_spans(prompt)):
        node = _Node(name)
        while parents and parents[-1][0] < end:
            parents.pop()
        if not parents:
            roots[name] = node  # the last occurrence is the answer format, earlier ones describe it
        elif all(child.tag != name for child in parents[-1][1].children):
            parents[-1][1].children.append(node)
        parents.append((end, node))
    return list(roots.values())


def _closed_spans(prompt: str) -> list[tuple[int, int, str]]:
    """Start, end and name of each closed tag; a closing tag belongs to the nearest opening one."""
    opened: list[tuple[int, str]] = []
    spans: list[tuple[int, int, str]] = []
    for match in _TAG.finditer(prompt):
        name = match[2]
        if not match[1]:
            opened.append((match.start(), name))
        elif any(name == other for _, other in opened):
            while opened[-1][1] != name:  # named in the text and never closed
                opened.pop()
            spans.append((opened.pop()[0], match.end(), name))
    return spans


def _open_tags(text: str) -> list[str]:
    stack: list[str] = []
    for slash, name in _TAG.findall(text):
        if not slash:
            stack.append(name)
        elif name in stack:
            while stack.pop() != name:
                continue
    return stack
