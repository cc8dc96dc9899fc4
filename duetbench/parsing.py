"""Reads tagged fields and ratings out of a model's answer. What cannot be read is None, never a guess.

Rules for tags, the same everywhere:

- Upper and lower case, blanks inside the angle brackets and code fences do not matter; text outside the tags neither.
- What a model thinks (`<think>...</think>`) is no answer; a thought that never ends leaves no answer.
- The last complete occurrence wins, as in the DUET authors' code: a model that corrects itself means the correction.
- A field runs from its opening tag to the first closing tag. A second closing tag behind it (an echoed review that
  itself contains `</profile>`) makes the field ambiguous, and an ambiguous field is no field.
- A block ends at its closing tag, at the next block's opening tag, or where the answer ends; its fields must be closed.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Sequence

from duetbench.types import Completion, Prompt, Status

_THOUGHT = re.compile(r"<\s*think\s*>.*?(?:<\s*/\s*think\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_END_OF_THOUGHT = re.compile(r"\A.*<\s*/\s*think\s*>", re.IGNORECASE | re.DOTALL)
_FENCE = re.compile(r"^[ \t]*```[\w-]*[ \t]*$", re.MULTILINE)
_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"'})
_LENIENT = json.JSONDecoder(strict=False)
_REPEATS = 5
_MOST_BRACES = 100
_MOST_REPAIRED = 20_000
_RATING = re.compile(r"<\s*rating\s*>\s*([^<]*?)\s*(?:<\s*/\s*rating\s*>|\Z)", re.IGNORECASE)
_TWO_DECIMALS = re.compile(r"[0-9]{1,3}\.[0-9]{2}")
_ANY_NUMBER = re.compile(r"[0-9]{1,3}(?:\.[0-9]+)?")
_REFUSAL = re.compile(
    r"\b(?:i\s*(?:'|\u2019)?\s*(?:am|m)\s+(?:very\s+)?(?:sorry|unable|not\s+able)"
    r"|i\s+(?:can\s*(?:'|\u2019)?\s*t|can\s?not|could\s?n(?:'|\u2019)t|wo\s?n(?:'|\u2019)t|will\s+not)\s+"
    r"(?:help|assist|provide|do|answer|comply|create|generate|write|fulfil|predict|give|rate)"
    r"|as\s+an?\s+(?:ai|artificial)\b)",
    re.IGNORECASE,
)


def answer_of(text: str) -> str:
    """The answer without thoughts and without the marks of code fences."""
    text = _THOUGHT.sub("", text)
    text = _END_OF_THOUGHT.sub("", text)  # some chat templates open the thought inside the prompt
    return _FENCE.sub("", text).strip()


def read_fields(text: str, names: Sequence[str], *, block: str | None = None) -> dict[str, str] | None:
    """The text of each tagged field, without its outer blanks.

    Args:
        text: A model's whole answer.
        names: The tags of the fields; all must be found.
        block: The tag around them; None: they stand by themselves.

    Returns:
        One entry per name, possibly empty; None if no occurrence of the block has all fields.
    """
    text = answer_of(text)
    spans = [text] if block is None else _blocks(text, block)
    for span in reversed(spans):
        fields = {name: _field(span, name, names) for name in names}
        if all(value is not None for value in fields.values()):
            return {name: value for name, value in fields.items() if value is not None}
    return None


def placeholders(prompt: Prompt, name: str) -> set[str]:
    """What stands between this tag in the prompt itself, casefolded: an answer that repeats it says nothing.

    Data cannot get here: the renderer lets no markup from a review through.
    """
    pattern = re.compile(rf"{_tag(name)}([^<]*){_tag(name, closing=True)}", re.IGNORECASE)
    return {text.strip().casefold() for message in prompt.messages for text in pattern.findall(message.content)}


def is_speech(text: str) -> bool:
    """Whether there is anything to read: a letter or a digit of any script."""
    return any(character.isalnum() for character in text)


def read_prose(text: str) -> str | None:
    """The answer as free text; None if it says nothing, declines, or ends in one phrase over and over."""
    prose = answer_of(text)
    return prose if is_speech(prose) and not is_refusal(prose) and not is_endless(prose) else None


def is_endless(text: str) -> bool:
    """Whether the text ends in one phrase of up to 40 words that stands there 5 times or more, 10 words at least."""
    words = text.casefold().split()
    for period in range(1, min(len(words) // _REPEATS, 40) + 1):
        length = max(_REPEATS * period, 10)
        end = words[-length:]
        if len(end) == length and end[period:] == end[:-period]:
            return True
    return False


def read_object(text: str, keys: Sequence[str]) -> dict[str, str] | None:
    """The texts under these keys of a JSON object, in lower case.

    Fences, words around the object, trailing commas, typographic quotes, Python's single quotes, line breaks inside
    strings and a missing last brace are forgiven. Of several objects the last one that has the keys wins.

    Args:
        text: A model's whole answer.
        keys: In lower case; those that the object lacks, or that hold no text, are left out.

    Returns:
        None if there is no object, or the first key is not among its texts.
    """
    answer = answer_of(text)
    for found in (*reversed(_objects(answer)), _repaired(answer)):
        texts = _texts(found or {}, keys)
        if keys[0] in texts:
            return texts
    return None


def read_rating(text: str, labels: Sequence[int], *, decimals: str = "two") -> float | None:
    """The rating between `<rating>` tags.

    Args:
        text: A model's whole answer; the closing tag may be missing at its very end, where a stop text cut it off.
        labels: The scale, ascending.
        decimals: `two`: `d.dd` alone, as the DUET authors' training; `any`: whole numbers and other decimals too.

    Returns:
        None if there is none, if one is malformed or outside the scale, or if two say different things.
    """
    found = [match.strip() for match in _RATING.findall(answer_of(text))]
    pattern = _TWO_DECIMALS if decimals == "two" else _ANY_NUMBER
    if not found or not all(pattern.fullmatch(value) for value in found):
        return None
    values = {float(value) for value in found}
    value = values.pop()
    return value if not values and labels[0] <= value <= labels[-1] else None


def why_unreadable(completion: Completion, *, prefill: str = "") -> Status:
    """Why an answer that could not be read could not be read.

    Args:
        completion: What came back.
        prefill: The part of it that the model was given.
    """
    if completion.status != "ok":
        return completion.status
    written = answer_of(completion.text.removeprefix(prefill))
    if not written:
        return "empty"
    return "refused" if is_refusal(written) else "unreadable"


def is_refusal(text: str) -> bool:
    """Whether an answer begins (its first 200 characters) as models begin when they decline, in English."""
    return _REFUSAL.search(answer_of(text)[:200]) is not None


def _objects(text: str) -> list[dict[str, object]]:
    """The JSON objects that stand in the text, in order; those inside another one apart are left out."""
    found: list[dict[str, object]] = []
    place = text.find("{")
    for _ in range(_MOST_BRACES):
        if place < 0:
            break
        try:
            value, end = _LENIENT.raw_decode(text, place)
        except (ValueError, RecursionError):
            value, end = None, place + 1
        if isinstance(value, dict):
            found.append(value)
        place = text.find("{", end)
    return found


def _repaired(text: str) -> dict[str, object] | None:
    """What stands from the first brace on, read as JSON or as a Python literal after common slips are mended."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or len(text) > _MOST_REPAIRED:
        return None
    body = text[start : end + 1] if end > start else text[start:] + "}"
    body = re.sub(r",(\s*\})", r"\1", body.translate(_QUOTES))
    for read in (_LENIENT.decode, _literal):
        try:
            value = read(body)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, dict):
            return value
    return None


