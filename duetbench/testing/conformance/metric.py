"""Checks for metrics: possible causes of wrong numbers on a leaderboard."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

from duetbench.errors import PluginError
from duetbench.evaluation.conventions import CONVENTIONS
from duetbench.evaluation.decision import DECISIONS
from duetbench.evaluation.metric_values import COUNT, compute_values, selected_value
from duetbench.evaluation.pair_values import pair_values
from duetbench.interfaces import Metric
from duetbench.testing.conformance.base import Conformance
from duetbench.testing.conformance.checks import require
from duetbench.types import Domain

if TYPE_CHECKING:
    from duetbench.evaluation.conventions import Convention, Flags, Floats

_STARS = Domain("item", "items")
_DOMAINS = (_STARS, Domain("item", "items", (0, 4, 10)))
_TOLERANCE = 1e-9
"""Sums of floats depend on the order of the terms."""


class _Pairs(NamedTuple):
    name: str
    predicted: Floats
    truth: Floats

    def only(self, part: Flags) -> _Pairs:
        """Some of the pairs."""
        return _Pairs(self.name, self.predicted[part], self.truth[part])


class MetricConformance(Conformance):
    """Checks for a metric: finite numbers or None, and the best ones for perfect predictions."""

    def make(self) -> Metric:
        """A fresh instance."""
        metric: Metric = super().make()
        return metric

    def test_has_a_title_and_a_direction(self) -> None:
        """It has a one-line title, and declares whether lower is better and which decision rule is optimal."""
        title = self.plugin.title  # type: ignore[attr-defined]
        require(isinstance(title, str) and title.strip(), "`title` is empty: write the heading of its column")
        require("\n" not in title, "`title` is longer than one line")
        lower = self.plugin.lower_is_better  # type: ignore[attr-defined]
        require(isinstance(lower, bool), f"`lower_is_better` must be True or False, got {lower!r}")
        rule = self.plugin.optimal_decision  # type: ignore[attr-defined]
        require(
            rule is None or rule in DECISIONS, f"`optimal_decision` must be None or one of {DECISIONS}, got {rule!r}"
        )

    def test_has_no_options(self) -> None:
        """It has no options: one name means one number."""
        names = [field.name for field in fields(self.plugin.Config)]
        require(not names, f"it has the option {', '.join(names)}: make each choice a variant or a metric of its own")

    def test_numbers_are_finite_or_none(self) -> None:
        """Every value is a finite number or None, also for one pair, equal ratings and predictions off the scale."""
        for domain in _DOMAINS:
            for pairs in _tables(domain):
                self._values(pairs, domain)

    def test_values_of_pairs_have_the_metric_as_their_mean(self) -> None:
        """The mean of `pair_values`, if it has them, is its value under every convention."""
        for domain in _DOMAINS:
            for pairs in _tables(domain):
                for convention in CONVENTIONS.values():
                    if pairs.truth.size:
                        pair_values(self.make(), pairs.predicted, pairs.truth, domain, convention)

    def test_values_of_parts_are_its_values(self) -> None:
        """`part_values`, if it has them, are its values of these pairs alone; a mean over pairs is one in each part."""
        import numpy as np

        for pairs in _tables(_STARS):
            n = len(pairs.truth)
            parts = np.stack([np.ones(n, dtype=bool), np.arange(n) % 2 == 0, np.arange(n) < max(n // 3, 1)])
            for convention in CONVENTIONS.values():
                for values in self._values_of_parts(pairs, parts, convention):
                    alone = [self._shown(pairs.only(part), _STARS)[convention.name] for part in parts]
                    is_same = all(map(_is_close, values, alone))
                    require(is_same, f"parts have the values {values}, the same pairs alone {alone} ({pairs.name})")

    def test_no_pairs_have_no_value(self) -> None:
        """Without pairs every value is None, not 0."""
        import numpy as np

        self._values(_Pairs("no pairs", np.zeros(0), np.zeros(0)), _STARS)

    def test_variants_are_always_the_same(self) -> None:
        """The variants are the same for no pairs, for one pair and for many."""
        import numpy as np

        tables = [_Pairs("no pairs", np.zeros(0), np.zeros(0)), *_tables(_STARS)]
        names = {pairs.name: set(_leaves(self._values(pairs, _STARS))) for pairs in tables}
        first = names["no pairs"]
        other = next((name for name, variants in names.items() if variants != first), None)
        require(other is None, f"the variants for no pairs and for {other} differ: return None for what has no value")

    def test_perfect_predictions_are_best(self) -> None:
        """Under every convention, no predictions have a better value than perfect ones."""
        for domain in _DOMAINS:
            truth = _truths(domain)
            perfect = self._shown(_Pairs("perfect predictions", truth, truth), domain)
            for pairs in _tables(domain):
                if len(pairs.truth) == len(truth) and (pairs.truth == truth).all():
                    self._require_no_better(pairs.name, self._shown(pairs, domain), perfect)

    def test_order_of_pairs_does_not_matter(self) -> None:
        """Pairs in another order have the same values."""
        for pairs in _tables(_STARS):
            forward = _leaves(self._values(pairs, _STARS))
            backward = _leaves(self._values(_Pairs(pairs.name, pairs.predicted[::-1], pairs.truth[::-1]), _STARS))
            changed = [name for name in forward if not _is_close(forward[name], backward[name])]
            require(not changed, f"{', '.join(changed)} depends on the order of the pairs ({pairs.name})")

    def test_values_are_deterministic(self) -> None:
        """The same pairs have the same values, from a used instance and from a fresh one."""
        used = self.make()
        for pairs in _tables(_STARS):
            first = self._values(pairs, _STARS, used)
            require(self._values(pairs, _STARS, used) == first, f"a second call has other values ({pairs.name})")
            require(self._values(pairs, _STARS) == first, f"a fresh instance has other values ({pairs.name})")

    def record_parts(self) -> dict[str, Any]:
        """Its values under its name."""
        pairs = next(_tables(_STARS))
        return {"metrics": {COUNT: len(pairs.truth), self.plugin.name: self._values(pairs, _STARS)}}

    def _values(self, pairs: _Pairs, domain: Domain, metric: Metric | None = None) -> dict[str, Any]:
        try:
            computed = compute_values([metric or self.make()], pairs.predicted, pairs.truth, domain)
        except PluginError as error:
            raise AssertionError(f"{error} ({pairs.name})") from error
        values: dict[str, Any] = computed[self.plugin.name]
        return values

    def _values_of_parts(self, pairs: _Pairs, parts: Flags, convention: Convention) -> Iterator[list[float]]:
        """What it computes for parts, and if it declares to be a mean over pairs the means of its values per pair."""
        metric = self.make()
        values = metric.part_values(pairs.predicted, pairs.truth, _STARS, convention, parts)
        if values is not None:
            yield [float(value) for value in values]
        of_pairs = metric.pair_values(pairs.predicted, pairs.truth, _STARS, convention) if metric.is_mean else None
        if of_pairs is not None:
            yield [float(of_pairs[part].mean()) for part in parts]

    def _shown(self, pairs: _Pairs, domain: Domain) -> dict[str, float | None]:
        """By convention."""
        values, metric = self._values(pairs, domain), self.make()
        try:
            return {name: selected_value(metric, values, convention) for name, convention in CONVENTIONS.items()}
        except PluginError as error:
            raise AssertionError(str(error)) from error

    def _require_no_better(
        self, name: str, shown: Mapping[str, float | None], perfect: Mapping[str, float | None]
    ) -> None:
        sign = 1 if self.make().lower_is_better else -1
        for convention, value in shown.items():
            best = perfect[convention]
            if value is None or best is None:
                continue
            require(
                sign * best <= sign * value + _TOLERANCE,
                f"{name} have {value:g} under the convention '{convention}', better than perfect ones ({best:g}); is "
                "`lower_is_better` right?",
            )


def _truths(domain: Domain) -> Floats:
    """True ratings with every label, some of them more often."""
    import numpy as np

    return np.asarray([*domain.labels, *domain.labels[1:], domain.labels[-1]], dtype=float)


def _tables(domain: Domain) -> Iterator[_Pairs]:
    import numpy as np

    truth = _truths(domain)
    low, high = float(domain.labels[0]), float(domain.labels[-1])
    rng = np.random.default_rng(0)
    yield _Pairs("fractional predictions", np.clip(truth + rng.normal(0, 1.0, truth.size), low, high), truth)
    yield _Pairs("reversed predictions", low + high - truth, truth)
    yield _Pairs("shifted predictions", truth + 1, truth)
    yield _Pairs("the mean for every pair", np.full(truth.size, truth.mean()), truth)
    yield _Pairs("predictions below the scale", np.where(truth == high, -1.0, 0.0), truth)
    yield _Pairs("perfect predictions", truth, truth)
    yield _Pairs("equal true ratings", np.array([low, high, 2.5]), np.full(3, high))
    yield _Pairs("one pair", np.array([low]), np.array([high]))
    yield _Pairs("one perfect pair", np.array([high]), np.array([high]))


def _leaves(values: Mapping[str, Any], path: str = "") -> dict[str, float | None]:
    """The numbers by their path."""
    leaves: dict[str, float | None] = {}
    for name, value in values.items():
        leaves |= _leaves(value, f"{path}{name}.") if isinstance(value, Mapping) else {f"{path}{name}": value}
    return leaves


def _is_close(value: float | None, other: float | None) -> bool:
    if value is None or other is None:
        return value is other
    return math.isclose(value, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
