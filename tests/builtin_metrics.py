"""The built-in metrics, and one of a plugin, for tests of whatever is given metrics."""

from __future__ import annotations

from typing import Any

from duetbench.interfaces import Metric
from duetbench.plugins import Plugins

METRICS = Plugins(environ={}).metrics()


class Largest(Metric):
    name = "largest"
    title = "Largest error"
    summary = "the largest absolute error"
    lower_is_better = True

    def compute(self, predicted: Any, truth: Any, domain: Any) -> dict[str, float | None]:
        return {"raw": float(abs(predicted - truth).max()) if truth.size else None}


LARGEST = Largest()
