"""The toy world as a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from duetbench.data import prepare
from duetbench.datasets.toy import Toy
from duetbench.testing import DatasetConformance


class TestToy(DatasetConformance):
    """The conformance checks."""

    plugin = Toy


def test_the_world_has_the_requested_sizes(tmp_path: Path) -> None:
    prepared = prepare(
        Toy(Toy.Config(users=30, items=20, interactions=200)), raw=tmp_path / "raw", cache=tmp_path, steps=["sort"]
    )
    assert (prepared.steps[-1].rows, prepared.steps[-1].users, prepared.steps[-1].items) == (200, 30, 20)


@pytest.mark.parametrize("other", [{"seed": 1}, {"users": 50}])
def test_another_world_has_another_folder(other: dict[str, int]) -> None:
    assert Toy(Toy.Config(**other)).default_folder() != Toy().default_folder()
