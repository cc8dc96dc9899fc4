"""Cost against quality: the tokens that a row needs per pair, its error, and the rows that no other one dominates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from duetbench.leaderboard.board import FAILED, RANKED_BY, BoardRow, BoardSection
from duetbench.leaderboard.columns import short_count
from duetbench.leaderboard.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, line, padded
from duetbench.leaderboard.report.views import Chart, Mark, Tick

_STRIP = 54.0
"""Width of the area of rows that need no tokens."""


def cost_chart(section: BoardSection, ids: Mapping[str, str]) -> Chart | None:
    """The chart of a section; None if fewer than two rows have a value.

    Args:
        section: With its rows.
        ids: Id of each row, by its label.
    """
    rows = [row for row in section.rows if row.state != FAILED and (row.values or {}).get(RANKED_BY)]
    if len(rows) < 2:
        return None
    tokens = {row.label: tokens_per_pair(row) for row in rows}
    known = [value for value in tokens.values() if value]
    x = Axis(min(known) / 1.5, max(known) * 1.5, LEFT + _STRIP, WIDTH - RIGHT, is_log=True) if known else None
    bounds = [value for row in rows for value in _bounds(row)]
    y = Axis(*padded(bounds), HEIGHT - BOTTOM, TOP)
    marks = [_mark(row, ids[row.label], x, y, tokens[row.label]) for row in rows]
    front = frontier([(tokens[row.label] or 0.0, _value(row)) for row in rows])
    points = [(_x(x, cost), y.at(value)) for cost, value in front]
    steps = [points[0]]
    for left, right in pairwise(points):
        steps += [(right[0], left[1]), right]
    steps.append((WIDTH - RIGHT, points[-1][1]))
    return Chart(
        title="Cost and quality",
        x_title="tokens per pair, training included",
        y_title="MAE",
        width=WIDTH,
        height=HEIGHT,
        x_ticks=[Tick(_x(x, 0), "no model"), *(x.ticks(short_count) if x else [])],
        y_ticks=y.ticks("{:.3g}".format),
        marks=marks,
        lines=[("frontier", line(steps))],
        description=f"MAE against tokens per pair for {len(rows)} rows; {len(front)} of them are on the frontier",
    )


def tokens_per_pair(row: BoardRow) -> float | None:
    """Tokens of prompts and completions, a training's included, by pair; None: it uses no model, or no count."""
    costs = row.costs
    if not row.has_llm or costs.prompt_tokens is None or not row.n:
        return None
    return (costs.prompt_tokens + (costs.completion_tokens or 0) + (costs.budget_tokens or 0)) / row.n


def frontier(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (cost, error) that no other point undercuts in both, by increasing cost."""
    front: list[tuple[float, float]] = []
    for cost, error in sorted(points):
        if not front or error < front[-1][1]:
            front.append((cost, error))
    return front


def _value(row: BoardRow) -> float:
    summary = (row.values or {})[RANKED_BY]
    assert summary is not None
    return summary.mean


def _bounds(row: BoardRow) -> list[float]:
    interval = (row.intervals or {}).get(RANKED_BY)
    return [_value(row), *([interval.low, interval.high] if interval else [])]


def _x(axis: Axis | None, tokens: float | None) -> float:
    return axis.at(tokens) if axis and tokens else LEFT + _STRIP / 2 - 6


def _mark(row: BoardRow, row_id: str, x: Axis | None, y: Axis, tokens: float | None) -> Mark:
    interval = (row.intervals or {}).get(RANKED_BY)
    value = _value(row)
    low, high = (interval.low, interval.high) if interval else (value, value)
    kind = "control" if "control" in row.facts else "model" if row.has_llm else "baseline"
    cost = f"{short_count(tokens)} tokens per pair" if tokens else "no model"
    title = f"{row.label}: MAE {value:.3f}, {cost}"
    return Mark(row_id, _x(x, tokens), y.at(value), y.at(high), y.at(low), kind, title)
