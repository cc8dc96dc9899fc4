"""The rating as text: the model generates `<rating>d.dd</rating>` at temperature 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.engines.complete import complete
from duetbench.interfaces import Engine, Scorer, option
from duetbench.parsing import failure_status, parse_official_rating, parse_rating
from duetbench.scorers.rating_prompts import (
    PromptedScorerConfig,
    item_window,
    rating_prompt_digests,
    rating_prompts,
    require_engine,
)
from duetbench.types import Completion, Domain, Prediction, Profiles, Prompt, Request, Sampling, Slot

_TEMPLATE = "score_text"
_OPEN, _CLOSE = "<rating>", "</rating>"


class RatingText(Scorer):
    """A generated rating with two decimals; greedy, so that equal prompts get equal predictions."""

    name = "rating_text"
    summary = "the model generates the rating with two decimals, at temperature 0"
    source = "DUET, sections 4.1.2 and 4.2"

    @dataclass(frozen=True)
    class Config(PromptedScorerConfig):
        answer: Literal["free", "prefill", "fill"] = option(
            "free", "prefill: the completion begins with the tag; fill: the model generates only the number"
        )
        decimals: Literal["two", "any"] = option(
            "two", "two: only ratings with two decimals; any: any number on the scale"
        )
        parse: Literal["strict", "official"] = option(
            "strict",
            "strict: several different ratings are unreadable; official: what the authors' code accepts (the last of "
            "several; only closed lower-case tags), on the scale 1 to 5 only and without a stop string",
        )
        max_tokens: int = option(24, "maximum number of tokens per completion; 20 in the authors' code")

        def without_effect(self) -> dict[str, str]:
            """See `Plugin.Config`."""
            reasons = super().without_effect()
            if self.parse == "official":
                reasons["decimals"] = "parse=official reads two decimals"
            return reasons

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request; ratings that are missing or outside the scale are unreadable, not clipped."""
        engine = require_engine(engine, self.name)
        prompts = self.prompts(requests, profiles)
        stop = () if self.config.parse == "official" else (_CLOSE,)
        sampling = Sampling(temperature=0.0, max_tokens=self.config.max_tokens, stop=stop)
        completions = complete(engine, prompts, sampling)
        predictions: dict[int, Prediction] = {}
        for prompt, completion in zip(prompts, completions, strict=True):
            for position in prompt.for_requests:
                predictions[position] = self._predict(completion, prompt, requests[position])
        return [predictions[position] for position in range(len(requests))]

    def fault(self, domain: Domain, engine: Engine | None) -> str | None:
        """`parse=official` on another scale than 1 to 5."""
        if self.config.parse == "strict" or (domain.labels[0], domain.labels[-1]) == (1, 5):
            return None
        return f"{self.name}.parse: official reads ratings from 1 to 5, but this scale is {domain.scale}; use strict"

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        """The distinct prompts."""
        prefill = _OPEN if self.config.answer == "prefill" else ""
        response_template = (
            (Slot(_OPEN, _CLOSE, self.config.max_tokens), Slot(_CLOSE, "", 0)) if self.config.answer == "fill" else ()
        )
        return rating_prompts(
            _TEMPLATE, self.config, requests, profiles, prefill=prefill, response_template=response_template
        )

    def history_needed(self) -> int:
        return int(max(self.config.history_k, item_window(self.config)))

    def prompt_digests(self) -> dict[str, str]:
        return rating_prompt_digests(_TEMPLATE, self.config)

    def _predict(self, completion: Completion, prompt: Prompt, request: Request) -> Prediction:
        value = None
        if completion.status == "ok" or (completion.status == "truncated" and self.config.parse == "official"):
            value = self._read(completion.text, request.domain)
        if value is not None:
            return Prediction(value, text=completion.text)
        return Prediction(None, failure_status(completion, prefill=prompt.prefill), "rating", completion.text)

    def _read(self, text: str, domain: Domain) -> float | None:
        if self.config.parse == "strict":
            return parse_rating(text, domain.labels, decimals=self.config.decimals)
        return parse_official_rating(text)
