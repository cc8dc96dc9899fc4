"""A scorer whose prompt shows everything that a control may change, for the checks of controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.interfaces import Engine, Scorer, option
from duetbench.prompts import render_text, unique_prompts
from duetbench.types import Prediction, Profiles, Prompt, Request

_PROMPT = """[[user]]
{% for line in history %}
{% call droppable(loop.revindex) %}
The user rated {{ line.item.title | cut(60) }} {{ line.rating }}: {{ line.review | cut(60) }}
{% endcall %}
{% endfor %}
{% for line in item_history %}
{% call droppable(loop.revindex) %}
Someone rated it {{ line.rating }}: {{ line.review | cut(60) }}
{% endcall %}
{% endfor %}
{% if show_averages %}
Averages: {{ user_average }}, {{ item_average }}
{% endif %}
{% for text in texts %}
{{ text }}
{% endfor %}
How will the user rate {{ title | cut(60) }}?
"""


class ProbeScorer(Scorer):
    """Has the options of the built-in scorers and predicts nothing."""

    name = "probe"
    summary = "shows histories, averages and profiles, and predicts nothing"

    @dataclass(frozen=True)
    class Config:
        history_k: int = option(2, "the user's most recent interactions in the prompt", ge=0)
        item_history_k: int = option(0, "other people's most recent interactions with the item", ge=0)
        show_averages: bool = option(False, "show the mean ratings")

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """No values."""
        return [Prediction(None, "empty", "rating") for _ in requests]

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        """One prompt per distinct content."""
        k, item_k = self.config.history_k, self.config.item_history_k
        messages = (
            (
                position,
                render_text(
                    _PROMPT,
                    history=request.user_history[-k:] if k else (),
                    item_history=request.item_history[-item_k:] if item_k else (),
                    show_averages=self.config.show_averages,
                    user_average=request.user_average,
                    item_average=request.item_average,
                    texts=[profile.text for profile in (written.user, written.item, written.pair) if profile],
                    title=request.item.title,
                ),
            )
            for position, (request, written) in enumerate(zip(requests, profiles, strict=True))
        )
        return unique_prompts("pair", messages)
