"""Calls metrics, checks their results, and selects the values that a convention shows.

A third-party metric may raise or return anything: every fault becomes an error that names the metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from duetbench.errors import PluginError
from duetbench.escaping import one_line
from duetbench.evaluation.conventions import CONVENTIONS, Convention
from duetbench.interfaces import Metric
from duetbench.types import Domain, MetricValues

if TYPE_CHECKING:
    from duetbench.evaluation.conventions import Floats

T = TypeVar("T")

COUNT = "n"
"""Key of the number of pairs, which no metric can have as its name."""


def compute_values(metrics: Sequence[Metric], predicted: Floats, truth: Floats, domain: Domain) -> dict[str, Any]:
    """The number of pairs as `n`, and the values of each metric under its name.

    Raises:
        PluginError: a metric raised an error, or returned something other than values by variant.
    """
    predicted, truth = _read_only(predicted), _read_only(truth)
    return {COUNT: len(truth), **{metric.name: _computed(metric, predicted, truth, domain) for metric in metrics}}


def without_variant(values: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """The values of metrics by name, with None in place of every number of one variant."""
    return {
        name: {**metric, variant: _emptied(metric[variant])}
        if isinstance(metric, Mapping) and variant in metric
        else metric
        for name, metric in values.items()
    }


def _emptied(value: Any) -> Any:
    return dict.fromkeys(value) if isinstance(value, Mapping) else None


def _read_only(values: Floats) -> Floats:
    """A read-only view, so that a metric cannot change the values for later metrics."""
    view = values.view()
    view.flags.writeable = False
    return view


def _computed(metric: Metric, predicted: Floats, truth: Floats, domain: Domain) -> dict[str, Any]:
    if metric.name == COUNT:
        raise PluginError(f"no metric can be named '{COUNT}', which is the number of pairs: rename it")
    values = _called(metric, f"on {len(truth)} pairs", lambda: metric.compute(predicted, truth, domain))
    checked = _checked_values(metric, values)
    if not len(truth) and any(number is not None for number in _numbers(checked)):
        raise PluginError(f"{_named(metric)} returned numbers for no pairs; every value must be None then")
    return checked


def _called(metric: Metric, action: str, call: Callable[[], T]) -> T:
    try:  # the code of a plugin may raise anything
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        frame = extract_tb(error.__traceback__)[-1]
        fault = one_line(f"{type(error).__name__}: {error}")
        raise PluginError(
            f"{_named(metric)} failed {action}: {fault} ({Path(frame.filename).name}, line {frame.lineno}); fix it, or "
            f"leave it out with DUETBENCH_DISABLE_PLUGINS={metric.name}"
        ) from error


def _checked_values(metric: Metric, values: Any) -> dict[str, Any]:
    _check_names(metric, values, "values by variant")
    return {
        variant: _checked_parts(metric, value, variant)
        if isinstance(value, Mapping)
        else _checked_number(metric, value, f"the variant '{variant}'")
        for variant, value in values.items()
    }


def _checked_parts(metric: Metric, values: Any, variant: str) -> dict[str, float | None]:
    _check_names(metric, values, f"numbers by name for the variant '{variant}'")
    return {name: _checked_number(metric, value, f"'{variant}.{name}'") for name, value in values.items()}


def _check_names(metric: Metric, values: Any, expected: str) -> None:
    if not isinstance(values, Mapping) or not values or not all(isinstance(name, str) and name for name in values):
        raise PluginError(f"{_named(metric)} returned {_short(values)}; expected {expected}")


def _checked_number(metric: Metric, value: Any, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise PluginError(f"{_named(metric)} returned {_short(value)} for {name}; expected a finite number or None")
    return float(value)


def _numbers(values: Mapping[str, Any]) -> Iterator[float | None]:
    for value in values.values():
        if isinstance(value, Mapping):
            yield from _numbers(value)
        else:
            yield value


def _named(metric: Metric) -> str:
    return f"metric '{metric.name}'"


def _short(value: Any) -> str:
    return one_line(repr(value), 80)


class ShownValues(NamedTuple):
    """The values of one record that a convention selects."""

    values: dict[str, float | None]
    """By metric: the registered ones in their order, then other recorded ones."""
    unrecorded: tuple[str, ...]
    """Registered metrics without recorded values."""
    faults: tuple[str, ...]
    """Metrics that cannot read their recorded values, one line each; their value is None."""


def shown_values(
    recorded: Mapping[str, MetricValues], metrics: Sequence[Metric], convention: Convention
) -> ShownValues:
    """The recorded values of one population of pairs that a convention selects, by metric."""
    shown: dict[str, float | None] = {}
    unrecorded, faults = [], []
    for metric in metrics:
        try:
            values = recorded.get(metric.name) or _derived(metric, recorded)
            shown[metric.name] = None if values is None else selected_value(metric, values, convention)
            unrecorded += [metric.name] if values is None else []
        except PluginError as error:
            shown[metric.name] = None
            faults.append(str(error))
    unregistered = {
        name: unregistered_value(values, convention) for name, values in recorded.items() if name not in shown
    }
    return ShownValues(shown | unregistered, tuple(unrecorded), tuple(faults))


def _derived(metric: Metric, recorded: Mapping[str, Any]) -> MetricValues | None:
    return _called(metric, "to derive its values from a record", lambda: metric.derive(recorded))


def selected_value(metric: Metric, values: Mapping[str, Any], convention: Convention) -> float | None:
    """The value that a metric shows under a convention.

    Raises:
        PluginError: it raised an error, or returned something other than a number or None.
    """
    action = f"to select the value for the convention '{convention.name}'"
    value = _called(metric, action, lambda: metric.select(values, convention))
    return _checked_number(metric, value, f"the convention '{convention.name}'")


def unregistered_value(values: Mapping[str, Any], convention: Convention) -> float | None:
    """The value to show of a metric that is not registered.

    The variant that the convention names for errors, for classes or for averages; without such a variant, the first.
    """
    names = [name for name in (convention.error, convention.classes, convention.f1) if name in values]
    value = values[names[0]] if names else next(iter(values.values()), None)
    return unregistered_value(value, convention) if isinstance(value, Mapping) else value


def metric_faults(metrics: Sequence[Metric], domains: Sequence[Domain]) -> list[str]:
    """One line for each metric that fails on small synthetic tables, which is known before any model is loaded.

    Args:
        domains: The scales to try it on.
    """
    return [fault for metric in metrics if (fault := _first_fault(metric, domains))]


def _first_fault(metric: Metric, domains: Sequence[Domain]) -> str | None:
    import numpy as np

    try:
        for domain in domains:
            for predicted, truth in _synthetic_tables(domain):
                arrays = np.asarray(predicted, dtype=float), np.asarray(truth, dtype=float)
                values = compute_values([metric], *arrays, domain)[metric.name]
                for convention in CONVENTIONS.values():
                    selected_value(metric, values, convention)
    except PluginError as error:
        return str(error)
    return None


def _synthetic_tables(domain: Domain) -> Iterator[tuple[list[float], list[float]]]:
    """Predicted and true ratings: none, one pair, all correct, all equal, and predictions off the scale."""
    labels = [float(label) for label in domain.labels]
    yield [], []
    yield labels[:1], labels[:1]
    yield labels, labels
    yield labels[:1] * 3, labels[-1:] * 3
    yield [-1.0, 0.0, labels[0] + 0.37, labels[-1] + 1, *labels], [*labels[:1] * 3, labels[-1], *reversed(labels)]
