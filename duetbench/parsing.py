"""Parses tagged fields, JSON objects, free text and ratings from a model's answer; anything ambiguous is None.

Rules for tags, the same everywhere:

- Letter case, spaces inside the angle brackets, code fences and text outside the tags are ignored.
- Reasoning (`<think>...</think>`) is not part of the answer; an unclosed `<think>` leaves an empty answer.
- The last complete occurrence counts, as in the DUET authors' code: a model that corrects itself means the correction.
- A field extends from its opening tag to the first closing tag. If a second closing tag follows (an echoed review that
  itself contains `</profile>`), the field is ambiguous and counts as missing.
- A block ends at its closing tag, at the next block's opening tag or at the end of the answer; all its fields must be
  closed.

`parse_official_fields` and `parse_official_rating` have the rules of the code released with DUET instead.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Sequence

from duetbench.types import Completion, Prompt, Status

_REASONING = re.compile(r"<\s*think\s*>.*?(?:<\s*/\s*think\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_END_OF_REASONING = re.compile(r"\A.*<\s*/\s*think\s*>", re.IGNORECASE | re.DOTALL)
_FENCE = re.compile(r"^[ \t]*```[\w-]*[ \t]*$", re.MULTILINE)
_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"'})
_LENIENT = json.JSONDecoder(strict=False)
_MIN_REPEATS = 5
_MAX_BRACES = 100
_MAX_REPAIRED_CHARS = 20_000
_RATING = re.compile(r"<\s*rating\s*>\s*([^<]*?)\s*(?:<\s*/\s*rating\s*>|\Z)", re.IGNORECASE)
_TWO_DECIMALS = re.compile(r"-?[0-9]{1,3}\.[0-9]{2}")
_ANY_NUMBER = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]+)?")
_OFFICIAL_RATING = re.compile(r"<rating>\s*([1-4]\.\d\d|5\.00)\s*</rating>")
_REFUSAL = re.compile(
    r"\b(?:i\s*(?:'|\u2019)?\s*(?:am|m)\s+(?:very\s+)?(?:sorry|unable|not\s+able)"
    r"|i\s+(?:can\s*(?:'|\u2019)?\s*t|can\s?not|could\s?n(?:'|\u2019)t|wo\s?n(?:'|\u2019)t|will\s+not)\s+"
    r"(?:help|assist|provide|do|answer|comply|create|generate|write|fulfil|predict|give|rate)"
    r"|as\s+an?\s+(?:ai|artificial)\b)",
    re.IGNORECASE,
)


def strip_reasoning(text: str) -> str:
    """The answer without reasoning, code fence markers and surrounding whitespace."""
    text = _REASONING.sub("", text)
    text = _END_OF_REASONING.sub("", text)  # some chat templates put the opening <think> into the prompt
    return _FENCE.sub("", text).strip()


def parse_tagged_fields(text: str, names: Sequence[str], *, block: str | None = None) -> dict[str, str] | None:
    """The text of each tagged field, without surrounding whitespace.

    Args:
        text: A model's full answer.
        names: The tags of the fields; all of them are required.
        block: The tag that encloses them; None: they are not enclosed.

    Returns:
        One entry per name, possibly empty; None if no occurrence of the block has all fields.
    """
    text = strip_reasoning(text)
    spans = [text] if block is None else _blocks(text, block)
    for span in reversed(spans):
        fields = {name: _field(span, name, names) for name in names}
        if all(value is not None for value in fields.values()):
            return {name: value for name, value in fields.items() if value is not None}
    return None


def placeholder_texts(prompt: Prompt, tag: str) -> set[str]:
    """The casefolded texts inside this tag in the prompt itself; an answer that repeats one carries no information.

    Only texts of the prompt file can appear here: rendering removes markup from the data.
    """
    pattern = re.compile(rf"{_tag(tag)}([^<]*){_tag(tag, closing=True)}", re.IGNORECASE)
    return {text.strip().casefold() for message in prompt.messages for text in pattern.findall(message.content)}


def has_words(text: str) -> bool:
    """Whether the text contains a letter or a digit of any script."""
    return any(character.isalnum() for character in text)


def parse_free_text(text: str) -> str | None:
    """The answer as free text; None if it has no words, is a refusal or ends in a repeated phrase."""
    answer = strip_reasoning(text)
    return answer if has_words(answer) and not is_refusal(answer) and not is_repetitive(answer) else None


def is_repetitive(text: str) -> bool:
    """Whether the text ends in a phrase of up to 40 words, repeated at least 5 times and over at least 10 words."""
    words = text.casefold().split()
    for period in range(1, min(len(words) // _MIN_REPEATS, 40) + 1):
        length = max(_MIN_REPEATS * period, 10)
        end = words[-length:]
        if len(end) == length and end[period:] == end[:-period]:
            return True
    return False


def parse_json_object(text: str, keys: Sequence[str]) -> dict[str, str] | None:
    """The texts under these keys of a JSON object.

    Code fences, text around the object, trailing commas, typographic quotes, Python's single quotes, line breaks inside
    strings and a missing final brace are accepted. With several objects, the last one with the first key counts.

    Args:
        text: A model's full answer.
        keys: In lower case; the object's keys may have any case. A key that is missing or holds no text is left out.

    Returns:
        None if there is no object that holds a text under the first key.
    """
    answer = strip_reasoning(text)
    for candidate in (*reversed(_json_objects(answer)), _repaired_object(answer)):
        texts = _texts_of(candidate or {}, keys)
        if keys[0] in texts:
            return texts
    return None


def parse_rating(text: str, labels: Sequence[float], *, decimals: str = "two") -> float | None:
    """The rating between `<rating>` tags.

    Args:
        text: A model's full answer; the closing tag may be missing at its end, where a stop string removed it.
        labels: The scale, ascending.
        decimals: `two`: only `d.dd`, as in the DUET authors' training; `any`: also whole numbers and other decimals.

    Returns:
        None if there is no rating, if one is malformed or outside the scale, or if two ratings differ.
    """
    matches = [match.strip() for match in _RATING.findall(strip_reasoning(text))]
    pattern = _TWO_DECIMALS if decimals == "two" else _ANY_NUMBER
    if not matches or not all(pattern.fullmatch(match) for match in matches):
        return None
    values = {float(match) for match in matches}
    value = values.pop()
    return value if not values and labels[0] <= value <= labels[-1] else None


def parse_official_fields(text: str, names: Sequence[str], blocks: Sequence[str]) -> dict[str, dict[str, str]] | None:
    """The fields of each block by the rules of the code released with DUET.

    One scan from left to right, in any letter case, over the whole text, reasoning included. A block's tag makes it the
    current block until the next block tag; a field of the current block extends to the first closing tag of its name,
    whatever is in between; the last occurrence counts, empty ones too. Fields outside blocks are ignored.

    Args:
        text: A model's full answer.
        names: The tags of the fields; all of them are required in every block.
        blocks: The tags of the blocks.

    Returns:
        Text by block and field, without surrounding whitespace; None if a field of a block is missing.
    """
    tags = re.compile(
        rf"<(?P<block>{'|'.join(blocks)})>|(?P<end></(?:{'|'.join(blocks)})>)|<(?P<field>{'|'.join(names)})>",
        re.IGNORECASE | re.ASCII,
    )
    found: dict[str, dict[str, str]] = {block: {} for block in blocks}
    current: dict[str, str] | None = None
    position = 0
    while tag := tags.search(text, position):
        position = tag.end()
        if tag["block"] or tag["end"]:
            current = found[tag["block"].lower()] if tag["block"] else None
        elif current is not None:
            closing = re.compile(f"</{tag['field']}>", re.IGNORECASE | re.ASCII).search(text, position)
            if closing:
                current[tag["field"].lower()] = text[position : closing.start()].strip()
                position = closing.end()
    return found if all(len(fields) == len(names) for fields in found.values()) else None


def parse_official_rating(text: str) -> float | None:
    """The last rating from 1.00 to 5.00 with two decimals in closed lower-case `<rating>` tags; None if there is none.

    Malformed ratings are passed over, as in the code released with DUET.
    """
    ratings = _OFFICIAL_RATING.findall(text)
    return float(ratings[-1]) if ratings else None


def failure_status(completion: Completion, *, prefill: str = "") -> Status:
    """The status of a completion that could not be parsed.

    Args:
        completion: What the engine returned.
        prefill: The beginning of its text that was given to the model.
    """
    if completion.status != "ok":
        return completion.status
    generated = strip_reasoning(completion.text.removeprefix(prefill))
    if not generated:
        return "empty"
    return "refused" if is_refusal(generated) else "unreadable"


def is_refusal(text: str) -> bool:
    """Whether the first 200 characters of an answer contain an English phrase with which models decline."""
    return _REFUSAL.search(strip_reasoning(text)[:200]) is not None


def _json_objects(text: str) -> list[dict[str, object]]:
    """The outermost JSON objects of the text, in order."""
    objects: list[dict[str, object]] = []
    position = text.find("{")
    for _ in range(_MAX_BRACES):
        if position < 0:
            break
        try:
            value, end = _LENIENT.raw_decode(text, position)
        except (ValueError, RecursionError):
            value, end = None, position + 1
        if isinstance(value, dict):
            objects.append(value)
        position = text.find("{", end)
    return objects


def _repaired_object(text: str) -> dict[str, object] | None:
    """The text from the first brace, parsed as JSON or as a Python literal after common mistakes are repaired."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or len(text) > _MAX_REPAIRED_CHARS:
        return None
    body = text[start : end + 1] if end > start else text[start:] + "}"
    body = re.sub(r",(\s*\})", r"\1", body.translate(_QUOTES))
    for parse in (_LENIENT.decode, _parse_literal):
        try:
            value = parse(body)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, dict):
            return value
    return None


