"""Guards on examples: every line of every history, and the averages, against a plain rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from duetbench.data.history import HistoryOptions
from duetbench.data.leakage.findings import LeakageFinding
from duetbench.data.leakage.visible import InteractionRow, Visible
from duetbench.data.preparation.prepared import Prepared
from duetbench.types import Example, Interaction

_Line = tuple[object, ...]


def check_examples(prepared: Prepared, examples: Sequence[Example], options: HistoryOptions) -> list[LeakageFinding]:
    """What the examples hold although they must not.

    Args:
        prepared: The data that they come from.
        examples: Any of them.
        options: How their histories were meant to be taken.

    Raises:
        DataError: an example is not of this data.
    """
    visible = Visible(prepared, options)
    return [finding for example in examples for finding in _check(example, visible)]


def _check(example: Example, visible: Visible) -> Iterable[LeakageFinding]:
    request = example.request
    asked = visible.place(request.request_id)
    for line in (*request.user_history, *request.item_history):
        yield from _same_pair(example, line)
    for line in request.item_history:
        if line.user_id == request.user_id:
            yield LeakageFinding(
                "own_item_history", request.request_id, f"a line of {line.user_id} from {line.timestamp}"
            )
    for name, history, seen, average in (
        ("user", request.user_history, visible.seen_of_user(asked), request.user_average),
        ("item", request.item_history, visible.seen_of_item(asked), request.item_average),
    ):
        allowed = {_line(visible.rows[place]) for place in seen}
        for line in history:
            if _line_of(line) not in allowed:
                detail = f"the {name}'s history holds {line.user_id} on {line.item.item_id} from {line.timestamp}"
                yield LeakageFinding("future", request.request_id, f"{detail}, which is not before {request.asked_at}")
        yield from _average(request.request_id, name, average, seen, visible)


def _same_pair(example: Example, line: Interaction) -> Iterable[LeakageFinding]:
    request = example.request
    if (line.user_id, line.item.item_id) == (request.user_id, request.item.item_id):
        detail = f"a history holds {line.user_id} on {line.item.item_id} from {line.timestamp}"
        yield LeakageFinding("same_pair", request.request_id, detail)


def _average(
    request_id: str, name: str, told: float | None, seen: Sequence[int], visible: Visible
) -> Iterable[LeakageFinding]:
    if visible.options.average == "window":
        seen = seen[len(seen) - min(visible.options.average_k, len(seen)) :]
    ratings = [visible.rows[place].rating for place in seen]
    due = sum(ratings) / len(ratings) if ratings else None
    if (told is None) != (due is None) or (
        told is not None and due is not None and not math.isclose(told, due, abs_tol=1e-6)
    ):
        yield LeakageFinding(
            "future", request_id, f"the {name}'s average is told as {told}, but what lies before gives {due}"
        )


def _line(row: InteractionRow) -> _Line:
    return row.user_id, row.item_id, row.timestamp, row.rating, row.review


def _line_of(line: Interaction) -> _Line:
    return line.user_id, line.item.item_id, line.timestamp, line.rating, line.review