def _literal(text: str) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a backslash before any letter is a warning of Python's compiler
        return ast.literal_eval(text)


def _texts(found: dict[str, object], keys: Sequence[str]) -> dict[str, str]:
    named = {str(key).strip().casefold(): value for key, value in found.items()}
    texts = {key: value.strip() for key in keys if isinstance(value := named.get(key), str)}
    return {key: text for key, text in texts.items() if is_speech(text)}


def _tag(name: str, *, closing: bool = False) -> str:
    return rf"<\s*{'/' if closing else ''}\s*{re.escape(name)}\s*>"


def _blocks(text: str, block: str) -> list[str]:
    """What follows each opening tag of the block, up to its end."""
    marks = re.compile(rf"(?P<own>{_tag(block)})|{_tag(block, closing=True)}|<\s*\w+_profile\s*>", re.IGNORECASE)
    found = list(marks.finditer(text))
    starts = [*(match.start() for match in found), len(text)]
    return [text[match.end() : end] for match, end in zip(found, starts[1:], strict=True) if match["own"]]


def _field(span: str, name: str, names: Sequence[str]) -> str | None:
    """The last complete occurrence of a field; None if there is none, or if it is closed twice."""
    any_tag = "|".join(_tag(each) for each in names)
    pattern = re.compile(
        rf"{_tag(name)}((?:(?!{any_tag}|{_tag(name, closing=True)}).)*){_tag(name, closing=True)}",
        re.IGNORECASE | re.DOTALL,
    )
    found = list(pattern.finditer(span))
    if not found:
        return None
    rest = span[found[-1].end() :]
    closed_again = re.search(_tag(name, closing=True), rest, re.IGNORECASE)
    return None if closed_again else found[-1][1].strip()
