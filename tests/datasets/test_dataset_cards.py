"""The cards of the built-in datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from duetbench.data.preparation.steps import parse_steps
from duetbench.datasets.cards import load_dataset_card
from duetbench.paths import registry_dir
from duetbench.plugins import Plugins

NAMES = sorted(path.stem for path in registry_dir("datasets").glob("*.yaml"))
PAPER = {
    "amazon-music": (43071, 3271, 1296, 4183, 2660),
    "amazon-books": (71972, 6144, 5541, 13863, 13515),
    "yelp": (51497, 4757, 4328, 8453, 13426),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_complete(name: str) -> None:
    card = load_dataset_card(name)
    assert card.name == name
    assert all((card.summary, card.source, card.licence, card.noun, card.plural, card.used))
    assert all(set(release.files) == {"reviews", "items"} and release.url for release in card.releases.values())
    parse_steps(card.steps)


@pytest.mark.parametrize("name", PAPER)
def test_cards_have_the_papers_sizes(name: str) -> None:
    card = load_dataset_card(name)
    assert tuple(card.expected[key] for key in ("train", "valid", "test", "users", "items")) == PAPER[name]
    assert card.unknown


def test_every_built_in_dataset_except_the_imported_has_a_card() -> None:
    assert set(Plugins(environ={}).of_kind("dataset")) - {"imported"} == set(NAMES)


def test_each_domain_has_its_noun() -> None:
    assert [load_dataset_card(name).noun for name in ("amazon-music", "amazon-books", "yelp")] == [
        "album",
        "book",
        "business",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_no_banned_field_is_read(name: str) -> None:
    card: dict[str, Any] = yaml.safe_load(registry_dir("datasets", f"{name}.yaml").read_text())
    used = {
        field.strip()
        for text in card["used"]
        for part in text.split(";")
        for field in part.rpartition(":")[2].split(",")
    }
    banned = {field.rpartition(".")[2] for field in card["banned"]} - {"stars", "name"}  # a review's own stars are used
    assert not used & banned


@pytest.mark.parametrize("name", NAMES)
def test_no_reader_names_a_banned_field(root: Path, name: str) -> None:
    kind = {"toy": "amazon", "ml": "movielens"}.get(name.partition("-")[0], name.replace("-", "_"))
    kind = "amazon" if kind.startswith("amazon") else kind
    folders = (root / "duetbench" / "data" / "readers", root / "duetbench" / "datasets")
    paths = [folder / f"{kind}.py" for folder in folders if (folder / f"{kind}.py").is_file()]
    code = "\n".join(path.read_text().split('"""', 2)[2] for path in paths)
    banned = {field.rpartition(".")[2] for field in load_dataset_card(name).banned} - {"stars", "name"}
    assert paths
    assert [field for field in sorted(banned) if json.dumps(field) in code] == []
