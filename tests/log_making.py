"""Logs of prompts, answers and profiles of a synthetic cell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from duetbench.records import ANSWERS, PROFILES, PROMPTS


def add_logs(
    folder: Path,
    request_ids: Sequence[str] = ("test:0",),
    *,
    user: str = "Loves tight funk rock and soul.",
    item: str = "A funk rock album with polish.",
    review: str = "5 stars: great funk rock.",
) -> None:
    """Adds what was asked and answered for pairs of a cell: two profiles, which `test:1` shares, and a rating."""
    lines, shared = [], list(dict.fromkeys([*request_ids, "test:1"]))
    for side, text in (("user", user), ("item", item)):
        line = {"phase": "profiles", "stage": "profile", "key": side, "side": side, "requests": shared}
        lines.append(line | {"status": "ok", "text": f"<p>{text}</p>", "prompt_tokens": 9, "completion_tokens": 3})
    rating = {"phase": "ratings", "key": "rating", "requests": list(request_ids), "status": "ok"}
    lines.append(rating | {"answer_prefix": "Rating: ", "logprobs": [-1.0, -2.0, -3.0, -4.0, -5.0], "error": ""})
    (folder / ANSWERS).write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    turns = json.dumps([{"role": "user", "content": review}])
    prompts = [
        ("profiles", "user", turns, ""),
        ("profiles", "item", turns, ""),
        ("ratings", "rating", turns, "Rating: "),
    ]
    pl.DataFrame(prompts, ["phase", "key", "turns", "prefill"], orient="row").write_parquet(folder / PROMPTS)
    notes = json.dumps({"cue": "genres"})
    sides = (("user", user), ("item", item))
    rows = [(request, "u0", "i0", side, text, notes) for request in request_ids for side, text in sides]
    columns = ["request_id", "user_id", "item_id", "side", "text", "notes"]
    pl.DataFrame(rows, columns, orient="row").write_parquet(folder / PROFILES)
