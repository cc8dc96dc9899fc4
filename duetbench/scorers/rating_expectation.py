"""The rating as the expectation over the label probabilities: one forward pass, no parsing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from duetbench.interfaces import Engine, Scorer, option
from duetbench.scorers.rating_prompts import (
    PromptedScorerConfig,
    item_window,
    rating_prompt_digests,
    rating_prompts,
    require_engine,
)
from duetbench.types import Domain, LabelLogprobs, Prediction, Profiles, Prompt, Request


class RatingExpectation(Scorer):
    """Softmax over the labels after the answer prefix, then their mean: `sum_l p(l) l`."""

    name = "rating_expectation"
    summary = "the mean of the labels under their next-token probabilities"
    source = "Reason4Rec (Fang et al. 2025), fractional rating"
    template: ClassVar[str] = "score_labels"
    """Name of the prompt file."""

    @dataclass(frozen=True)
    class Config(PromptedScorerConfig):
        answer_prefix: str = option(
            "Rating: ", "beginning of the completion; each label must be a single token after it"
        )

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request, with the label probabilities and their share of the probability mass."""
        engine = require_engine(engine, self.name)
        if not requests:
            return []
        prompts = self.prompts(requests, profiles)
        labels = requests[0].domain.labels
        all_logprobs = engine.label_logprobs(prompts, self.config.answer_prefix, [str(label) for label in labels])
        predictions: dict[int, Prediction] = {}
        for prompt, logprobs in zip(prompts, all_logprobs, strict=True):
            predictions |= dict.fromkeys(prompt.for_requests, expectation(logprobs, labels))
        return [predictions[position] for position in range(len(requests))]

    def target(self, rating: float, domain: Domain) -> str:
        """The prefix followed by the nearest label; on a tie, the upper one."""
        label = min(domain.labels, key=lambda label: (abs(label - rating), -label))
        return f"{self.config.answer_prefix}{label}"

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        """The distinct prompts; the answer begins with `answer_prefix`."""
        return rating_prompts(self.template, self.config, requests, profiles)

    def history_needed(self) -> int:
        return int(max(self.config.history_k, item_window(self.config)))

    def prompt_digests(self) -> dict[str, str]:
        return rating_prompt_digests(self.template, self.config)


def expectation(label_logprobs: LabelLogprobs, labels: Sequence[int]) -> Prediction:
    """The mean of the labels under their probabilities; no value if the call failed or all probabilities are 0."""
    if label_logprobs.status != "ok":
        return Prediction(None, label_logprobs.status, "rating", label_logprobs.error)
    top = max(label_logprobs.logprobs)
    if not math.isfinite(top):
        return Prediction(None, "unreadable", "rating", label_mass=0.0)
    weights = [math.exp(logprob - top) for logprob in label_logprobs.logprobs]
    total = math.fsum(weights)
    probabilities = tuple(weight / total for weight in weights)
    value = math.fsum(label * probability for label, probability in zip(labels, probabilities, strict=True))
    mass = min(total * math.exp(top), 1.0)  # rounding may push the sum of probabilities above 1
    return Prediction(value, probabilities=probabilities, label_mass=mass)
