"""The rating as text: the model writes `<rating>d.dd</rating>` at temperature 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.engines.complete import complete
from duetbench.interfaces import Engine, Scorer, option
from duetbench.parsing import failure_status, parse_rating
from duetbench.scorers.rating_prompts import AskingConfig, digest_of, needed, rating_prompts
from duetbench.types import Completion, Prediction, Profiles, Prompt, Request, Sampling, Slot

_TEMPLATE = "score_text"
_OPEN, _CLOSE = "<rating>", "</rating>"


class RatingText(Scorer):
    """Asks for a rating with two decimals; greedy, so that the same question has one answer."""

    name = "rating_text"
    summary = "the model writes the rating with two decimals, at temperature 0"
    source = "DUET, sections 4.1.2 and 4.2"

    @dataclass(frozen=True)
    class Config(AskingConfig):
        """Options."""

        answer: Literal["free", "prefill", "fill"] = option(
            "free", "prefill: the answer begins with the tag; fill: only the number is the model's"
        )
        decimals: Literal["two", "any"] = option("two", "what is read: two decimals alone, or any number on the scale")
        max_tokens: int = option(24, "upper bound of an answer's length")

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request; an answer outside the scale or without a rating is unreadable, never clipped."""
        engine = needed(engine, self.name)
        prompts = self.prompts(requests, profiles)
        sampling = Sampling(temperature=0.0, max_tokens=self.config.max_tokens, stop=(_CLOSE,))
        completions = complete(engine, prompts, sampling)
        predictions: dict[int, Prediction] = {}
        for prompt, completion in zip(prompts, completions, strict=True):
            for position in prompt.for_requests:
                predictions[position] = self._read(completion, prompt, requests[position])
        return [predictions[position] for position in range(len(requests))]

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        """What is asked, each question once."""
        prefill = _OPEN if self.config.answer == "prefill" else ""
        response_template = (
            (Slot(_OPEN, _CLOSE, self.config.max_tokens), Slot(_CLOSE, "", 0)) if self.config.answer == "fill" else ()
        )
        return rating_prompts(
            _TEMPLATE, self.config, requests, profiles, prefill=prefill, response_template=response_template
        )

    def prompt_digests(self) -> dict[str, str]:
        """See the base class."""
        return digest_of(_TEMPLATE, self.config)

    def _read(self, completion: Completion, prompt: Prompt, request: Request) -> Prediction:
        value = None
        if completion.status == "ok":
            value = parse_rating(completion.text, request.domain.labels, decimals=self.config.decimals)
        if value is not None:
            return Prediction(value, text=completion.text)
        return Prediction(None, failure_status(completion, prefill=prompt.prefill), "rating", completion.text)
