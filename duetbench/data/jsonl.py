"""JSON lines to frames. A block is parsed at once; only a block with unreadable lines is searched for them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import polars as pl

from duetbench.data.lines import read_blocks
from duetbench.data.quality import Place, Tally
from duetbench.errors import DataError

_AHEAD = 1
"""Blocks that are parsed while one is used: the parser has threads of its own, and writers fill the gaps between."""
_HOPELESS = 1_000
"""So many unreadable lines in one block, more than half of it, and the file is something else than JSON lines."""


def read_json_lines(
    path: Path, schema: Mapping[str, pl.DataType], tally: Tally
) -> Iterator[tuple[pl.DataFrame, Place]]:
    """The file's rows in order, block by block; a field that a line lacks is null, unreadable lines are tallied.

    Where there are blank lines, a place's line is too low by as many.

    Raises:
        DataError: the file is damaged, or mostly no JSON lines.
    """
    line = 1
    for block, frame in _parsed_ahead(read_blocks(path), schema):
        if frame is not None:
            n_lines = frame.height
        else:
            lines = block.split(b"\n")
            n_lines = len(lines) - block.endswith(b"\n")
            frame = _salvaged(lines, schema, tally, path, line)
        yield frame, Place(path.name, line)
        line += n_lines


def _parsed_ahead(
    blocks: Iterator[bytes], schema: Mapping[str, pl.DataType]
) -> Iterator[tuple[bytes, pl.DataFrame | None]]:
    """Each block with its rows, in order, parsed while others are read and used; None where a line is unreadable."""
    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting: deque[tuple[bytes, Future[pl.DataFrame | None]]] = deque()
        for block in blocks:
            waiting.append((block, pool.submit(_parsed, block, schema)))
            if len(waiting) > _AHEAD:
                done, frame = waiting.popleft()
                yield done, frame.result()
        for done, frame in waiting:
            yield done, frame.result()


def _salvaged(
    lines: list[bytes], schema: Mapping[str, pl.DataType], tally: Tally, path: Path, first_line: int
) -> pl.DataFrame:
    """The rows of a block in which some line cannot be read."""
    good: list[pl.DataFrame] = []
    n_bad = 0
    for start, stop, part in _search(lines, 0, len(lines), schema):
        if part is not None:
            good.append(part)
            continue
        n_bad += 1
        tally.drop(_what_is_wrong(lines[start]), 1, f"{path.name} line {first_line + start}")
        if n_bad >= _HOPELESS and n_bad * 2 > stop:
            raise DataError(f"{path} is not in the expected format: {n_bad} of the first {stop} lines are unreadable")
    return pl.concat(good) if good else pl.DataFrame(schema=dict(schema))


def _search(
    lines: list[bytes], start: int, stop: int, schema: Mapping[str, pl.DataType]
) -> Iterator[tuple[int, int, pl.DataFrame | None]]:
    """Spans of lines with their frames, in order; a span of one line that cannot be read comes with None."""
    frame = _parsed(b"\n".join(lines[start:stop]), schema)
    if frame is not None or stop - start <= 1:
        yield start, stop, frame
        return
    middle = (start + stop) // 2
    yield from _search(lines, start, middle, schema)
    yield from _search(lines, middle, stop, schema)


def _parsed(data: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame | None:
    try:
        # A last line without its end made older versions of the parser panic, and damaged bytes may yet do so.
        return pl.read_ndjson(data if data.endswith(b"\n") else data + b"\n", schema=dict(schema))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def _what_is_wrong(line: bytes) -> str:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return "invalid UTF-8"
    except (ValueError, RecursionError):
        return "malformed line"
    return "ill-typed field" if isinstance(value, dict) else "malformed line"
