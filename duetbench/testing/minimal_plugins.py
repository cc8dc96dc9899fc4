"""A minimal strategy, scorer and reward, for tests of plugins of other kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from duetbench.interfaces import Engine, Reward, Scorer, Stage, Strategy
from duetbench.prompts import render_text, unique_prompts
from duetbench.types import Message, Prediction, Profile, Profiles, Prompt, Request, Rollout, Sampling, Side

_USER = """[[user]]
{% for line in user_history %}
{% call droppable(loop.revindex0) %}
{{ line.item.title }}: {{ line.rating }}, {{ line.review | cut(100) }}
{% endcall %}
{% endfor %}
Describe this person's taste between <profile> and </profile>.
"""
_RATING = """[[user]]
{{ profile }}
How would this person rate {{ title }}? Answer <rating>d.dd</rating>.
"""


class MinimalStrategy(Strategy):
    """One user profile per history."""

    name = "minimal"
    summary = "one tagged user profile"

    def stages(self) -> tuple[Stage, ...]:
        return (_MinimalStage(),)

    def writes(self) -> tuple[Side, ...]:
        return ("user",)


class _MinimalStage(Stage):
    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        return unique_prompts("user", self._messages(requests))

    def _messages(self, requests: Sequence[Request]) -> Iterator[tuple[int, tuple[Message, ...]]]:
        for n, request in enumerate(requests):
            yield n, render_text(_USER, user_history=request.user_history[-5:])

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        profiles = re.findall(r"<profile>([^<>]*\w[^<>]*)</profile>", text)
        return [Profile("user", profiles[0].strip())] if len(profiles) == 1 else None


class MinimalScorer(Scorer):
    """A rating from the answer's single `<rating>` tag."""

    name = "minimal"
    summary = "one tagged rating"

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        """One prompt per distinct profile and item."""
        texts = [written.user.text if written.user else "Nothing is known." for written in profiles]
        messages = (
            (n, render_text(_RATING, profile=text, title=request.item.title))
            for n, (text, request) in enumerate(zip(texts, requests, strict=True))
        )
        return unique_prompts("pair", messages)

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """A value if the answer has exactly one rating on the scale."""
        if engine is None:
            raise ValueError("the minimal scorer needs an engine")
        prompts = self.prompts(requests, profiles)
        predictions: dict[int, Prediction] = {}
        for prompt, answer in zip(prompts, engine.generate(prompts, Sampling()), strict=True):
            ratings = re.findall(r"<rating>([1-5]\.\d\d)</rating>", answer.text)
            value = float(ratings[0]) if len(ratings) == 1 and float(ratings[0]) <= 5 else None
            if answer.status != "ok":
                prediction = Prediction(None, answer.status, "rating", answer.text)
            elif value is None:
                prediction = Prediction(None, "unreadable", "rating", answer.text)
            else:
                prediction = Prediction(value, text=answer.text)
            predictions |= dict.fromkeys(prompt.for_requests, prediction)
        return [predictions[n] for n in range(len(requests))]


class MinimalReward(Reward):
    """1 for an exact prediction, 0 for the largest possible distance."""

    name = "minimal"
    summary = "1 minus the distance as a share of the scale"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """In [0, 1]; 0 without a prediction."""
        return [_reward(rollout) for rollout in rollouts]


def _reward(rollout: Rollout) -> float:
    value = rollout.prediction.value
    width = rollout.example.request.domain.rating_range
    return 0.0 if value is None else 1 - abs(value - rollout.example.rating) / width
