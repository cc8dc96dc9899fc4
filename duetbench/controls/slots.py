"""Whether the scorer's prompt shows what a control gives it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from duetbench.interfaces import Scorer
from duetbench.prompts import template_path


def missing_slots(scorer: Scorer, names: Iterable[str]) -> str | None:
    """Why the scorer's own prompt file cannot show these variables; None: it names them all, or it is a built-in one.

    A prompt file that ignores the evidence would give the row of another control.
    """
    own_file = getattr(scorer.config, "prompt", None)
    if not own_file:
        return None
    source = template_path(own_file, scorer.config.prompt_set).read_text(encoding="utf-8")
    missing = [name for name in names if not re.search(rf"\b{name}\b", source)]
    return f"{own_file} does not use {', '.join(missing)}" if missing else None
