"""Groups the cells of a run into jobs that do not wait for each other and compute nothing twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from duetbench.digests import digest_of_value
from duetbench.runner.planning.cells import Cell


def independent_groups(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells in groups: those that share written profiles or a training are in one group, in their order.

    Cells without a model form one group per dataset: each of them takes seconds.
    """
    groups: list[tuple[set[str], list[Cell]]] = []
    for cell in cells:
        shared = set(_shared(cell))
        joined = [group for group in groups if group[0] & shared]
        keys = shared.union(*(keys for keys, _ in joined))
        members = [member for _, group in joined for member in group] + [cell]
        groups = [group for group in groups if group not in joined] + [(keys, members)]
    return [_in_order(members, cells) for _, members in groups]


def _shared(cell: Cell) -> Iterator[str]:
    """Digests of what a cell may share with others."""
    data = cell.data.describe()
    if cell.writing is None:
        yield digest_of_value(data)
        return
    is_seeded = bool(cell.training_id) or cell.writing.sampling.temperature > 0  # greedy profiles have no seed
    yield digest_of_value({"data": data, "writing": cell.writing.describe(), "seed": cell.seed if is_seeded else None})
    reference = cell.control.reference if cell.control else None
    for training in (cell.training_id, reference.training_id if reference else None):
        if training:
            yield training


def _in_order(members: Iterable[Cell], cells: Sequence[Cell]) -> list[Cell]:
    positions = {cell.id: position for position, cell in enumerate(cells)}
    return sorted(members, key=lambda cell: positions[cell.id])
