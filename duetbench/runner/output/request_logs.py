"""Logs of a cell's requests: every prompt, every answer, every profile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from duetbench.atomic import atomic_file, write_json_lines
from duetbench.profiling import ParsedCompletion
from duetbench.records import ANSWERS, PROFILES, PROMPTS
from duetbench.runner.cell_state import CellState
from duetbench.runner.metering import LoggedRequest
from duetbench.types import Completion

_PROFILE_COLUMNS = ("request_id", "user_id", "item_id", "side", "text", "notes")
_PROMPT_COLUMNS = ("phase", "key", "turns", "prefill")


def write_logs(state: CellState, folder: Path) -> list[str]:
    """Writes the three log files and returns their names; `prompts.parquet` has each distinct prompt once."""
    write_json_lines(folder / ANSWERS, _answer_lines(state))
    _write_table(folder / PROFILES, list(_profile_rows(state)), _PROFILE_COLUMNS)
    _write_table(folder / PROMPTS, list(dict.fromkeys(_prompt_rows(state))), _PROMPT_COLUMNS)
    return [ANSWERS, PROFILES, PROMPTS]


def _write_table(path: Path, rows: list[tuple[str, ...]], columns: Sequence[str]) -> None:
    import polars as pl

    table = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    with atomic_file(path) as partial:
        table.write_parquet(partial)


def _answer_lines(state: CellState) -> list[dict[str, Any]]:
    """One line per answer, in the order of the calls; `requests` are the ids of the requests that it serves."""
    ids = [example.request.request_id for example in state.examples]
    scored_ids = [
        request_id for request_id, profiles in zip(ids, state.profiles, strict=True) if profiles.failed is None
    ]
    lines = [_profile_line(answer, ids) for answer in (state.written.answers if state.written else [])]
    return lines + [_rating_line(logged, scored_ids) for logged in state.rating_meter.requests]


def _profile_line(answer: ParsedCompletion, ids: Sequence[str]) -> dict[str, Any]:
    return {
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


def _rating_line(logged: LoggedRequest, ids: Sequence[str]) -> dict[str, Any]:
    answer = logged.result
    line = {
        "phase": "ratings",
        "key": logged.prompt.key,
        "requests": [ids[position] for position in logged.prompt.for_requests],
        "status": answer.status,
        "prompt_tokens": answer.prompt_tokens,
        "dropped_history": answer.dropped_history,
        "cached": answer.cached,
        "error": answer.error,
    }
    if isinstance(answer, Completion):
        return {**line, "text": answer.text, "completion_tokens": answer.completion_tokens}
    return {**line, "answer_prefix": logged.answer_prefix, "logprobs": list(answer.logprobs)}


def _profile_rows(state: CellState) -> Iterator[tuple[str, str, str, str, str, str]]:
    for example, profiles in zip(state.examples, state.profiles, strict=True):
        request = example.request
        for profile in (profiles.user, profiles.item, profiles.pair):
            if profile:
                notes = json.dumps(dict(profile.notes), ensure_ascii=False)
                yield request.request_id, request.user_id, request.item.item_id, profile.side, profile.text, notes


def _prompt_rows(state: CellState) -> Iterator[tuple[str, str, str, str]]:
    for phase, meter in (("profiles", state.profile_meter), ("ratings", state.rating_meter)):
        for exchange in meter.requests:
            prompt = exchange.prompt
            turns = [{"role": message.role, "content": message.content} for message in prompt.messages]
            yield phase, prompt.key, json.dumps(turns, ensure_ascii=False), prompt.prefill or exchange.answer_prefix
