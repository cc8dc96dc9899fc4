"""Renders prompt files. Every prompt text is a file `SET/NAME.md.jinja`; none is a string in code.

A file has one section per turn, headed by a line `[[system]]`, `[[user]]` or `[[assistant]]`. Sections are split
before rendering, so that data cannot open a turn. The value of an expression is data and is cleaned: control and
private-use characters are removed, `<` and `>` become single guillemets, so that no review can close a tag or write a
special token. Lines of a history are wrapped in `{% call droppable(age) %}...{% endcall %}`: where a prompt does not
fit, these spans are dropped in the order of falling age, oldest first.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import StrictUndefined, Template, TemplateError

from duetbench.digests import digest_of_file
from duetbench.documents.bounds import MAX_TEMPLATE_BYTES, read_text
from duetbench.errors import ConfigError, DocumentError, UnknownName
from duetbench.prompts.bounded import BoundedEnvironment, budget, charge, line_of
from duetbench.types import Message, Prompt, Side, Slot

FOLDER = Path(__file__).parent
SETS = ("default", "compact")

_SECTION = re.compile(r"^\[\[(system|user|assistant)\]\]\s*$", re.MULTILINE)
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ue000-\uf8ff\ud800-\udfff"
    r"\U000e0000-\U000e007f]"  # the last range are tag characters: models read them, people do not see them
)
_MAX_FAULT = 300
# Private-use characters mark droppable spans while a template renders; data never contains them, see _FORBIDDEN.
_OPEN, _AGE, _CLOSE = "\ue000", "\ue001", "\ue002"
_SPAN = re.compile(f"{_OPEN}(\\d+){_AGE}(.*?){_CLOSE}", re.DOTALL)


def clean(text: str) -> str:
    """Untrusted text made safe for a prompt: no markup, no invisible characters, single spaces."""
    text = _FORBIDDEN.sub(" ", text).replace("<", "\u2039").replace(">", "\u203a")
    return re.sub(r"[ \t]+", " ", text)


def cut(text: str, limit: int) -> str:
    """The first `limit` characters of the text in one line, followed by `...` if it was longer; 0: no limit."""
    line = " ".join(text.split())
    return line if limit <= 0 or len(line) <= limit else line[:limit].rstrip() + "..."


def render(name: str, prompt_set: str, /, **values: Any) -> tuple[Message, ...]:
    """The turns of a prompt.

    Args:
        name: `duet_paired`, ...; or a path to the user's own file, ending in `.jinja`.
        prompt_set: One of `SETS`; a prompt that the set lacks is taken from `default`.
        values: The template's variables; a missing one is an error, never an empty string.

    Raises:
        UnknownName: no such prompt.
        ConfigError: the template is invalid, or too expensive (see `bounded`).
    """
    return _rendered(f"prompt {name}", _source(template_path(name, prompt_set)), values)


def render_text(source: str, /, **values: Any) -> tuple[Message, ...]:
    """The turns of a prompt given as a template string, for single-file plugins; see `render`."""
    return _rendered("prompt", source, values)


def template_path(name: str, prompt_set: str) -> Path:
    """The path of a prompt's file.

    Raises:
        UnknownName: no such prompt.
        ConfigError: `name` is a path to a file that does not exist.
    """
    if name.endswith(".jinja"):
        path = Path(name)
        if not path.is_file():
            raise ConfigError([f"prompt {name}: no such file"])
        return path
    for candidate in (prompt_set, "default"):
        path = FOLDER / candidate / f"{name}.md.jinja"
        if path.is_file():
            return path
    known = {path.name.removesuffix(".md.jinja") for path in FOLDER.glob("*/*.md.jinja")}
    raise UnknownName("prompt", name, known)


def template_digest(name: str, prompt_set: str) -> str:
    """SHA-256 of the prompt file's bytes, which every record holds."""
    return digest_of_file(template_path(name, prompt_set))


def prompt_key(messages: Sequence[Message], prefill: str = "", response_template: Sequence[Slot] = ()) -> str:
    """A digest of a prompt's content; prompts with equal keys are the same prompt."""
    digest = hashlib.sha256()
    for part in (*((message.role, message.content) for message in messages), prefill, tuple(response_template)):
        digest.update(repr(part).encode())
    return digest.hexdigest()[:32]


