"""What a benchmark prints: one value beside its bound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BenchResult:
    """One line of the table."""

    what: str
    ours: str
    reference: str
    value: float
    unit: str
    """`x` for a ratio, `%` for a share, `MB` for memory."""
    bound: float
    at_least: bool
    """Whether the bound is a lower one."""

    @property
    def is_met(self) -> bool:
        """Whether the value keeps to the bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def lines_json(lines: Sequence[BenchResult]) -> list[dict[str, object]]:
    """The lines as JSON values."""
    return [{**asdict(line), "is_met": line.is_met} for line in lines]


def write_json(path: Path, content: object) -> None:
    """Writes the results of a benchmark."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
