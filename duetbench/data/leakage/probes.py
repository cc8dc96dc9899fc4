"""Probes of a strategy: place unique words in texts that it must not see, and replace interactions after a cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from duetbench.data.history import HistoryOptions, build_examples, source_splits
from duetbench.data.leakage.findings import LeakageFinding
from duetbench.data.leakage.visibility import VisibilityRules
from duetbench.data.preparation.prepared import Prepared
from duetbench.errors import DataError
from duetbench.types import Example, Request, Split

_CANARY = re.compile(r"canary(\d+)x")


@dataclass(frozen=True, slots=True)
class ObservedText:
    """A prompt that was sent to a model, or a profile that was read from its answer."""

    text: str
    requests: tuple[int, ...]
    """Positions of the requests that it belongs to."""


TextCollector = Callable[[Sequence[Request]], list[ObservedText]]
"""Runs a strategy on requests and returns every prompt, of all its stages and of the scorer, and every profile."""


def canary_probe(
    prepared: Prepared, options: HistoryOptions, split: Split, collect: TextCollector, *, limit: int = 50, seed: int = 0
) -> list[LeakageFinding]:
    """Replaces every validation and test review by a unique word, and searches for the words in prompts and profiles.

    Where histories may come from a held-out row (`train+valid`, `train+test`, `prequential`), its word is allowed.

    Raises:
        DataError: the split has no rows.
    """
    is_held_out = pl.col("split").is_in(["valid", "test"])
    word = pl.lit("canary") + pl.col("row").cast(pl.String) + pl.lit("x")
    planted = [pl.when(is_held_out).then(word).otherwise(name).alias(name) for name in ("review", "summary")]
    changed = prepared.with_interactions(prepared.interactions.with_columns(planted))
    examples = build_examples(changed, split, options, limit=limit, seed=seed)
    if not examples:
        raise _no_rows(prepared, split)
    rules = VisibilityRules(changed, options)
    targets = [rules.target_of(example.request.request_id) for example in examples]
    findings = []
    for observed in collect([example.request for example in examples]):
        for row in sorted({int(number) for number in _CANARY.findall(observed.text)}):
            source = rules.position_of_row(row)
            for position in observed.requests:
                if not rules.may_see(targets[position], source):
                    request_id = examples[position].request.request_id
                    findings.append(LeakageFinding("canary", request_id, f"contains the word placed in row {row}"))
    return list(dict.fromkeys(findings))


def future_probe(
    prepared: Prepared,
    options: HistoryOptions,
    split: Split,
    collect: TextCollector,
    *,
    limit: int = 50,
    cuts: int = 3,
    seed: int = 0,
) -> list[LeakageFinding]:
    """Replaces all rows from a cut on, and all rows of splits outside the histories; prompts must not change.

    Args:
        prepared: The data.
        options: How histories are built.
        split: The split whose requests are used.
        collect: Runs the strategy.
        limit: Number of requests per cut, the last ones before it.
        cuts: Number of cuts, spread evenly over the split.
        seed: Seed of the replacement.

    Raises:
        DataError: the split has no rows.
    """
    rows = prepared.interactions
    positions = np.flatnonzero((rows["split"] == split).fill_null(False).to_numpy())
    if not len(positions):
        raise _no_rows(prepared, split)
    findings: list[LeakageFinding] = []
    for cut in positions[np.linspace(0, len(positions) - 1, num=min(cuts, len(positions)), dtype=np.int64)]:
        targets = positions[positions <= cut][-limit:]
        replaced = _replace_future(rows, options, int(cut), targets, np.random.default_rng(seed))
        changed = prepared.with_interactions(replaced)
        findings += _compare(prepared, changed, options, split, rows["row"].gather(targets).to_list(), collect)
    return list(dict.fromkeys(findings))


def _replace_future(
    rows: pl.DataFrame, options: HistoryOptions, cut: int, targets: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    """Other ratings and texts in all rows that no request may see, and other users and items except in the targets."""
    time = rows["timestamp"].to_numpy()
    first = cut if options.tie == "stable" else int(np.searchsorted(time, time[cut], side="left"))
    visible_splits = source_splits(options.source, rows["split"][int(targets[0])])
    is_hidden = ~rows["split"].is_in(visible_splits).fill_null(False).to_numpy()
    is_hidden[first:] = True
    is_shuffled = is_hidden.copy()
    is_shuffled[targets] = False
    low, high = float(rows["rating"].min()), float(rows["rating"].max())  # type: ignore[arg-type]
    mask = pl.Series(is_hidden)
    return rows.with_columns(
        *(rows[name].gather(_shuffle(is_shuffled, rng)) for name in ("user_id", "item_id")),
        pl.when(mask).then(low + high - pl.col("rating")).otherwise("rating").alias("rating"),
        *(
            pl.when(mask).then(pl.lit("replaced ") + pl.col("row").cast(pl.String)).otherwise(name).alias(name)
            for name in ("review", "summary")
        ),
    )


def _shuffle(is_shuffled: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All positions, with those in the mask permuted among themselves."""
    positions = np.arange(len(is_shuffled))
    positions[is_shuffled] = rng.permutation(positions[is_shuffled])
    return positions


def _compare(
    before: Prepared,
    after: Prepared,
    options: HistoryOptions,
    split: Split,
    rows: Sequence[int],
    collect: TextCollector,
) -> list[LeakageFinding]:
    texts, changed = (_collect_texts(data, options, split, set(rows), collect) for data in (before, after))
    return [
        LeakageFinding("depends_on_future", request_id, "its prompts change with interactions that are not before it")
        for request_id in texts
        if texts[request_id] != changed.get(request_id)
    ]


def _collect_texts(
    prepared: Prepared, options: HistoryOptions, split: Split, rows: set[int], collect: TextCollector
) -> dict[str, list[str]]:
    """All observed texts by request id, for the requests whose targets are these rows."""
    examples = [example for example in build_examples(prepared, split, options) if _row_number(example) in rows]
    texts: dict[str, list[str]] = {example.request.request_id: [] for example in examples}
    for observed in collect([example.request for example in examples]):
        for position in observed.requests:
            texts[examples[position].request.request_id].append(observed.text)
    return texts


def _row_number(example: Example) -> int:
    return int(example.request.request_id.split(":")[1])


def _no_rows(prepared: Prepared, split: Split) -> DataError:
    return DataError(f"{prepared.name} has no {split} rows to probe a strategy with")