def unique_prompts(
    side: Side,
    messages: Iterable[tuple[int, tuple[Message, ...]]],
    *,
    prefill: str = "",
    response_template: Sequence[Slot] = (),
) -> list[Prompt]:
    """One prompt per distinct content, in order of first appearance.

    Args:
        side: The side that the answers describe.
        messages: The position of a request and the messages of its prompt.
        prefill: See `Prompt`.
        response_template: See `Prompt`.
    """
    unique: dict[str, tuple[tuple[Message, ...], list[int]]] = {}
    for position, turns in messages:
        positions = unique.setdefault(prompt_key(turns, prefill, response_template), (turns, []))[1]
        if position not in positions[-1:]:  # a request may need the same prompt twice
            positions.append(position)
    return [
        Prompt(key, side, turns, tuple(positions), prefill, tuple(response_template))
        for key, (turns, positions) in unique.items()
    ]


def _finalize(value: Any) -> Any:
    charge(value)
    return clean(value) if isinstance(value, str) and not isinstance(value, _Raw) else value


class _Raw(str):
    """Text that the renderer produced itself and must not clean again."""


def _droppable(age: int, caller: Any) -> str:
    return _Raw(f"{_OPEN}{int(age)}{_AGE}{caller()}{_CLOSE}")


@lru_cache(maxsize=1)
def _environment() -> BoundedEnvironment:
    environment = BoundedEnvironment(
        undefined=StrictUndefined, finalize=_finalize, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters["cut"] = cut
    environment.globals["droppable"] = _droppable
    return environment


@lru_cache(maxsize=64)
def _source(path: Path) -> str:
    try:
        return read_text(path, MAX_TEMPLATE_BYTES)
    except OSError as error:
        raise ConfigError([f"prompt {path}: cannot be read ({error.strerror or error})"]) from error
    except DocumentError as error:
        raise ConfigError([f"prompt {error}"]) from error


class _Section(NamedTuple):
    """One turn of a prompt."""

    role: Any
    source: str
    first_line: int
    """The line of the file at which it begins, from 1."""


def _rendered(origin: str, source: str, values: dict[str, Any]) -> tuple[Message, ...]:
    return tuple(_turn(origin, section, values) for section in _sections(origin, source))


def _turn(origin: str, section: _Section, values: dict[str, Any]) -> Message:
    try:
        with budget():
            return _message(section.role, _compiled(section.source).render(**values))
    except Exception as error:  # a template is its author's program: it may divide by zero or recurse without end
        line = line_of(error, section.first_line)
        place = f"{origin}: line {line}" if line else f"{origin}: the section from line {section.first_line}"
        text = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())
        fault = text if isinstance(error, TemplateError) else f"{type(error).__name__}: {text}"
        raise ConfigError([f"{place}: {fault[:_MAX_FAULT]}"]) from error


@lru_cache(maxsize=64)
def _compiled(source: str) -> Template:
    return _environment().from_string(source)


@lru_cache(maxsize=64)
def _sections(origin: str, source: str) -> tuple[_Section, ...]:
    heads = list(_SECTION.finditer(source))
    if not heads or source[: heads[0].start()].strip():
        raise ConfigError([f"{origin}: must begin with a line [[system]], [[user]] or [[assistant]]"])
    ends = [*(head.start() for head in heads[1:]), len(source)]
    return tuple(_section(head, source[head.end() : end]) for head, end in zip(heads, ends, strict=True))


def _section(head: re.Match[str], body: str) -> _Section:
    text = body.lstrip("\n")
    first_line = 1 + head.string.count("\n", 0, head.end()) + len(body) - len(text)
    return _Section(head[1], text.rstrip("\n"), first_line)


def _message(role: Any, rendered: str) -> Message:
    """The turn without span marks; its droppable spans by descending age, then by position."""
    content: list[str] = []
    spans: list[tuple[int, int, int]] = []
    length = end = 0
    for match in _SPAN.finditer(rendered):
        for piece in (rendered[end : match.start()], match[2]):
            content.append(piece)
            length += len(piece)
        spans.append((-int(match[1]), length - len(match[2]), length))
        end = match.end()
    content.append(rendered[end:])
    return Message(role, "".join(content), tuple((start, stop) for _, start, stop in sorted(spans)))
