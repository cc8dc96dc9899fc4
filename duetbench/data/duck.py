"""DuckDB as a parser: set up to touch nothing but the file that it is given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_THREADS = 4  # more parse faster than anybody uses the rows, and each has buffers of its own


@contextmanager
def parser() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection without extensions from elsewhere, and without a word on the terminal."""
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": min(_THREADS, os.cpu_count() or 1),
        "arrow_large_buffer_size": True,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("SET enable_progress_bar = false")
        yield connection
