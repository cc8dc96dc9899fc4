"""What a cell leaves beside its record: every question, every answer, every profile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from duetbench.atomic import atomic_file, write_json_lines
from duetbench.runner.execute import CellState
from duetbench.runner.metering import LoggedRequest
from duetbench.types import Completion, Example, Profiles

ANSWERS = "answers.jsonl"
PROFILES = "profiles.parquet"
PROMPTS = "prompts.parquet"

_PROFILE_COLUMNS = ("request_id", "user_id", "item_id", "side", "text", "notes")
_PROMPT_COLUMNS = ("phase", "key", "turns", "prefill")


def write_logs(work: CellState, folder: Path) -> list[str]:
    """Writes the three files and returns their names; `prompts.parquet` holds each question once."""
    write_json_lines(folder / ANSWERS, log_lines(work))
    _write_table(folder / PROFILES, list(_profile_rows(work)), _PROFILE_COLUMNS)
    _write_table(folder / PROMPTS, list(dict.fromkeys(_prompt_rows(work))), _PROMPT_COLUMNS)
    return [ANSWERS, PROFILES, PROMPTS]


def _write_table(path: Path, rows: list[tuple[str, ...]], columns: Sequence[str]) -> None:
    import polars as pl

    table = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    with atomic_file(path) as partial:
        table.write_parquet(partial)


def log_lines(work: CellState) -> list[dict[str, Any]]:
    """Every question's answer: a line each, in the order of asking."""
    ids = [example.request.request_id for example in work.examples]
    lines = [
        {
            "phase": "profiles",
            "stage": answer.stage,
            "key": answer.key,
            "side": answer.side,
            "requests": [ids[position] for position in answer.for_requests],
            "status": answer.status,
            "text": answer.text,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "dropped_history": answer.dropped_history,
            "cached": answer.cached,
            "error": answer.error,
        }
        for answer in (work.written.answers if work.written else [])
    ]
    asked = [example.request.request_id for example, written in _with_profiles(work) if written.failed is None]
    return lines + [_scoring_line(exchange, asked) for exchange in work.rating_meter.requests]


def _with_profiles(work: CellState) -> Iterator[tuple[Example, Profiles]]:
    return zip(work.examples, work.profiles, strict=True)


def _scoring_line(exchange: LoggedRequest, asked: Sequence[str]) -> dict[str, Any]:
    answer = exchange.result
    line = {
        "phase": "ratings",
        "key": exchange.prompt.key,
        "requests": [asked[position] for position in exchange.prompt.for_requests],
        "status": answer.status,
        "prompt_tokens": answer.prompt_tokens,
        "dropped_history": answer.dropped_history,
        "cached": answer.cached,
        "error": answer.error,
    }
    if isinstance(answer, Completion):
        return {**line, "text": answer.text, "completion_tokens": answer.completion_tokens}
    return {**line, "answer_prefix": exchange.answer_prefix, "logprobs": list(answer.logprobs)}


def _profile_rows(work: CellState) -> Iterator[tuple[str, str, str, str, str, str]]:
    for example, written in _with_profiles(work):
        request = example.request
        for profile in (written.user, written.item, written.pair):
            if profile:
                notes = json.dumps(dict(profile.notes), ensure_ascii=False)
                yield request.request_id, request.user_id, request.item.item_id, profile.side, profile.text, notes


def _prompt_rows(work: CellState) -> Iterator[tuple[str, str, str, str]]:
    for phase, meter in (("profiles", work.profile_meter), ("ratings", work.rating_meter)):
        for exchange in meter.requests:
            prompt = exchange.prompt
            turns = [{"role": message.role, "content": message.content} for message in prompt.messages]
            yield phase, prompt.key, json.dumps(turns, ensure_ascii=False), prompt.prefill or exchange.answer_prefix
