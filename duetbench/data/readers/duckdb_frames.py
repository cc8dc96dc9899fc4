"""Frames from DuckDB's parsers, in file order and of bounded size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

BATCH_ROWS = 8_192
"""Rows per batch of the parser, a multiple of its 2,048."""
FRAME_BYTES = 24 << 20
"""Size of a frame: many small frames cost more time than they save memory."""
_THREADS = 4  # more threads parse faster than the rows are consumed, and each has its own buffers


def connect() -> duckdb.DuckDBPyConnection:
    """A connection to a database in memory that neither downloads extensions nor prints to the terminal."""
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": min(_THREADS, os.cpu_count() or 1),
        "arrow_large_buffer_size": True,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(config=config)
    connection.execute("SET enable_progress_bar = false")
    return connection


def stream_frames(relation: duckdb.DuckDBPyRelation) -> Iterator[pl.DataFrame]:
    """The relation's rows in frames of about `FRAME_BYTES`.

    Raises:
        duckdb.Error, OSError: the parser fails; in the middle of a stream it is Arrow's OSError with DuckDB's message.
    """
    import pyarrow as pa

    merged: list[pa.RecordBatch] = []
    n_bytes = 0
    for batch in relation.to_arrow_reader(BATCH_ROWS):
        merged.append(batch)
        n_bytes += batch.nbytes
        if n_bytes >= FRAME_BYTES:
            yield _to_polars(pa.Table.from_batches(merged))
            merged, n_bytes = [], 0
    if merged:
        yield _to_polars(pa.Table.from_batches(merged))


def _to_polars(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table, rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    return frame
