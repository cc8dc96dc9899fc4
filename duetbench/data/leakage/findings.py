"""The leakage checks by name, and the findings that they report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Guard = Literal[
    "future",
    "same_pair",
    "own_item_history",
    "target_text",
    "banned_field",
    "shared_key",
    "revealed_label",
    "selected_on_test",
    "trained_outside_train",
    "canary",
    "depends_on_future",
]

GUARDS: dict[Guard, str] = {
    "future": "a request sees only earlier interactions, and only from the splits that histories may come from",
    "same_pair": "no (user, item) occurs twice in the data, and a request sees no other interaction of its own pair",
    "own_item_history": "the item's history contains no interaction of the request's user",
    "target_text": "a prompt contains neither the review nor the summary of its target interaction",
    "banned_field": "no field that changes with time is used, such as an item's average rating",
    "shared_key": "each key of the request store belongs to one prompt text",
    "revealed_label": "true ratings are revealed for train rows only, for distillation",
    "selected_on_test": "no checkpoint is selected by its results on test rows",
    "trained_outside_train": "the rows that a model is trained on are train rows",
    "canary": "a unique word placed in held-out reviews does not appear in any prompt or profile",
    "depends_on_future": "replacing all interactions after a cut changes no byte of the prompts before it",
}
"""Requirement of each check."""


@dataclass(frozen=True, slots=True)
class LeakageFinding:
    """One violation."""

    guard: Guard
    where: str
    """A request, a line of a log, or a table."""
    detail: str

    def __str__(self) -> str:
        return f"{self.guard}: {self.where}: {self.detail}"
