"""Records and cells of a synthetic grid, for tests of records and leaderboards."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builtin_metrics import METRICS

from duetbench.evaluation import metrics_of, predictions_table
from duetbench.interfaces import Metric
from duetbench.records import PREDICTIONS, Record, file_entry, from_json, to_json, write_record
from duetbench.types import Domain, Example, Item, Prediction, Request

STARS = Domain("album", "albums")
USAGE = {
    "prompts": 6,
    "calls": 4,
    "cached": 2,
    "prompt_tokens": 600,
    "completion_tokens": 60,
    "dropped_history": 1,
    "seconds": 1.5,
}
WITHOUT_LLM: dict[str, Any] = {"strategy": None, "trainer": None, "model": None, "engine": None}


def make_record(**changes: Any) -> Record:
    """A valid record; see `record_values`."""
    return from_json(Record, record_values(**changes))


def record_values(
    *,
    cell_id: str = "duet-1",
    cell: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    error: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A valid record as JSON values; `cell` overrides single fields of the cell, `changes` fields of the record."""
    spec = {
        "strategy": "duet",
        "trainer": "none",
        "dataset": "toy",
        "model": "toy-lm",
        "engine": "transformers",
        "scorer": "rating_expectation",
        "seed": 0,
        "label": None,
        "split": "test",
        "limit": 6,
        "options": {"duet": {"joint": "paired", "cue": True}, "rating_expectation": {"history_k": 10}},
    } | (cell or {})
    has_llm = spec["model"] is not None
    record = {
        "schema_version": 1,
        "duetbench": "0.1.0",
        "status": "failed" if error else "done",
        "error": {"type": "EngineError", "message": error} if error else None,
        "cell_id": cell_id,
        "cell": spec,
        "dataset": {
            "fingerprint": "f" * 64,
            "domain": {"noun": "album", "plural": "albums", "labels": [1, 2, 3, 4, 5]},
            "steps": [
                {"step": "dedupe", "rows": 90, "users": 9, "items": 10},
                {
                    "step": "split_count:0.8/0.1/0.1",
                    "rows": 90,
                    "users": 9,
                    "items": 10,
                    "splits": {"train": {"rows": 72, "users": 9, "items": 10}},
                },
            ],
            "counts": {"malformed line": 1},
            "n_train": 72,
        },
        "model": _model(spec["model"]) if has_llm else None,
        "engine": ENGINE if has_llm else None,
        "plugins": {"scorer": {"name": spec["scorer"], "origin": "built-in"}},
        "prompts": {"duet_paired": "a" * 64} if has_llm else {},
        "metrics": None
        if error
        else metrics or to_json(metrics_of(predictions_table([], []), STARS, METRICS, train_mean=4.2)),
        "usage": {"profiles": USAGE, "scoring": USAGE | {"completion_tokens": 0}},
        "budget": None,
        "profiles": {"asked": 6, "readable": 6, "statuses": STATUSES} if has_llm else None,
        "seeds": {"cell": spec["seed"], "sample": 0},
        "environment": {
            "python": "3.11.7",
            "platform": "Linux",
            "cpu": None,
            "cores": 2,
            "packages": {"torch": "2.13.0"},
            "git_commit": "c" * 40,
            "git_dirty": False,
        },
        "started": "2026-01-31T10:00:00Z",
        "finished": "2026-01-31T10:00:03Z",
        "seconds": 3.0,
        "files": {},
    }
    return copy.deepcopy(record | changes)


STATUSES = {"ok": 6, "unreadable": 0, "truncated": 0, "refused": 0, "empty": 0, "error": 0}
ENGINE = {
    "name": "transformers",
    "versions": {"torch": "2.13.0"},
    "dtype": "float32",
    "template_digest": "d" * 64,
    "context_length": 512,
    "labels": "exact",
    "adapters": True,
    "prefix_cache": False,
}


def _model(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "digest": "e" * 64,
        "adapter": None,
        "adapter_digest": None,
        "template_args": {},
        "context_length": 512,
    }


def _prediction(value: float | Prediction | None) -> Prediction:
    if isinstance(value, Prediction):
        return value
    return Prediction(None, "unreadable", "rating") if value is None else Prediction(float(value))


def make_cell(
    run: Path,
    cell_id: str,
    truths: Sequence[float],
    values: Sequence[float | Prediction | None],
    *,
    pairs_per_user: int = 2,
    cell: dict[str, Any] | None = None,
    metrics: Sequence[Metric] = METRICS,
    **changes: Any,
) -> Path:
    """The folder of a finished cell with predictions and record; a value of None is an unreadable rating.

    A value may be a prediction with its label probabilities.
    """
    examples = [
        Example(Request(f"test:{row}", f"u{row // pairs_per_user}", Item(f"i{row}", "t"), row, STARS), truth)
        for row, truth in enumerate(truths)
    ]
    predictions = [_prediction(value) for value in values]
    table = predictions_table(examples, predictions)
    folder = run / "cells" / cell_id
    folder.mkdir(parents=True)
    table.write_parquet(folder / PREDICTIONS)
    files = {PREDICTIONS: to_json(file_entry(folder / PREDICTIONS))}
    computed = to_json(metrics_of(table, STARS, metrics, train_mean=4.2))
    write_record(folder, make_record(cell_id=cell_id, cell=cell, metrics=computed, files=files, **changes))
    return folder
