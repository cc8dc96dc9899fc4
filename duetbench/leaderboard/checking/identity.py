"""Whether a record's id follows from its settings, and whether the settings that it shows are those of its id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from duetbench.digests import canonical_json, digest_of_value
from duetbench.records import CellSpec, JsonValue, from_json

_ABSENT = object()

_PATHS = {
    "duetbench": "duetbench",
    "cell.seed": "seed",
    "cell.split": "split",
    "cell.limit": "limit",
    "cell.dataset": "data.name",
    "dataset.fingerprint": "data.fingerprint",
    "cell.scorer": "scorer.name",
    "cell.strategy": "writing.strategy.name",
    "cell.model": "writing.model.name",
    "cell.engine": "writing.engine.name",
    "cell.trainer": "writing.training.trainer.name",
    "cell.control": "control.name",
    "foreign.sha256": "predictions.sha256",
    "foreign.repeated": "predictions.repeated",
}
"""Where a record shows a setting, and where that setting is in the identity."""
_OPTIONAL = ("cell.strategy", "cell.model", "cell.engine", "cell.control")
"""None in a record whose identity does not have them."""


def identity_differences(content: Mapping[str, JsonValue]) -> list[str]:
    """One line for the id and for each setting that contradict the identity; [] without an identity.

    Args:
        content: A record as JSON values, of the shape that its schema describes.
    """
    identity = content.get("identity")
    if not identity:
        return []
    computed = digest_of_value(identity)
    lines = []
    if computed != content["cell_id"]:
        lines.append(f"its cell_id is {content['cell_id'][:8]}, but that of its settings is {computed[:8]}")
    return [*lines, *_changed_names(content, identity), *_changed_options(content, identity)]


def _changed_names(content: Mapping[str, JsonValue], identity: Mapping[str, JsonValue]) -> Iterator[str]:
    for shown, path in _PATHS.items():
        value, expected = _at(content, shown), _at(identity, path)
        expected = None if expected is _ABSENT and shown in _OPTIONAL else expected
        if expected is not _ABSENT and value is not _ABSENT and value != expected:
            yield f"{shown} is {value!r}, but its id is that of {expected!r}"


def _changed_options(content: Mapping[str, JsonValue], identity: Mapping[str, JsonValue]) -> Iterator[str]:
    cell: CellSpec = from_json(CellSpec, content["cell"])
    for kind, path in (("scorer", "scorer"), ("strategy", "writing.strategy"), ("engine", "writing.engine")):
        expected = _at(identity, f"{path}.options")
        value = cell.options_of(kind)  # type: ignore[arg-type]
        if expected is not _ABSENT and canonical_json(value) != canonical_json(expected):
            yield f"the options of its {kind} are not those of its id"


def _at(values: JsonValue, path: str) -> JsonValue:
    """The value at a dotted path; _ABSENT if there is none."""
    for name in path.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return _ABSENT
        values = values[name]
    return values