def _parse_literal(text: str) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's compiler warns about invalid escape sequences
        return ast.literal_eval(text)


def _texts_of(json_object: dict[str, object], keys: Sequence[str]) -> dict[str, str]:
    values = {str(key).strip().casefold(): value for key, value in json_object.items()}
    texts = {key: value.strip() for key in keys if isinstance(value := values.get(key), str)}
    return {key: text for key, text in texts.items() if has_words(text)}


def _tag(name: str, *, closing: bool = False) -> str:
    return rf"<\s*{'/' if closing else ''}\s*{re.escape(name)}\s*>"


def _blocks(text: str, block: str) -> list[str]:
    """The text after each opening tag of the block, up to the end of the block."""
    boundary = re.compile(rf"(?P<opening>{_tag(block)})|{_tag(block, closing=True)}|<\s*\w+_profile\s*>", re.IGNORECASE)
    matches = list(boundary.finditer(text))
    starts = [*(match.start() for match in matches), len(text)]
    return [text[match.end() : end] for match, end in zip(matches, starts[1:], strict=True) if match["opening"]]


def _field(span: str, name: str, names: Sequence[str]) -> str | None:
    """The last complete occurrence of a field; None if there is none, or if it is closed twice."""
    any_tag = "|".join(_tag(field) for field in names)
    pattern = re.compile(
        rf"{_tag(name)}((?:(?!{any_tag}|{_tag(name, closing=True)}).)*){_tag(name, closing=True)}",
        re.IGNORECASE | re.DOTALL,
    )
    matches = list(pattern.finditer(span))
    if not matches:
        return None
    remaining = span[matches[-1].end() :]
    closed_again = re.search(_tag(name, closing=True), remaining, re.IGNORECASE)
    return None if closed_again else matches[-1][1].strip()
