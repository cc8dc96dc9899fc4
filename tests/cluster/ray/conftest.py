"""One cluster of three nodes for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ray_making import ray_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    with ray_cluster(3) as nodes:
        yield nodes
