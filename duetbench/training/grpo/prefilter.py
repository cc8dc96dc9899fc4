"""A first look at the training pairs with the untrained weights: where all rewards tie, there is nothing to learn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from duetbench.training.advantage import spread
from duetbench.training.grpo.generation import Pen, write_drafts
from duetbench.training.grpo.rollout import round_seed
from duetbench.training.loop.checkpoints import write_whole
from duetbench.training.rewarding import Asked, Group, Judge

if TYPE_CHECKING:
    from duetbench.engines.tokens.truncation import Fitted
    from duetbench.training.loop.run import Session
    from duetbench.training.questions import Unit

_CHUNK = 64
"""Units that are looked at together."""


def pilot_spreads(
    session: Session,
    units: Sequence[Unit],
    fitted: Mapping[tuple[int, int], Fitted],
    judge: Judge,
    pen: Pen,
) -> list[float]:
    """How far the rewards of each unit lie apart, for its question with the widest spread; kept in `pilot.json`."""
    path = session.folder.path / "pilot.json"
    if path.is_file():
        kept: list[float] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    found: list[float] = []
    for start in range(0, len(units), _CHUNK):
        places = range(start, min(start + _CHUNK, len(units)))
        found += _spreads(session, places, units, fitted, judge, pen)
    write_whole(path, json.dumps(found) + "\n")
    return found


def _spreads(
    session: Session,
    places: range,
    units: Sequence[Unit],
    fitted: Mapping[tuple[int, int], Fitted],
    judge: Judge,
    pen: Pen,
) -> list[float]:
    asked = [(prompt, fitted[place, n]) for place in places for n, prompt in enumerate(units[place].prompts)]
    drafts = iter(write_drafts(session.policy, asked, pen, round_seed(session.job.seed, -1 - places.start)))
    groups = [
        Group(
            units[place].example,
            tuple(Asked(prompt, tuple(one.completion for one in next(drafts))) for prompt in units[place].prompts),
            units[place].given,
        )
        for place in places
    ]
    return [max(spread([one.reward for one in side]) or 0.0 for side in sides) for sides in judge(groups)]
