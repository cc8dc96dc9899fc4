"""Averages only: the scorer sees the mean ratings of user and item, and neither a history nor a profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from duetbench.controls.slots import missing_slots
from duetbench.interfaces import Control, ControlContext, ControlledInput, Scorer, Strategy
from duetbench.types import Profiles, Request


class AveragesOnly(Control):
    """Two numbers instead of histories and profiles."""

    name = "averages_only"
    summary = "the scorer reads the two mean ratings, without history and profile"
    needs = "nothing"

    def obstacle(self, strategy: Strategy, scorer: Scorer) -> str | None:
        return missing_slots(scorer, ("user_average", "item_average"))

    def scorer_options(self, strategy: Strategy, scorer: Scorer) -> Mapping[str, Any]:
        return {"show_averages": True}

    def apply(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
    ) -> ControlledInput:
        """The requests without their histories, and no profiles."""
        without = [replace(request, user_history=(), item_history=()) for request in requests]
        return ControlledInput(without, [Profiles() for _ in requests])
