"""Prepares a dataset: reads its raw files, applies the steps, and writes a prepared folder to the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from duetbench import __version__
from duetbench.data.folders import new_folder
from duetbench.data.preparation.canonical import Canonical, OnProgress, canonical_tables
from duetbench.data.preparation.fingerprint import canonical_digest, describe, prepared_digest
from duetbench.data.preparation.prepared import (
    FORMAT,
    INTERACTIONS,
    ITEMS,
    MANIFEST,
    Prepared,
    StepCount,
    load_prepared,
)
from duetbench.data.preparation.repeated_rows import RepeatedRows
from duetbench.data.preparation.steps import parse_steps, run_steps
from duetbench.data.preparation.temporal_leakage import temporal_leakage
from duetbench.data.readers.file_digests import file_digest
from duetbench.data.readers.validation import INTERACTION_SCHEMA, deduplicate_items, empty_items
from duetbench.data.rows import SPLITS, Rows, build_rows
from duetbench.errors import DataError, MissingRawFiles
from duetbench.interfaces import Dataset
from duetbench.paths import cache_dir

_DROPPED = len(SPLITS)
_SPLIT_NAMES = dict(enumerate(SPLITS))


@dataclass(frozen=True, slots=True)
class _Job:
    dataset: Dataset
    files: Mapping[str, Path]
    digests: Mapping[str, str]
    steps: tuple[str, ...]
    fingerprint: str


def prepare(
    dataset: Dataset,
    *,
    raw: Path | None = None,
    steps: Sequence[str] | None = None,
    cache: Path | None = None,
    max_error_rate: float = 0.01,
    on_progress: OnProgress = lambda _line: None,
) -> Prepared:
    """The dataset's prepared tables. They are computed once and kept in the cache under their fingerprint.

    Args:
        dataset: The dataset with its options.
        raw: Folder of the raw files; None: the dataset's default folder.
        steps: `NAME` or `NAME:ARGUMENT` in order; None: the dataset's default steps.
        cache: Folder for prepared data; None: `data` in the user's cache.
        max_error_rate: Share of malformed rows, 0 to 1, that is accepted in either table.
        on_progress: Receives lines of progress.

    Raises:
        MissingRawFiles: a raw file is missing; the message names the source and the target folder.
        DataError: the raw files cannot be used, or the steps leave no rows.
        ConfigError: a step's argument is invalid.
        UnknownName: a step does not exist.
    """
    if steps is not None:
        parse_steps(steps, has_times=dataset.has_times())
    base = (cache or cache_dir("data")) / dataset.name
    files = _raw_files(dataset, raw, base)
    chosen = tuple(
        parsed.text
        for parsed in parse_steps(dataset.default_steps() if steps is None else steps, has_times=dataset.has_times())
    )
    digests = {}
    for role, path in files.items():
        on_progress(f"{dataset.name}: computing the SHA-256 of {path.name}, {path.stat().st_size / 1e6:,.0f} MB")
        digests[role] = file_digest(path, base)
    canonical = canonical_digest(dataset, digests)
    job = _Job(dataset, files, digests, chosen, prepared_digest(canonical, chosen))
    target = base / job.fingerprint[:16]
    tables = canonical_tables(
        dataset, files, base / f"canonical-{canonical[:16]}", max_error_rate=max_error_rate, on_progress=on_progress
    )
    if not target.is_dir():
        on_progress(f"{dataset.name}: applying {', '.join(chosen)} to {tables.n_interactions:,} interactions")
        with new_folder(target) as partial:
            _write_prepared(job, tables, partial)
    return load_prepared(target)


def _raw_files(dataset: Dataset, raw: Path | None, base: Path) -> dict[str, Path]:
    """The raw files; if they are missing, the error names the folders that were prepared from them before."""
    try:
        return find_raw_files(dataset, raw)
    except MissingRawFiles as error:
        earlier = sorted(base.glob(f"*/{MANIFEST}"), key=lambda path: path.stat().st_mtime)
        if not earlier:
            raise
        raise MissingRawFiles(
            f"{error}; or use what was prepared before, by naming its folder as the dataset: {earlier[-1].parent}"
        ) from error


def find_raw_files(dataset: Dataset, raw: Path | None = None) -> dict[str, Path]:
    """The dataset's raw files by role; nothing is read.

    Args:
        dataset: The dataset with its options.
        raw: Folder of the raw files; None: the dataset's default folder.

    Raises:
        MissingRawFiles: a raw file is missing; the message names the source and the target folder.
    """
    folder = raw or dataset.default_folder()
    if folder is None:
        raise MissingRawFiles(
            f"dataset '{dataset.name}' has no default folder for its raw files: name their folder with "
            "--raw DIR (data commands) or --set data.raw=DIR (run)"
        )
    return dataset.raw_files(folder)


def _write_prepared(job: _Job, tables: Canonical, folder: Path) -> None:
    all_rows = _load_rows(tables)
    has_times = job.dataset.has_times()
    rows, counts = run_steps(all_rows, job.steps, has_times=has_times)
    _check_not_empty(job, counts)
    split = np.full(tables.n_interactions, _DROPPED, dtype=np.int8)
    split[rows.row] = rows.split
    repeated = RepeatedRows(all_rows, has_times=has_times)
    _write_interactions(tables, split, folder / INTERACTIONS, repeated)
    notes = dict(tables.notes) | _write_items(tables, folder) | repeated.notes()
    manifest = _manifest(job, tables, counts, notes)
    manifest["has_item_table"] = tables.n_items > 0
    manifest |= {"has_times": has_times, "temporal_leakage": temporal_leakage(rows, job.steps, has_times=has_times)}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")


def _load_rows(tables: Canonical) -> Rows:
    titled = pl.Series("item_id", [], dtype=pl.String)
    if tables.n_items:
        titled = tables.items().filter(pl.col("title") != "").select("item_id").collect()["item_id"]
    return build_rows(tables.key_parts(), titled)


def _check_not_empty(job: _Job, counts: Sequence[StepCount]) -> None:
    if counts[-1].rows:
        return
    step = next(count.step for count in counts if not count.rows)
    raise DataError(
        f"{job.dataset.name}: no rows are left after the step {step} of {', '.join(job.steps)}; "
        f"choose other steps (--steps, in a config data.steps), or add raw data"
    )


def _write_interactions(tables: Canonical, split: np.ndarray, path: Path, repeated: RepeatedRows) -> None:
    """Writes the remaining rows with their splits. Only one part of the texts is in memory at a time."""
    schema = {"row": pl.Int64(), **INTERACTION_SCHEMA, "split": pl.String()}

    def remaining_rows(
        _columns: list[str] | None, _predicate: pl.Expr | None, _rows: int | None, _batch: int | None
    ) -> Iterator[pl.DataFrame]:
        first = 0
        for part in tables.interaction_parts():
            codes = pl.Series("split", split[first : first + part.height])
            repeated.add(part, first)
            row_numbers = pl.int_range(first, first + part.height, eager=True, dtype=pl.Int64).alias("row")
            first += part.height
            is_kept = codes != _DROPPED
            if is_kept.any():
                names = codes.replace_strict(_SPLIT_NAMES, default=None, return_dtype=pl.String)
                yield part.with_columns(row_numbers, names).filter(is_kept).select(*schema)

    register_io_source(remaining_rows, schema=schema).sink_parquet(path)


def _write_items(tables: Canonical, folder: Path) -> dict[str, int]:
    """Writes the rated items; returns counts of items to note, by kind."""
    rated = pl.scan_parquet(folder / INTERACTIONS, glob=False).select("item_id").unique().collect()
    items = empty_items()
    if tables.n_items:
        items = tables.items().join(rated.lazy(), on="item_id", how="semi", maintain_order="left").collect()
    distinct = deduplicate_items(items).sort("item_id")
    distinct.write_parquet(folder / ITEMS)
    n_titled = int((distinct["title"] != "").sum())
    notes = {
        "item without a title, which prompts name by its id": rated.height - n_titled,
        "item without metadata": rated.height - distinct.height,
        "repeated item metadata": items.height - distinct.height,
    }
    return {kind: count for kind, count in notes.items() if count}


def _manifest(job: _Job, tables: Canonical, counts: Sequence[StepCount], notes: Mapping[str, int]) -> dict[str, Any]:
    import platform
    from importlib.metadata import version

    domain = job.dataset.domain()
    original = {"original": list(domain.original)} if domain.original else {}
    return {
        "format": FORMAT,
        "fingerprint": job.fingerprint,
        "dataset": describe(job.dataset),
        "domain": {"noun": domain.noun, "plural": domain.plural, "labels": list(domain.labels)} | original,
        "raw": {
            role: {"name": path.name, "sha256": job.digests[role], "bytes": path.stat().st_size}
            for role, path in job.files.items()
        },
        "steps": list(job.steps),
        "step_counts": [asdict(count) for count in counts],
        "counts": dict(tables.counts),
        "notes": dict(notes),
        "versions": {
            "duetbench": __version__,
            "duckdb": version("duckdb"),
            "polars": pl.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
