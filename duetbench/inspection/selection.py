"""Which pairs of a cell are inspected: those with the largest errors, those with a status, or named ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.errors import UnknownName, UsageError
from duetbench.evaluation.predictions import STATUSES
from duetbench.inspection.pairs import InspectedPair


@dataclass(frozen=True)
class PairSelection:
    """At most one of the three is given."""

    worst: int | None = None
    """Number of pairs with the largest absolute errors."""
    ids: tuple[str, ...] = ()
    """Ids of requests."""
    status: str | None = None
    """All pairs whose prediction has this status."""

    def __post_init__(self) -> None:
        """Refuses combinations that cannot have an effect, and unknown statuses."""
        if sum((self.worst is not None, bool(self.ids), self.status is not None)) > 1:
            raise UsageError("--worst, --pair and --status choose pairs in different ways: give one of them")
        if self.status is not None and self.status not in STATUSES:
            raise UnknownName("status", self.status, STATUSES)


def select_pairs(pairs: Sequence[InspectedPair], selection: PairSelection) -> list[InspectedPair]:
    """The selected pairs: by decreasing error, in the order of the ids given, or in the order of the cell.

    Raises:
        UnknownName: the cell has no pair with one of the ids.
        UsageError: no pair is selected.
    """
    if selection.ids:
        by_id = {pair.request_id: pair for pair in pairs}
        missing = next((name for name in selection.ids if name not in by_id), None)
        if missing is not None:
            raise UnknownName("pair", missing, list(by_id))
        return [by_id[name] for name in dict.fromkeys(selection.ids)]
    if selection.status is not None:
        chosen = [pair for pair in pairs if pair.status == selection.status]
        if not chosen:
            counts = {status: sum(pair.status == status for pair in pairs) for status in STATUSES}
            known = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
            raise UsageError(f"--status {selection.status}: no pair of this cell has it; it has {known or 'no pairs'}")
        return chosen
    return _worst(pairs, selection.worst or 1)


def _worst(pairs: Sequence[InspectedPair], n: int) -> list[InspectedPair]:
    readable = [pair for pair in pairs if pair.error is not None]
    if not readable:
        raise UsageError("no prediction of this cell is readable, so none is the worst: see --status")
    return sorted(readable, key=lambda pair: (-(pair.error or 0.0), pair.request_id))[:n]
