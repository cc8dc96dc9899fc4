"""What scorers may predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from tiny_world import examples

from duetbench.errors import PluginError
from duetbench.interfaces import Engine, Scorer
from duetbench.runner.execute import predict, validation_error
from duetbench.types import Prediction, Profiles, Request


@dataclass
class Constant(Scorer):
    """Predicts one value."""

    value: float
    name = "constant"
    needs_engine = False

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        return [Prediction(self.value) for _ in requests]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_validation_error_that_is_no_number_is_the_scorers_fault(value: float) -> None:
    with pytest.raises(PluginError, match="scorer 'constant' predicted a value that is not a finite number"):
        validation_error(Constant(value), examples("valid", 2))


def test_a_validation_error_is_the_mean_absolute_error() -> None:
    rows = examples("valid", 2)
    recorded = validation_error(Constant(3.0), rows)
    assert recorded is not None
    assert recorded.mae == pytest.approx(sum(abs(row.rating - 3.0) for row in rows) / 2)


@dataclass
class Returning(Scorer):
    """Returns what it is given, whatever is expected of it."""

    returned: Any
    name = "returning"
    needs_engine = False

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        return self.returned  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (None, r"returned NoneType: score\(\) must return a list"),
        (3.0, "returned float"),
        ([Prediction(3.0)], "returned 1 predictions for 2 requests"),
        ([Prediction(3.0), None], "returned NoneType for request 1"),
        ([3.0, 4.0], "returned float for request 0"),
    ],
)
def test_what_is_no_list_of_predictions_is_the_scorers_fault(returned: Any, reason: str) -> None:
    rows = examples("valid", 2)
    with pytest.raises(PluginError, match=f"scorer 'returning' {reason}"):
        validation_error(Returning(returned), rows)
    with pytest.raises(PluginError, match=f"scorer 'returning' {reason}"):
        predict(Returning(returned), [row.request for row in rows], [Profiles(), Profiles()], None)
