"""Checks on examples: every interaction of every history, and the averages, compared with the visibility rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from duetbench.data.history import HistoryOptions
from duetbench.data.leakage.findings import LeakageFinding
from duetbench.data.leakage.visibility import InteractionRow, VisibilityRules
from duetbench.data.preparation.prepared import Prepared
from duetbench.types import Example, Interaction

_Identity = tuple[object, ...]


def check_examples(prepared: Prepared, examples: Sequence[Example], options: HistoryOptions) -> list[LeakageFinding]:
    """Findings in examples: interactions that their histories must not contain, and averages over other interactions.

    Args:
        prepared: The data that they come from.
        examples: Some or all examples of the data.
        options: How their histories should have been built.

    Raises:
        DataError: an example is not of this data.
    """
    rules = VisibilityRules(prepared, options)
    return [finding for example in examples for finding in _check(example, rules)]


def _check(example: Example, rules: VisibilityRules) -> Iterable[LeakageFinding]:
    request = example.request
    target = rules.target_of(request.request_id)
    for interaction in (*request.user_history, *request.item_history):
        yield from _check_same_pair(example, interaction)
    for interaction in request.item_history:
        if interaction.user_id == request.user_id:
            detail = f"the item's history contains the interaction of {request.user_id} at {interaction.timestamp}"
            yield LeakageFinding("own_item_history", request.request_id, detail)
    for side, history, visible, average in (
        ("user", request.user_history, rules.visible_user_rows(target), request.user_average),
        ("item", request.item_history, rules.visible_item_rows(target), request.item_average),
    ):
        allowed = {_identity_of_row(rules.rows[position]) for position in visible}
        for interaction in history:
            if _identity(interaction) not in allowed:
                yield LeakageFinding(
                    "future",
                    request.request_id,
                    f"the {side}'s history contains {interaction.user_id} on {interaction.item.item_id} at "
                    f"{interaction.timestamp}, which is not before {request.asked_at} or not in a split for histories",
                )
        yield from _check_average(request.request_id, side, average, visible, rules)


def _check_same_pair(example: Example, interaction: Interaction) -> Iterable[LeakageFinding]:
    request = example.request
    if (interaction.user_id, interaction.item.item_id) == (request.user_id, request.item.item_id):
        detail = f"a history contains {request.user_id} on {request.item.item_id} at {interaction.timestamp}"
        yield LeakageFinding("same_pair", request.request_id, detail)


def _check_average(
    request_id: str, side: str, average: float | None, visible: Sequence[int], rules: VisibilityRules
) -> Iterable[LeakageFinding]:
    if rules.options.average == "window":
        visible = visible[len(visible) - min(rules.options.average_k, len(visible)) :]
    ratings = [rules.rows[position].rating for position in visible]
    expected = sum(ratings) / len(ratings) if ratings else None
    if (average is None) != (expected is None) or (
        average is not None and expected is not None and not math.isclose(average, expected, abs_tol=1e-6)
    ):
        yield LeakageFinding(
            "future", request_id, f"the {side}'s average is {average}, but the visible interactions have {expected}"
        )


def _identity_of_row(row: InteractionRow) -> _Identity:
    return row.user_id, row.item_id, row.timestamp, row.rating, row.review


def _identity(interaction: Interaction) -> _Identity:
    return (
        interaction.user_id,
        interaction.item.item_id,
        interaction.timestamp,
        interaction.rating,
        interaction.review,
    )
