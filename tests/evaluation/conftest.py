from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl
import pytest

from duetbench.evaluation import predictions_table
from duetbench.types import Domain, Example, Item, Prediction, Request


@pytest.fixture
def stars() -> Domain:
    return Domain("album", "albums")


@pytest.fixture
def table_of(stars: Domain) -> Callable[..., pl.DataFrame]:
    """A table of predictions from truths and predictions; two pairs per user."""

    def build(truths: Sequence[float], predictions: Sequence[Prediction]) -> pl.DataFrame:
        examples = [
            Example(Request(f"test:{row}", f"u{row // 2}", Item(f"i{row}", "t"), row, stars), truth)
            for row, truth in enumerate(truths)
        ]
        return predictions_table(examples, predictions)

    return build


@pytest.fixture
def six(table_of: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    """Six pairs: two exact answers, two fractional ones, a rating and a profile that could not be read."""
    predictions = [
        Prediction(5.0),
        Prediction(4.5),
        Prediction(3.0),
        Prediction(4.37),
        Prediction(None, "unreadable", "rating"),
        Prediction(None, "truncated", "profile"),
    ]
    return table_of([5, 4, 3, 1, 5, 2], predictions)
