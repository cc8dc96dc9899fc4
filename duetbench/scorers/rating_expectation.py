"""The rating as an expectation over the labels' probabilities: one forward pass, never unreadable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from duetbench.interfaces import Engine, Scorer, option
from duetbench.scorers.rating_prompts import AskingConfig, digest_of, needed, rating_prompts
from duetbench.types import Domain, LabelLogprobs, Prediction, Profiles, Prompt, Request


class RatingExpectation(Scorer):
    """Softmax over the labels after the answer prefix, then their mean: `sum_l p(l) l`."""

    name = "rating_expectation"
    summary = "the mean of the labels under their next-token probabilities"
    source = "Reason4Rec (Fang et al. 2025), fractional rating"
    template: ClassVar[str] = "score_labels"
    """The prompt file."""

    @dataclass(frozen=True)
    class Config(AskingConfig):
        """Options."""

        answer_prefix: str = option("Rating: ", "the answer's beginning; each label must be one token after it")

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request, with the labels' probabilities and the share of mass that fell on labels."""
        engine = needed(engine, self.name)
        if not requests:
            return []
        prompts = self.prompts(requests, profiles)
        labels = requests[0].domain.labels
        readings = engine.label_logprobs(prompts, self.config.answer_prefix, [str(label) for label in labels])
        predictions: dict[int, Prediction] = {}
        for prompt, reading in zip(prompts, readings, strict=True):
            predictions |= dict.fromkeys(prompt.for_requests, expectation(reading, labels))
        return [predictions[position] for position in range(len(requests))]

    def target(self, rating: float, domain: Domain) -> str:
        """The prefix with the nearest label, the upper one of two as near."""
        label = min(domain.labels, key=lambda label: (abs(label - rating), -label))
        return f"{self.config.answer_prefix}{label}"

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        """What is asked, each question once; the answer begins with `answer_prefix`."""
        return rating_prompts(self.template, self.config, requests, profiles)

    def prompt_digests(self) -> dict[str, str]:
        """See the base class."""
        return digest_of(self.template, self.config)


def expectation(reading: LabelLogprobs, labels: Sequence[int]) -> Prediction:
    """The prediction that a reading stands for; no value if the call failed or no label has any probability."""
    if reading.status != "ok":
        return Prediction(None, reading.status, "rating", reading.error)
    top = max(reading.logprobs)
    if not math.isfinite(top):
        return Prediction(None, "unreadable", "rating", label_mass=0.0)
    weights = [math.exp(logprob - top) for logprob in reading.logprobs]
    total = math.fsum(weights)
    probabilities = tuple(weight / total for weight in weights)
    value = math.fsum(label * probability for label, probability in zip(labels, probabilities, strict=True))
    mass = min(total * math.exp(top), 1.0)  # rounding may take a sum of probabilities past 1
    return Prediction(value, probabilities=probabilities, label_mass=mass)
