"""Digests of the inputs of canonical tables and prepared datasets; equal inputs have equal digests everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from duetbench.data.preparation.prepared import FORMAT
from duetbench.digests import digest_of_value
from duetbench.interfaces import Dataset


def canonical_digest(dataset: Dataset, digests: Mapping[str, str]) -> str:
    """Digest of the inputs of the canonical tables: raw files by role, dataset, its options, format version.

    A scale other than 1 to 5 is one of the inputs: ratings are checked against it.
    """
    domain = dataset.domain()
    scale = {} if domain.of_data.labels == (1, 2, 3, 4, 5) else {"labels": list(domain.of_data.labels)}
    inputs = {"format": FORMAT, "dataset": describe(dataset), "raw": dict(sorted(digests.items()))}
    return digest_of_value(inputs | scale)


def describe(dataset: Dataset) -> dict[str, Any]:
    """Name, version and options of the dataset, without the option `raw`, which is only the location of the files."""
    options = {field.name: getattr(dataset.config, field.name) for field in fields(dataset.config)}
    options.pop("raw", None)
    return {"name": dataset.name, "version": dataset.version, "options": options}


def prepared_digest(canonical: str, steps: Sequence[str]) -> str:
    """Digest of the inputs of a prepared dataset: canonical tables and steps."""
    return digest_of_value({"canonical": canonical, "steps": list(steps)})
