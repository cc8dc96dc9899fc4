"""Dataset cards: source, releases, licence, fields and published sizes, from `registry/datasets/*.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from duetbench.paths import registry_dir
from duetbench.types import Domain


@dataclass(frozen=True)
class Release:
    """One published version of a source's files."""

    url: str
    """Where to get them."""
    files: Mapping[str, tuple[str, ...]]
    """File names by role, without .gz or .zst; the first name is the one to download."""
    stand_in: str = ""
    """Arguments of `duetbench data generate` that write synthetic files in the same format; empty: there are none."""


@dataclass(frozen=True)
class DatasetCard:
    """The content of `registry/datasets/NAME.yaml`."""

    name: str
    summary: str
    noun: str
    """Singular noun for the items, used in prompts."""
    plural: str
    source: str
    licence: str
    citation: str
    releases: Mapping[str, Release]
    used: tuple[str, ...]
    """Raw fields that are read."""
    banned: tuple[str, ...]
    """Raw fields that are never read: they change with time, describe the target, or name people."""
    steps: tuple[str, ...]
    """The default preparation steps, in order."""
    labels: tuple[float, ...] = (1, 2, 3, 4, 5)
    """The rating scale, ascending."""
    missing: tuple[float, ...] = ()
    """Ratings that mean "not rated"; their rows are left out and counted."""
    expected: Mapping[str, int] = field(default_factory=dict)
    """Sizes in Table 4 of the DUET paper: train, valid, test, users, items."""
    unknown: str = ""
    """What the paper does not specify."""

    @property
    def domain(self) -> Domain:
        """The items' nouns and the rating scale."""
        return Domain(self.noun, self.plural, self.labels)


@lru_cache(maxsize=16)
def load_dataset_card(name: str) -> DatasetCard:
    """The card of a built-in dataset."""
    from duetbench.documents.yaml_text import load_yaml

    values: dict[str, Any] = load_yaml(registry_dir("datasets", f"{name}.yaml"))
    releases = {
        str(release): Release(
            about["url"], {role: tuple(names) for role, names in about["files"].items()}, about.get("stand_in", "")
        )
        for release, about in values.pop("releases").items()
    }
    for listed in ("used", "banned", "steps", "labels", "missing"):
        if listed in values:
            values[listed] = tuple(values[listed])
    return DatasetCard(releases=releases, **values)


def card_for_category(card: DatasetCard, category: str) -> DatasetCard:
    """The card with `{category}` in its file names replaced by a category."""
    releases = {
        name: Release(
            release.url,
            {role: tuple(file.format(category=category) for file in files) for role, files in release.files.items()},
            release.stand_in.format(category=category),
        )
        for name, release in card.releases.items()
    }
    return replace(card, releases=releases)
