"""Writes what a prompt asks for, in form: the tags, JSON keys or lines that it shows, filled with made-up words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

_TAG = re.compile(r"<(/?)([a-z][a-z0-9_-]*)>")
_KEY = re.compile(r"[\"']([A-Za-z][A-Za-z0-9_ -]*)[\"']\s*:")
_LINE = re.compile(r"((?:\d+\.|[-*])? *)([A-Za-z][A-Za-z ]*): *(.+)")
_NUMBER = ("rating", "score", "stars")
WORDS = (
    *("warm", "sharp", "patient", "loud", "early", "rare", "simple", "bright", "heavy", "plain"),
    *("voices", "rhythms", "stories", "guitars", "endings", "details", "moods", "covers", "themes", "rooms"),
)

Draw = Callable[[int], int]
"""A number in [0, n): deterministic, one after the other."""


@dataclass
class _Node:
    tag: str
    children: list[_Node] = field(default_factory=list)


def well_formed_answer(prompt: str, draw: Draw) -> str:
    """An answer in the form that the prompt asks for; plain words if it shows no tags, JSON keys or lines."""
    forest = _skeleton(prompt)
    if forest:
        return "\n".join(_fill(node, draw) for node in forest)
    keys = list(dict.fromkeys(_KEY.findall(prompt)))
    if keys:
        return json.dumps({key: leaf(key, draw) for key in keys})
    lines = _shown_lines(prompt)
    if lines:
        return "\n".join(_fill_line(match, draw) for match in lines)
    return leaf("text", draw)


def continue_prefill(prefill: str, answer: str, draw: Draw) -> str:
    """The answer from `prefill` on: what is open there is filled and closed, and the rest of `answer` follows."""
    if answer.startswith(prefill):
        return answer
    opened = _open_tags(prefill)
    if not opened:
        return prefill + answer
    text = prefill + leaf(opened[-1], draw) + f"</{opened[-1]}>"
    end = answer.find(f"</{opened[-1]}>")
    return text + answer[end + len(opened[-1]) + 3 :] if end >= 0 else text


def leaf(name: str, draw: Draw) -> str:
    """A field's content: a rating where the name speaks of one, else a few words."""
    if any(part in name.lower() for part in _NUMBER):
        return f"{1 + draw(401) / 100:.2f}"
    return " ".join(WORDS[draw(len(WORDS))] for _ in range(6))


def _fill(node: _Node, draw: Draw) -> str:
    inner = "".join(_fill(child, draw) for child in node.children) or leaf(node.tag, draw)
    return f"<{node.tag}>{inner}</{node.tag}>"


def _shown_lines(prompt: str) -> list[re.Match[str]]:
    """The lines `caption: content` with which the prompt ends, behind a line that ends in a colon."""
    lines = prompt.rstrip().splitlines()
    start = max((n for n, line in enumerate(lines) if line.endswith(":")), default=len(lines))
    found = [_LINE.fullmatch(line.strip()) for line in lines[start + 1 :]]
    return [match for match in found if match] if all(found) else []


def _fill_line(match: re.Match[str], draw: Draw) -> str:
    """The caption kept, or made up if it is a placeholder in capitals; quoted content stays quoted."""
    lead, caption, content = match.groups()
    caption = WORDS[draw(len(WORDS))] if caption.isupper() else caption
    return f'{lead}{caption}: "{leaf(caption, draw)}"' if '"' in content else f"{lead}{caption}: {leaf(caption, draw)}"


def _skeleton(prompt: str) -> list[_Node]:
    """The tags that are opened and closed in the prompt, each once, nested as they stand there."""
    forest: dict[str, _Node] = {}
    parents: list[tuple[int, _Node]] = []
    for _, end, name in sorted(_closed_spans(prompt)):
        node = _Node(name)
        while parents and parents[-1][0] < end:
            parents.pop()
        if not parents:
            forest[name] = node  # what stands last is the form; what came before spoke of it
        elif all(child.tag != name for child in parents[-1][1].children):
            parents[-1][1].children.append(node)
        parents.append((end, node))
    return list(forest.values())


def _closed_spans(prompt: str) -> list[tuple[int, int, str]]:
    """Start, end and name of each tag that is closed: a closing tag goes with the nearest opening one."""
    opened: list[tuple[int, str]] = []
    spans: list[tuple[int, int, str]] = []
    for match in _TAG.finditer(prompt):
        name = match[2]
        if not match[1]:
            opened.append((match.start(), name))
        elif any(name == other for _, other in opened):
            while opened[-1][1] != name:  # opened in prose and never closed
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
