"""Cornac's models as scorers; skipped without the package."""

from __future__ import annotations

import pytest
from fitting_making import fitting, taste_rows
from request_making import request

from duetbench.scorers.predictors.cornac_mf import CornacFactorization
from duetbench.testing import ScorerConformance
from duetbench.types import Item, Profiles

pytest.importorskip("cornac")
pytestmark = pytest.mark.filterwarnings("default")
ROWS = taste_rows()


class TestCornacFactorization(ScorerConformance):
    plugin = CornacFactorization


@pytest.mark.parametrize("model", ["MF", "NMF", "PMF", "SVD"])
def test_each_model_is_deterministic_and_knows_cold_users(model: str) -> None:
    requests = [
        request(user="u1", item=Item("i1", "1")),
        request(user="new", item=Item("i1", "1")),
        request(user="new", item=Item("new", "new")),
    ]
    values = []
    for _ in range(2):
        scorer = CornacFactorization(CornacFactorization.Config(model=model))
        scorer.fit(fitting(ROWS[:180], ROWS[180:]))
        values.append([prediction.value for prediction in scorer.score(requests, [Profiles()] * 3, None)])
    assert values[0] == values[1]
    assert all(value is not None and 1 <= value <= 5 for value in values[0])
