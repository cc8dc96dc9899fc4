"""The attributes of a row: everything in which two rows may differ except the seed, so that no difference is hidden."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from duetbench.records import CellSpec, Record

if TYPE_CHECKING:
    from duetbench.leaderboard.board import BoardRow

RowAttributes = dict[str, str]

ALWAYS = ("strategy", "trainer", "scorer")
"""Shown on every board; other attributes only where rows differ in them."""

CONTROL = "control"
"""Shown where any row has it: a row without it is no control."""

ORIGIN = "origin"
"""Where predictions that were made elsewhere come from; shown where any row has it."""

_LABEL = "label"

_COVERED = ("data", "model")
"""Sections of options whose effect is part of other attributes: fingerprint and digest of the pairs, chat template."""


def attributes_of(record: Record) -> RowAttributes:
    """The attributes of a record by name, without those that do not apply."""
    cell = record.cell
    names = ("strategy", "trainer", CONTROL, "scorer", "model", "engine", "label")
    attributes = {name: getattr(cell, name) for name in names if getattr(cell, name)}
    if record.foreign:
        attributes[ORIGIN] = record.foreign.origin
    if record.metrics and record.metrics.decision:
        attributes["decision"] = record.metrics.decision
    attributes |= _model(record) | _options(cell)
    attributes |= {f"prompt {name}": digest[:8] for name, digest in record.prompts.items()}
    attributes |= _plugins(record)
    commit = record.environment.git_commit
    attributes["duetbench"] = record.duetbench
    if commit:
        attributes["commit"] = commit[:8] + ("+" if record.environment.git_dirty else "")
    return attributes


def _plugins(record: Record) -> RowAttributes:
    """Origin and code of each plugin, under its name: only rows that use the same plugin are compared in them."""
    attributes: RowAttributes = {}
    for plugins in record.plugins.values():
        for plugin in plugins if isinstance(plugins, tuple) else [plugins]:
            attributes[f"origin {plugin.name}"] = plugin.origin
            if plugin.code:
                attributes[f"code {plugin.name}"] = plugin.code[:8]
    return attributes


def _model(record: Record) -> RowAttributes:
    attributes: RowAttributes = {}
    model, engine = record.model, record.engine
    if model:
        attributes["weights"] = model.digest[:8]
        merged = "; system turn merged" if model.merge_system else ""
        attributes["chat template"] = text_of(model.template_args) + merged
        if record.cell.trainer in (None, "none"):  # a trained adapter differs from seed to seed
            attributes["adapter"] = (model.adapter_digest or "none")[:8]
    if engine:
        attributes |= {"dtype": engine.dtype, "context": str(engine.context_length)}
        attributes |= dict(engine.versions)
    return attributes


def _options(cell: CellSpec) -> RowAttributes:
    skipped = {*_COVERED, cell.dataset}
    return {
        f"{scope}.{name}": text_of(value)
        for scope, options in cell.options.items()
        if scope not in skipped
        for name, value in options.items()
        if (scope, name) != (cell.scorer, "decision")  # an attribute of its own
    }


def scopes_of(plugin: str) -> tuple[str, ...]:
    """How the names of a plugin's options begin; empty for no plugin."""
    kinds = ("", "strategy.", "trainer.", "scorer.", "engine.", "control.")
    return tuple(f"{kind}{plugin}." for kind in kinds) if plugin else ()


def is_setting(name: str) -> bool:
    """Whether an attribute is an option, a prompt, the model, the scorer or its decision rule."""
    return "." in name or name.startswith("prompt ") or name in ("model", "scorer", "decision")


def scorer_of(record: Record) -> str:
    """The scorer with its options, as one text. Only cells with the same text are ranked together.

    A scorer with trained weights is another scorer than the one that uses the untrained model.
    """
    cell = record.cell
    name = cell.scorer
    options = cell.options_of("scorer")
    if record.trained and record.trained.scorer:  # not the digest, which differs from seed to seed
        options = {**options, "weights": f"trained by {cell.trainer} on {cell.strategy}"}
    settings = ", ".join(f"{name}={text_of(value)}" for name, value in sorted(options.items()))
    return f"{name} ({settings})" if settings else name


def model_of(record: Record) -> str:
    """The model's name with the beginning of its digest, which is unknown if the cell failed early."""
    digest = record.model.digest[:8] if record.model else ""
    return f"{record.cell.model} {digest}".strip()


def text_of(value: Any) -> str:
    """An option's value as it is written for `--set`."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def differing_attributes(rows: Iterable[RowAttributes]) -> tuple[str, ...]:
    """The names of attributes that differ between rows that have them, in the order of their first occurrence."""
    values: dict[str, set[str]] = {}
    for attributes in rows:
        for name, value in attributes.items():
            values.setdefault(name, set()).add(value)
    return tuple(
        name for name, known in values.items() if name in (CONTROL, ORIGIN) or (len(known) > 1 and name not in ALWAYS)
    )


def labels_of(rows: Sequence[BoardRow], differing: Sequence[str]) -> list[str]:
    """The names of rows; of rows with the same name also the attributes in which they differ, in brackets.

    Rows that differ in no attribute, such as failed seeds, have their seeds, and the beginning of a cell id at last.

    Args:
        differing: Names of attributes. The label of the grid is used first.
    """
    texts = [_distinguishing_texts(row, differing) for row in rows]
    labels = [row.name for row in rows]
    for position, name in enumerate(labels):
        others = [other for other, row in enumerate(rows) if row.name == name]
        if len(others) > 1:
            shown = _distinguishing([texts[other] for other in others])
            parts = [texts[position][index] for index in shown if texts[position][index]]
            labels[position] = f"{name} [{', '.join(parts)}]" if parts else name
    counts = Counter(labels)
    return [
        label if counts[label] == 1 else f"{label} [{row.cells[0][:8]}]"
        for label, row in zip(labels, rows, strict=True)
    ]


def _distinguishing_texts(row: BoardRow, differing: Sequence[str]) -> tuple[str, ...]:
    """The label, the differing attributes and the seeds as texts; empty where the row has none."""
    names = [name for name in differing if name not in (_LABEL, CONTROL)]
    known = (f"{name.rpartition('.')[2]}={row.facts[name]}" if name in row.facts else "" for name in names)
    return (row.facts.get(_LABEL, ""), *known, f"seed {', '.join(map(str, row.seeds))}")


def _distinguishing(rows: Sequence[tuple[str, ...]]) -> list[int]:
    """The positions of the first texts by which as many rows as possible differ."""
    shown: list[int] = []
    n_distinct = 1
    for position in range(len(rows[0])):
        n = len({tuple(row[index] for index in [*shown, position]) for row in rows})
        if n > n_distinct:
            shown, n_distinct = [*shown, position], n
    return shown
