"""The workloads of `duetbench bench data`, each run as `python -m duetbench.bench.data_workloads NAME ...`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.bench.measure import Clock, report

if TYPE_CHECKING:
    import numpy as np

    from duetbench.interfaces import Dataset

STEPS = ("dedupe", "titled", "kcore:5", "sort", "split_count:0.8/0.1/0.1", "drop_cold")
SAMPLED_ROWS = 150  # masks over the full table are too slow to time for every row
_WINDOW = 10


def _dataset(*, metadata: bool) -> Dataset:
    from duetbench.plugins import Plugins

    cls: Any = Plugins(environ={}).get("dataset", "amazon-music").cls
    dataset: Dataset = cls(cls.Config(metadata=metadata))
    return dataset


def ingest(folder: str) -> None:
    """duetbench: JSON lines to canonical Parquet, with every row validated and numbered."""
    import duckdb  # noqa: F401  # as in the other workloads, imports are not timed
    import pyarrow as pa  # noqa: F401

    from duetbench.data.preparation.canonical import canonical_tables

    dataset = _dataset(metadata=False)
    with tempfile.TemporaryDirectory(dir=folder) as target:
        files = dataset.raw_files(Path(folder))
        with Clock() as clock:
            tables = canonical_tables(
                dataset, files, Path(target) / "out", max_error_rate=0.0, on_progress=lambda _line: None
            )
        report(clock, rows=tables.n_interactions)


def ingest_polars(folder: str) -> None:
    """polars: reads and writes the same columns without validation, with the same compression level."""
    import polars as pl

    text, number = pl.String(), pl.Float64()
    schema = {
        "reviewerID": text, "asin": text, "overall": number, "unixReviewTime": pl.Int64(), "reviewText": text,
        "summary": text,
    }  # fmt: skip
    path = _dataset(metadata=False).raw_files(Path(folder))["reviews"]
    with tempfile.TemporaryDirectory(dir=folder) as target:
        with Clock() as clock:
            rows = pl.scan_ndjson(path, schema=schema)
            rows.sink_parquet(Path(target) / "out.parquet", compression_level=1, statistics=False)
        report(clock)


def ingest_duckdb(folder: str) -> None:
    """DuckDB: the same, without preserving the order of rows."""
    import duckdb

    columns = (
        "{reviewerID: 'VARCHAR', asin: 'VARCHAR', overall: 'DOUBLE', unixReviewTime: 'BIGINT', reviewText: 'VARCHAR', "
        "summary: 'VARCHAR'}"
    )
    path = _dataset(metadata=False).raw_files(Path(folder))["reviews"]
    with tempfile.TemporaryDirectory(dir=folder) as target, duckdb.connect() as connection:
        out = Path(target) / "out.parquet"
        connection.execute("SET memory_limit='2GB'; SET preserve_insertion_order=false")
        with Clock() as clock:
            connection.execute(
                f"COPY (SELECT * FROM read_json(?, format='newline_delimited', columns={columns})) "
                f"TO '{out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)",
                [str(path)],
            )
        report(clock)


def import_csv(path: str) -> None:
    """duetbench: a CSV file to canonical Parquet, with every row validated and counted."""
    import duckdb  # noqa: F401
    import pyarrow as pa  # noqa: F401

    from duetbench.data.interchange.imports import ImportOptions, import_tables
    from duetbench.data.interchange.sources import TableSource
    from duetbench.types import Domain

    with tempfile.TemporaryDirectory(dir=Path(path).parent) as target:
        options = ImportOptions(Domain("album", "albums"), max_error_rate=0.0)
        with Clock() as clock:
            imported = import_tables([TableSource(path)], Path(target) / "out", options)
        report(clock, rows=imported.rows)


def import_csv_pandas(path: str) -> None:
    """pandas: reads the same file and writes it as Parquet, without validation."""
    import pandas as pd  # type: ignore[import-untyped]
    import pyarrow as pa  # noqa: F401

    with tempfile.TemporaryDirectory(dir=Path(path).parent) as target:
        with Clock() as clock:
            rows = pd.read_csv(path)
            rows.to_parquet(Path(target) / "out.parquet")
        report(clock, rows=len(rows))


def prepare_data(folder: str) -> None:
    """duetbench: all of `duetbench data prepare`, including the digests of the raw files."""
    from duetbench.data import prepare

    with tempfile.TemporaryDirectory(dir=folder) as cache:
        with Clock() as clock:
            prepared = prepare(_dataset(metadata=True), raw=Path(folder), cache=Path(cache), steps=STEPS)
        report(clock, rows=prepared.steps[0].rows, kept=prepared.steps[-1].rows)


def _pairs(interactions: str) -> tuple[np.ndarray, np.ndarray]:
    """User and item codes of synthetic interactions with skewed frequencies."""
    import numpy as np

    n, rng = int(interactions), np.random.default_rng(0)
    user = (n // 8 * rng.random(n) ** 2).astype(np.int32)
    item = (n // 12 * rng.random(n) ** 2).astype(np.int32)
    return user, item


def core(interactions: str) -> None:
    """duetbench: 5-core."""
    from duetbench.data.preparation.k_core import k_core_mask

    user, item = _pairs(interactions)
    with Clock() as clock:
        is_kept = k_core_mask(user, item, k_user=5, k_item=5)
    report(clock, kept=int(is_kept.sum()), check=int((is_kept.nonzero()[0] % 9973).sum()))


def core_pandas(interactions: str) -> None:
    """pandas: count by groupby and transform, filter, repeat until no row is removed."""
    import pandas as pd

    user, item = _pairs(interactions)
    rows = pd.DataFrame({"user": user, "item": item})
    with Clock() as clock:
        while True:
            n_user = rows.groupby("user")["item"].transform("size")
            n_item = rows.groupby("item")["user"].transform("size")
            kept = rows[(n_user >= 5) & (n_item >= 5)]
            if len(kept) == len(rows):
                break
            rows = kept
    report(clock, kept=len(rows), check=int((rows.index.to_numpy() % 9973).sum()))


def _interactions(interactions: str) -> dict[str, Any]:
    """Users, items, days and ratings as sparse as the paper's Book, with ids like those of the raw files."""
    import numpy as np

    n, rng = int(interactions), np.random.default_rng(0)
    user, item = (rng.integers(0, n // 5, n) for _ in range(2))
    return {
        "user": [f"A{code:013d}" for code in user.tolist()],
        "item": [f"B{code:09d}" for code in item.tolist()],
        "day": rng.integers(0, 60, n),
        "rating": rng.integers(1, 6, n).astype(np.float64),
    }


def histories(interactions: str) -> None:
    """duetbench: history windows and averages of the user and the item, for every row."""
    import numpy as np
    import polars as pl

    from duetbench.data.index import HistoryIndex, HistoryQueries
    from duetbench.data.rows import encode_ids, hash_ids

    rows = pl.DataFrame(_interactions(interactions))
    with Clock() as clock:
        rank = np.unique(rows["day"].to_numpy(), return_inverse=True)[1]
        user, item = (encode_ids([hash_ids(rows[name])]) for name in ("user", "item"))
        queries = HistoryQueries(user, item, rank)
        user_histories, item_histories = HistoryIndex(queries, rows["rating"].to_numpy()).before(queries, k=_WINDOW)
    sampled = slice(0, SAMPLED_ROWS)
    check = float(np.nansum(user_histories.average[sampled]) + np.nansum(item_histories.average[sampled]))
    n_lines = int((user_histories.window[sampled] >= 0).sum() + (item_histories.window[sampled] >= 0).sum())
    report(clock, rows=len(rows), check=round(check, 6), lines=n_lines)


def histories_masks(interactions: str) -> None:
    """pandas: two masks over the full table per row."""
    import pandas as pd

    columns = _interactions(interactions)
    queries = [[values[position] for values in columns.values()] for position in range(SAMPLED_ROWS)]
    rows = pd.DataFrame(columns).sort_values("day", kind="stable")
    check, n_lines = 0.0, 0
    with Clock() as clock:
        for user, item, day, _ in queries:
            of_user = rows[(rows.user == user) & (rows.day < day) & (rows.item != item)]
            of_item = rows[(rows.item == item) & (rows.day < day) & (rows.user != user)]
            for history in (of_user, of_item):
                check += history.rating.mean() if len(history) else 0.0
                n_lines += len(history.tail(_WINDOW))
    clock.seconds *= len(rows) / SAMPLED_ROWS
    clock.cpu_seconds *= len(rows) / SAMPLED_ROWS
    report(clock, rows=len(rows), check=round(check, 6), lines=n_lines)


WORKLOADS: dict[str, Callable[[str], None]] = {
    workload.__name__: workload
    for workload in (
        ingest, ingest_polars, ingest_duckdb, import_csv, import_csv_pandas, prepare_data, core, core_pandas, histories,
        histories_masks,
    )
}  # fmt: skip

if __name__ == "__main__":
    WORKLOADS[sys.argv[1]](sys.argv[2])
