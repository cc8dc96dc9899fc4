"""Results of benchmarks: values with their bounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BenchResult:
    """One measurement, its reference and the bound of their ratio."""

    what: str
    """Title of the measurement."""
    ours: str
    """The value of duetbench, with its unit."""
    reference: str
    """The value of the reference, with its unit; empty without a reference."""
    value: float
    unit: str
    """`x` for a ratio, `%` for a percentage; `MB`, `s` and `ms` for a value without a reference."""
    bound: float
    at_least: bool
    """True: the bound is a lower bound; False: an upper bound."""

    @property
    def is_met(self) -> bool:
        """Whether the value satisfies the bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def results_as_json(results: Sequence[BenchResult]) -> list[dict[str, object]]:
    """The results as JSON values."""
    return [{**asdict(result), "is_met": result.is_met} for result in results]


def write_json(path: Path, content: object) -> None:
    """Writes JSON values to a file."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
