"""When a server was heard of last."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass
class Contact:
    """When a server was heard of."""

    last_answer: float | None = None
    """Monotonic time at which the headers of its latest response arrived; None: there was none yet."""

    def note(self) -> None:
        """Headers have arrived."""
        self.last_answer = time.monotonic()
