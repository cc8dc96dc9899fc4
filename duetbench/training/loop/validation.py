"""Evaluates weights on validation rows, as the final evaluation will on test rows: write, score, compare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from duetbench.interfaces import Engine, Scorer, Strategy
from duetbench.profiling import write_profiles
from duetbench.training.leaks import leak_rate
from duetbench.training.rewarding import check_scorer_errors
from duetbench.types import Example, Profile, Profiles, Sampling


class Evaluation(NamedTuple):
    """What weights are worth on validation rows."""

    metrics: dict[str, float | int | None]
    """`mae` over all rows, those without a prediction as wrong as can be: what checkpoints are chosen by, so that no
    checkpoint gains by being unreadable. `rmse` likewise; `mae_readable`; shares `readable`, `scored`, `leaks`;
    `words` of a profile; `rows`."""
    shown: list[dict[str, Any]]
    """A few rows with their profiles, always the same rows."""


@dataclass(frozen=True)
class Validation:
    """Validation rows and how they are predicted."""

    strategy: Strategy
    examples: Sequence[Example]
    """At least one."""
    scorer: Scorer
    show: int
    """How many rows' profiles are kept."""
    others: Mapping[str, Engine] = field(default_factory=dict)
    """Who writes instead of the writer, by stage name."""

    def evaluate(self, writer: Engine, scorer_engine: Engine | None) -> Evaluation:
        """The metrics of what `writer` writes, greedily, under the frozen scorer asking `scorer_engine`."""
        requests = [example.request for example in self.examples]
        written = write_profiles(self.strategy, requests, writer, Sampling(), stage_engines=self.others)
        return self.evaluate_profiles(written.profiles, scorer_engine)

    def evaluate_profiles(self, written: Sequence[Profiles], scorer_engine: Engine | None) -> Evaluation:
        """The metrics of these profiles under the scorer asking `scorer_engine`.

        Raises:
            EngineError: most calls failed; they would count against weights that have no part in it.
        """
        requests = [example.request for example in self.examples]
        readable = [place for place, profiles in enumerate(written) if profiles.failed is None]
        predictions = self.scorer.score(
            [requests[place] for place in readable], [written[place] for place in readable], scorer_engine
        )
        check_scorer_errors(predictions)
        values = {
            place: prediction.value
            for place, prediction in zip(readable, predictions, strict=True)
            if prediction.value is not None
        }
        return Evaluation(self._metrics(written, values, len(readable)), self._shown(written, values))

    def _metrics(
        self, written: Sequence[Profiles], values: dict[int, float], n_readable: int
    ) -> dict[str, float | int | None]:
        truths = [example.rating for example in self.examples]
        labels = self.examples[0].request.domain.labels
        worst = [max(truth - labels[0], labels[-1] - truth) for truth in truths]
        errors = [abs(values[place] - truth) if place in values else worst[place] for place, truth in enumerate(truths)]
        known = [errors[place] for place in values]
        profiles = [profile for one in written for profile in _texts(one)]
        return {
            "rows": len(errors),
            "mae": _mean(errors),
            "mae_readable": _mean(known),
            "rmse": math.sqrt(math.fsum(error**2 for error in errors) / len(errors)),
            "readable": n_readable / len(errors),
            "scored": len(known) / len(errors),
            "leaks": leak_rate(profiles),
            "words": _mean([len(profile.text.split()) for profile in profiles]),
        }

    def _shown(self, written: Sequence[Profiles], values: dict[int, float]) -> list[dict[str, Any]]:
        return [
            {
                "request_id": self.examples[place].request.request_id,
                "rating": self.examples[place].rating,
                "value": values.get(place),
                "failed": written[place].failed,
                "profiles": {
                    profile.side: {"text": profile.text, "notes": dict(profile.notes)}
                    for profile in _texts(written[place])
                },
            }
            for place in range(min(self.show, len(self.examples)))
        ]


def _texts(profiles: Profiles) -> list[Profile]:
    return [profile for profile in (profiles.user, profiles.item, profiles.pair) if profile is not None]


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
