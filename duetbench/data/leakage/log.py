"""Reads logs of prompts: JSON lines of anybody's, or a cell's folder of `duetbench run`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from duetbench.errors import DataError

PURPOSES = ("evaluate", "train", "distill", "select")
_PURPOSE_OF_PHASE = {"profiles": "evaluate", "ratings": "evaluate"}


@dataclass(frozen=True, slots=True)
class LoggedPrompt:
    """One prompt and what it was asked for."""

    where: str
    """File and line."""
    text: str
    """All turns, one after the other."""
    requests: tuple[str, ...] = ()
    """Ids `SPLIT:ROW`; () if the log does not say."""
    key: str = ""
    purpose: str = "evaluate"
    """evaluate, train (an update), distill (a target is shown), select (a checkpoint is chosen)."""


def read_log(path: Path) -> list[LoggedPrompt]:
    """All prompts of a log.

    A file holds one JSON object a line: `text`, or `messages` (role and content); and, as far as known, `requests`
    (ids) or `request_id`, `key`, and `purpose`. A folder is a cell's, with its prompts and answers.

    Raises:
        DataError: there is no log, or a line is none.
    """
    if path.is_dir():
        return list(_from_cell(path))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read as a prompt log: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no prompt log, which is UTF-8: {error}") from error
    return [_prompt(line, f"{path.name} line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _prompt(line: str, where: str) -> LoggedPrompt:
    try:
        found: Mapping[str, Any] = json.loads(line)
        requests = found.get("requests", found.get("request_id", ()))
        purpose = str(found.get("purpose", _PURPOSE_OF_PHASE.get(str(found.get("phase")), "evaluate")))
        prompt = LoggedPrompt(
            where,
            found["text"] if "text" in found else _turns(found["messages"]),
            (requests,) if isinstance(requests, str) else tuple(map(str, requests)),
            str(found.get("key", "")),
            purpose,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: no logged prompt; it wants `text`, or `messages` with role and content") from error
    if purpose not in PURPOSES:
        raise DataError(f"{where}: no such purpose as '{purpose}'; known: {', '.join(PURPOSES)}")
    return prompt


def _turns(messages: list[Mapping[str, str]]) -> str:
    return "\n".join(message["content"] for message in messages)


def _from_cell(folder: Path) -> Iterator[LoggedPrompt]:
    """The prompts that a cell asked, with the requests that its answers name."""
    try:
        prompts = pl.read_parquet(folder / "prompts.parquet", glob=False)
        answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{folder} is no cell's folder with prompts.parquet and answers.jsonl: {error}") from error
    requests: dict[tuple[str, str], list[str]] = {}
    for answer in answers:
        requests.setdefault((answer["phase"], answer["key"]), []).extend(answer["requests"])
    for phase, key, turns in prompts.select("phase", "key", "turns").iter_rows():
        ids = tuple(dict.fromkeys(requests.get((phase, key), ())))
        yield LoggedPrompt(f"{folder.name} {phase} {key}", _turns(json.loads(turns)), ids, key)
