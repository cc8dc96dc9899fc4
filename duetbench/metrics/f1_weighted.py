"""F1 weighted by how often a class is true, shown next to the average that the convention names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from duetbench.evaluation.conventions import CLASSES
from duetbench.interfaces import Metric
from duetbench.metrics.f1 import f1, f1_pair_values, f1_part_values
from duetbench.types import Domain, MetricValues

if TYPE_CHECKING:
    from duetbench.evaluation.conventions import Convention, Flags, Floats


class F1Weighted(Metric):
    """F1 weighted by how often a class is true, by what the classes are (CLASSES)."""

    name = "f1_weighted"
    title = "F1 weighted"
    summary = "F1 over the classes, weighted by how often a class is true"
    lower_is_better = False
    optimal_decision = None  # the best label of one pair depends on the predictions of all others

    def compute(self, predicted: Floats, truth: Floats, domain: Domain) -> dict[str, float | None]:
        return {classes: f1(predicted, truth, domain, classes=classes)["weighted"] for classes in CLASSES}

    def select(self, values: Mapping[str, Any], convention: Convention) -> float | None:
        value: float | None = values[convention.classes]
        return value

    def pair_values(self, predicted: Floats, truth: Floats, domain: Domain, convention: Convention) -> Floats:
        return f1_pair_values(predicted, truth, domain, classes=convention.classes, average="weighted")

    def part_values(
        self, predicted: Floats, truth: Floats, domain: Domain, convention: Convention, parts: Flags
    ) -> Floats:
        return f1_part_values(predicted, truth, domain, parts, classes=convention.classes)["weighted"]

    def derive(self, recorded: Mapping[str, MetricValues]) -> MetricValues | None:
        averages: Mapping[str, Any] = recorded.get("f1", {})
        return {classes: averages[classes]["weighted"] for classes in averages} or None
