from __future__ import annotations

import json

from duetbench.leaderboard import Board
from duetbench.leaderboard.formats.json import render


def test_json_holds_every_number_unrounded(board: Board) -> None:
    (section,) = json.loads(render(board))["sections"]
    row = section["rows"][0]
    assert row["values"]["mae"]["mean"] == board.sections[0].rows[0].values["mae"].mean  # type: ignore[index, union-attr]
    assert (row["rank"], row["seeds"], section["baseline"]) == (1, [0, 1], "bias")
    assert section["rows"][3]["values"] is None


def test_json_says_what_the_metrics_are(board: Board) -> None:
    content = json.loads(render(board))
    assert content["metrics"][0] == {
        "name": "mae",
        "title": "MAE",
        "lower_is_better": True,
        "optimal_decision": "median",
    }
    assert content["sorted_by"] == "mae"
