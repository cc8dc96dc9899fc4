"""What scorers may predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from tiny_world import examples

from duetbench.errors import PluginError
from duetbench.interfaces import Engine, Scorer
from duetbench.runner.execute import validation_error
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
