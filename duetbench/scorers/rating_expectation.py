"""The rating from the label probabilities, by default their expectation: one forward pass, no parsing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from duetbench.evaluation.decision import DECISION_MEANING, decide
from duetbench.interfaces import Engine, Scorer, option
from duetbench.scales import label_text
from duetbench.scorers.rating_prompts import (
    PromptedScorerConfig,
    item_window,
    rating_prompt_digests,
    rating_prompts,
    require_engine,
)
from duetbench.types import Decision, Domain, LabelLogprobs, Prediction, Profiles, Prompt, Request


class RatingExpectation(Scorer):
    """Softmax over the labels after the answer prefix, then their mean `sum_l p(l) l`, median or mode."""

    name = "rating_expectation"
    summary = "the mean, median or mode of the labels under their next-token probabilities"
    source = "Reason4Rec (Fang et al. 2025), fractional rating"
    template: ClassVar[str] = "score_labels"
    """Name of the prompt file."""

    @dataclass(frozen=True)
    class Config(PromptedScorerConfig):
        answer_prefix: str = option("Rating: ", "beginning of the completion; the labels follow it")
        decision: Literal["mean", "median", "mode"] = option("mean", DECISION_MEANING)

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request, with the label probabilities and their share of the probability mass."""
        engine = require_engine(engine, self.name)
        if not requests:
            return []
        prompts, domain = self.prompts(requests, profiles), requests[0].domain
        answers = _answers(domain)
        all_logprobs = engine.label_logprobs(prompts, self.config.answer_prefix, list(answers))
        predictions: dict[int, Prediction] = {}
        for prompt, logprobs in zip(prompts, all_logprobs, strict=True):
            by_label = _by_label(logprobs, list(answers.values()), domain.labels)
            prediction = prediction_of(by_label, domain.labels, self.config.decision)
            predictions |= dict.fromkeys(prompt.for_requests, prediction)
        return [predictions[position] for position in range(len(requests))]

    def fault(self, domain: Domain, engine: Engine | None) -> str | None:
        """An engine that cannot read the probabilities of these labels."""
        fault = engine.label_fault(self.config.answer_prefix, list(_answers(domain))) if engine else None
        return f"scorer '{self.name}': {fault}; scorer 'rating_text' needs no label probabilities" if fault else None

    def target(self, rating: float, domain: Domain) -> str:
        """The prefix followed by the nearest label; on a tie, the upper one."""
        return f"{self.config.answer_prefix}{label_text(domain.nearest(rating))}"

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        """The distinct prompts; the answer begins with `answer_prefix`."""
        return rating_prompts(self.template, self.config, requests, profiles)

    def history_needed(self) -> int:
        return int(max(self.config.history_k, item_window(self.config)))

    def prompt_digests(self) -> dict[str, str]:
        return rating_prompt_digests(self.template, self.config)


def _answers(domain: Domain) -> dict[str, float]:
    """The texts that state a label, with the label: each one as it is, then on scales with decimals `4.0` for 4."""
    answers = dict(zip(domain.label_texts, domain.labels, strict=True))
    if domain.is_whole:
        return answers
    return answers | {f"{label}.0": label for label in domain.labels if isinstance(label, int)}


def _by_label(answers: LabelLogprobs, stated: Sequence[float], labels: Sequence[float]) -> LabelLogprobs:
    """The log-probabilities of labels from those of the answers that state them."""
    if answers.status != "ok" or len(stated) == len(labels):
        return answers
    pairs = list(zip(stated, answers.logprobs, strict=True))
    totals = [math.fsum(math.exp(logprob) for other, logprob in pairs if other == label) for label in labels]
    return replace(answers, logprobs=tuple(math.log(total) if total else -math.inf for total in totals))


def prediction_of(label_logprobs: LabelLogprobs, labels: Sequence[float], decision: Decision = "mean") -> Prediction:
    """What the rule gives for the labels' probabilities; no value if the call failed or all probabilities are 0."""
    import numpy as np

    if label_logprobs.status != "ok":
        return Prediction(None, label_logprobs.status, "rating", label_logprobs.error)
    top = max(label_logprobs.logprobs)
    if not math.isfinite(top):
        return Prediction(None, "unreadable", "rating", label_mass=0.0)
    weights = [math.exp(logprob - top) for logprob in label_logprobs.logprobs]
    total = math.fsum(weights)
    probabilities = tuple(weight / total for weight in weights)
    value = float(decide(np.array([probabilities]), labels, decision)[0])
    mass = min(total * math.exp(top), 1.0)  # rounding may push the sum of probabilities above 1
    return Prediction(value, probabilities=probabilities, label_mass=mass)
