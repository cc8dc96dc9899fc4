"""The guards by name, and what one of them found."""

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
    "told_label",
    "selected_on_test",
    "trained_outside_train",
    "canary",
    "changed_by_the_future",
]

GUARDS: dict[Guard, str] = {
    "future": "whatever a request sees lies before it, and comes from the splits that histories may come from",
    "same_pair": "no other interaction of the same user with the same item is seen, or stands in the data at all",
    "own_item_history": "an item's history holds no interaction of the user who is asked about",
    "target_text": "neither the review nor the summary that is asked about stands in a prompt",
    "banned_field": "no field that changes with time, such as an item's average rating, is seen",
    "shared_key": "a key of the request store stands for one text: other histories, another key",
    "told_label": "only train rows are ever told their rating, as distillation does",
    "selected_on_test": "checkpoints are chosen on validation rows",
    "trained_outside_train": "training rows, distilled, preferred or sampled, come from train",
    "canary": "a word planted in held-out reviews reaches no prompt and no profile",
    "changed_by_the_future": "with everything after the cut replaced, every prompt stays the same, byte by byte",
}
"""What each guard demands."""


@dataclass(frozen=True, slots=True)
class LeakageFinding:
    """One violation."""

    guard: Guard
    where: str
    """A request, a line of a log, or a table."""
    detail: str

    def __str__(self) -> str:
        return f"{self.guard}: {self.where}: {self.detail}"
