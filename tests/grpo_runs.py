"""Small GRPO trainings, shared by several test modules."""

from __future__ import annotations

import json
from pathlib import Path

from duetbench.config import build_config
from duetbench.training.grpo.trainer import Grpo

SMALL = {"rounds": 2, "pairs_per_round": 4, "num_generations": 4, "evaluate_every": 1, "learning_rate": 0.01}
FOUR = {"rounds": 4, "evaluate_every": 1}
RESUMED = {"rounds": 6, "updates_per_round": 2, "evaluate_every": 4, "joint": "cross"}
HERE = Path(__file__).parent
TIMES = ("seconds", "tokens_per_second")


def grpo(**options: object) -> Grpo:
    config, faults = build_config(Grpo.Config, {**SMALL, **options}, path="grpo")
    assert not faults
    return Grpo(config)


def lines(path: Path) -> list[dict[str, object]]:
    """The entries of a file of JSON lines, without what depends on the clock."""
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: value for name, value in entry.items() if not name.endswith(TIMES)} for entry in entries]
