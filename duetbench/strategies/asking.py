"""What the strategies share: windows of a history, prompt files, and the shape of a form."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.prompts import template_digest
from duetbench.types import Interaction


def window(history: Sequence[Interaction], k: int, *, skip: int = 0) -> tuple[Interaction, ...]:
    """The `k` interactions before the `skip` most recent ones, oldest first."""
    end = max(len(history) - skip, 0)
    return tuple(history[max(end - k, 0) : end])


def digests(names: Sequence[str], prompt_set: str) -> dict[str, str]:
    """SHA-256 of each prompt file, by the name under which it is asked for."""
    return {name: template_digest(name, prompt_set) for name in names}
