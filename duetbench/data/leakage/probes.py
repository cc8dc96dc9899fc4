"""Two experiments on a strategy: plant words in what it must not see, and replace what it must not see."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from duetbench.data.history import SPLITS_OF, HistoryOptions, build_examples
from duetbench.data.leakage.findings import LeakageFinding
from duetbench.data.leakage.visible import Visible
from duetbench.data.preparation.prepared import Prepared
from duetbench.errors import DataError
from duetbench.types import Example, Request, Split

_CANARY = re.compile(r"canary(\d+)x")


@dataclass(frozen=True, slots=True)
class SeenText:
    """A text that was shown to a model, or came back as a profile."""

    text: str
    requests: tuple[int, ...]
    """Positions of the requests that it serves."""


PromptProbe = Callable[[Sequence[Request]], list[SeenText]]
"""Runs a strategy on requests: every prompt that it asks, of every stage and of the scorer, and every profile."""


def canary_probe(
    prepared: Prepared, options: HistoryOptions, split: Split, ask: PromptProbe, *, limit: int = 50, seed: int = 0
) -> list[LeakageFinding]:
    """Plants a word of its own in every validation and test review, and looks for it where it must not be.

    A row that a request may see (histories of `train+valid` or `prequential`) may show its word there.

    Raises:
        DataError: the split has no rows.
    """
    held_out = pl.col("split").is_in(["valid", "test"])
    word = pl.lit("canary") + pl.col("row").cast(pl.String) + pl.lit("x")
    planted = [pl.when(held_out).then(word).otherwise(name).alias(name) for name in ("review", "summary")]
    world = prepared.with_interactions(prepared.interactions.with_columns(planted))
    examples = _examples(world, split, options, limit, seed)
    visible = Visible(world, options)
    places = [visible.place(example.request.request_id) for example in examples]
    findings = []
    for seen in ask([example.request for example in examples]):
        for row in sorted({int(number) for number in _CANARY.findall(seen.text)}):
            planted_at = visible.place(f"{visible.split_of(row)}:{row}")
            for position in seen.requests:
                if not visible.may_see(places[position], planted_at):
                    request = examples[position].request.request_id
                    findings.append(LeakageFinding("canary", request, f"the word planted in row {row} reached it"))
    return list(dict.fromkeys(findings))


def future_probe(
    prepared: Prepared,
    options: HistoryOptions,
    split: Split,
    ask: PromptProbe,
    *,
    limit: int = 50,
    cuts: int = 3,
    seed: int = 0,
) -> list[LeakageFinding]:
    """Replaces everything from a cut on, and everything that histories do not come from; prompts must stay the same.

    Args:
        prepared: The data.
        options: How histories are taken.
        split: Whose requests are asked.
        ask: Runs the strategy.
        limit: So many requests, the last ones before each cut.
        cuts: So many moments, spread over the split.
        seed: Of the replacement.

    Raises:
        DataError: the split has no rows.
    """
    rows = prepared.interactions
    places = np.flatnonzero((rows["split"] == split).fill_null(False).to_numpy())
    if not len(places):
        raise DataError(f"{prepared.name} has no {split} rows to probe a strategy with")
    findings: list[LeakageFinding] = []
    for cut in places[np.linspace(0, len(places) - 1, num=min(cuts, len(places)), dtype=np.int64)]:
        asked = places[places <= cut][-limit:]
        world = prepared.with_interactions(_replaced(rows, options, int(cut), asked, np.random.default_rng(seed)))
        findings += _compare(prepared, world, options, split, rows["row"].gather(asked).to_list(), ask)
    return list(dict.fromkeys(findings))


def _replaced(
    rows: pl.DataFrame, options: HistoryOptions, cut: int, asked: np.ndarray, drawn: np.random.Generator
) -> pl.DataFrame:
    """Other ratings and texts, and for rows that are not asked about other users and items, from the cut on."""
    time = rows["timestamp"].to_numpy()
    begin = cut if options.tie == "stable" else int(np.searchsorted(time, time[cut], side="left"))
    unseen = ~rows["split"].is_in(SPLITS_OF[options.source]).fill_null(False).to_numpy()
    unseen[begin:] = True
    shuffled = unseen.copy()
    shuffled[asked] = False
    low, high = float(rows["rating"].min()), float(rows["rating"].max())  # type: ignore[arg-type]
    mask = pl.Series(unseen)
    return rows.with_columns(
        *(rows[name].gather(_swapped(shuffled, drawn)) for name in ("user_id", "item_id")),
        pl.when(mask).then(low + high - pl.col("rating")).otherwise("rating").alias("rating"),
        *(
            pl.when(mask).then(pl.lit("replaced ") + pl.col("row").cast(pl.String)).otherwise(name).alias(name)
            for name in ("review", "summary")
        ),
    )


def _swapped(chosen: np.ndarray, drawn: np.random.Generator) -> np.ndarray:
    """All positions, those chosen in a new order among themselves."""
    places = np.arange(len(chosen))
    places[chosen] = drawn.permutation(places[chosen])
    return places


def _compare(
    before: Prepared, after: Prepared, options: HistoryOptions, split: Split, rows: Sequence[int], ask: PromptProbe
) -> list[LeakageFinding]:
    texts = [_texts(world, options, split, set(rows), ask) for world in (before, after)]
    return [
        LeakageFinding("changed_by_the_future", request, "what it is asked changes with what lies after it")
        for request in texts[0]
        if texts[0][request] != texts[1].get(request)
    ]


def _texts(
    world: Prepared, options: HistoryOptions, split: Split, rows: set[int], ask: PromptProbe
) -> dict[str, list[str]]:
    examples = [
        one for one in build_examples(world, split, options) if int(one.request.request_id.split(":")[1]) in rows
    ]
    found: dict[str, list[str]] = {example.request.request_id: [] for example in examples}
    for seen in ask([example.request for example in examples]):
        for position in seen.requests:
            found[examples[position].request.request_id].append(seen.text)
    return found


def _examples(prepared: Prepared, split: Split, options: HistoryOptions, limit: int, seed: int) -> list[Example]:
    examples = build_examples(prepared, split, options, limit=limit, seed=seed)
    if not examples:
        raise DataError(f"{prepared.name} has no {split} rows to probe a strategy with")
    return examples
