"""Evaluates weights on validation rows as the final evaluation does on test rows: write profiles, score, compare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from duetbench.evaluation.leakage import leak_rate
from duetbench.interfaces import Engine, Scorer, Strategy
from duetbench.profiling import write_profiles
from duetbench.training.rewarding import check_scorer_errors
from duetbench.types import Example, Profile, Profiles, Sampling


class Evaluation(NamedTuple):
    """The metrics of weights on validation rows."""

    metrics: dict[str, float | int | None]
    """`mae` over all rows, which checkpoints are chosen by: a row without a prediction counts as the largest possible
    error, so that no checkpoint gains by being unreadable. `rmse` likewise; `mae_readable`; shares `readable`,
    `scored`, `leaks`; mean `words` of a profile; `rows`."""
    shown: list[dict[str, Any]]
    """Some rows with their profiles, the same rows at every evaluation."""
    held_out_errors: list[float | None] | None = None
    """Absolute errors of the scorer outside the loop, one per row, None without a prediction; None: there is no such
    scorer. `held_out_mae` among the metrics is their mean."""


@dataclass(frozen=True)
class Validation:
    """Validation rows and how they are predicted."""

    strategy: Strategy
    examples: Sequence[Example]
    """At least one."""
    scorer: Scorer
    n_shown: int
    """Rows whose profiles are kept."""
    stage_engines: Mapping[str, Engine] = field(default_factory=dict)
    """Engines of stages that do not run on the evaluated weights, by stage name."""
    monitor_scorer: Scorer | None = None
    """A scorer outside the loop."""

    def evaluate(self, writer: Engine, scorer_engine: Engine | None) -> Evaluation:
        """The metrics of the profiles that `writer` generates with greedy decoding."""
        requests = [example.request for example in self.examples]
        written = write_profiles(self.strategy, requests, writer, Sampling(), stage_engines=self.stage_engines)
        return self.evaluate_profiles(written.profiles, scorer_engine)

    def evaluate_profiles(self, written: Sequence[Profiles], scorer_engine: Engine | None) -> Evaluation:
        """The metrics of these profiles under the scorer, which runs on `scorer_engine`.

        Raises:
            EngineError: most calls failed; they would count against the weights, which did not cause the failures.
        """
        values = self._values(self.scorer, written, scorer_engine)
        metrics, shown = self._metrics(written, values), self._shown(written, values)
        if self.monitor_scorer is None:
            return Evaluation(metrics, shown)
        held_out = self._values(self.monitor_scorer, written, scorer_engine)
        errors = [abs(held_out[row] - truth) if row in held_out else None for row, truth in enumerate(self._truths())]
        held_out_mae = _mean([error for error in errors if error is not None])
        return Evaluation({**metrics, "held_out_mae": held_out_mae}, shown, errors)

    def _values(self, scorer: Scorer, written: Sequence[Profiles], engine: Engine | None) -> dict[int, float]:
        """The predicted ratings by row, on the scale of the data; rows without one are absent."""
        readable = [row for row, profiles in enumerate(written) if profiles.failed is None]
        requests = [self.examples[row].request for row in readable]
        predictions = scorer.score(requests, [written[row] for row in readable], engine)
        check_scorer_errors(predictions)
        return {
            row: requests[position].domain.to_original(prediction.value)
            for position, (row, prediction) in enumerate(zip(readable, predictions, strict=True))
            if prediction.value is not None
        }

    def _truths(self) -> list[float]:
        """The true ratings, on the scale of the data."""
        return [example.request.domain.to_original(example.rating) for example in self.examples]

    def _errors(self, values: dict[int, float]) -> list[float]:
        """The absolute error of each row on the scale of the data; the largest possible one without a prediction."""
        truths, labels = self._truths(), self.examples[0].request.domain.of_data.labels
        largest = [max(truth - labels[0], labels[-1] - truth) for truth in truths]
        return [abs(values[row] - truth) if row in values else largest[row] for row, truth in enumerate(truths)]

    def _metrics(self, written: Sequence[Profiles], values: dict[int, float]) -> dict[str, float | int | None]:
        errors = self._errors(values)
        n_readable = sum(profiles.failed is None for profiles in written)
        readable = [errors[row] for row in values]
        texts = [profile for profiles in written for profile in _written(profiles)]
        return {
            "rows": len(errors),
            "mae": _mean(errors),
            "mae_readable": _mean(readable),
            "rmse": math.sqrt(math.fsum(error**2 for error in errors) / len(errors)),
            "readable": n_readable / len(errors),
            "scored": len(readable) / len(errors),
            "leaks": leak_rate(texts),
            "words": _mean([len(profile.text.split()) for profile in texts]),
        }

    def _shown(self, written: Sequence[Profiles], values: dict[int, float]) -> list[dict[str, Any]]:
        truths = self._truths()
        return [
            {
                "request_id": self.examples[row].request.request_id,
                "rating": truths[row],
                "value": values.get(row),
                "failed": written[row].failed,
                "profiles": {
                    profile.side: {"text": profile.text, "notes": dict(profile.notes)}
                    for profile in _written(written[row])
                },
            }
            for row in range(min(self.n_shown, len(self.examples)))
        ]


def _written(profiles: Profiles) -> list[Profile]:
    return [profile for profile in (profiles.user, profiles.item, profiles.pair) if profile is not None]


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
