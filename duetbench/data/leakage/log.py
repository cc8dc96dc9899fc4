"""Reads prompt logs: JSON lines from any source, or a cell's folder of `duetbench run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from duetbench.documents.json_text import parse_json
from duetbench.errors import DataError, DocumentError

PURPOSES = ("evaluate", "train", "distill", "select")
_PURPOSE_OF_PHASE = {"profiles": "evaluate", "ratings": "evaluate"}


@dataclass(frozen=True, slots=True)
class LoggedPrompt:
    """One prompt with its purpose."""

    where: str
    """File and line."""
    text: str
    """The contents of all messages, joined by line breaks."""
    requests: tuple[str, ...] = ()
    """Request ids `SPLIT:ROW`; () if the log has none."""
    key: str = ""
    purpose: str = "evaluate"
    """evaluate, train (an update), distill (a target is shown), select (a checkpoint is selected)."""


def read_log(path: Path) -> list[LoggedPrompt]:
    """All prompts of a log.

    A file has one JSON object per line: `text`, or `messages` (role and content); optionally `requests` (ids) or
    `request_id`, `key`, and `purpose`. A folder is that of a cell, with its prompts and answers.

    Raises:
        DataError: the log does not exist or cannot be read, or a line is not a prompt.
    """
    if path.is_dir():
        return list(_read_cell(path))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read as a prompt log: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a prompt log, which must be UTF-8: {error}") from error
    return [_parse_line(line, f"{path.name} line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _parse_line(line: str, location: str) -> LoggedPrompt:
    try:
        entry: Mapping[str, Any] = parse_json(line, name=location)
        requests = entry.get("requests", entry.get("request_id", ()))
        purpose = str(entry.get("purpose", _PURPOSE_OF_PHASE.get(str(entry.get("phase")), "evaluate")))
        prompt = LoggedPrompt(
            location,
            entry["text"] if "text" in entry else _join(entry["messages"]),
            (requests,) if isinstance(requests, str) else tuple(map(str, requests)),
            str(entry.get("key", "")),
            purpose,
        )
    except DocumentError as error:
        raise DataError(str(error)) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{location}: expected a JSON object with `text`, or `messages` with role and content"
        ) from error
    if purpose not in PURPOSES:
        raise DataError(f"{location}: no purpose named '{purpose}'; known: {', '.join(PURPOSES)}")
    return prompt


def _join(messages: list[Mapping[str, str]]) -> str:
    return "\n".join(message["content"] for message in messages)


def _lines_of(path: Path) -> list[Any]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [parse_json(line, name=f"{path.name} line {number}") for number, line in enumerate(lines, 1)]


def _read_cell(folder: Path) -> Iterator[LoggedPrompt]:
    """The prompts of a cell, with the request ids that its answers name."""
    try:
        prompts = pl.read_parquet(folder / "prompts.parquet", glob=False)
        answers = _lines_of(folder / "answers.jsonl")
    except (OSError, UnicodeDecodeError, DocumentError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{folder} is not a cell's folder with prompts.parquet and answers.jsonl: {error}") from error
    requests: dict[tuple[str, str], list[str]] = {}
    for answer in answers:
        requests.setdefault((answer["phase"], answer["key"]), []).extend(answer["requests"])
    for phase, key, turns in prompts.select("phase", "key", "turns").iter_rows():
        ids = tuple(dict.fromkeys(requests.get((phase, key), ())))
        yield LoggedPrompt(f"{folder.name} {phase} {key}", _join(parse_json(turns, name=key)), ids, key)
