"""Synthetic requests and scripted engines for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from duetbench.testing import DummyEngine
from duetbench.types import Completion, Domain, Interaction, Item, Prompt, Request, Sampling

ALBUMS = Domain("album", "albums")
GOLDEN = Path(__file__).parent / "strategies" / "golden"


def album(n: int) -> Item:
    return Item(f"item-{n}", f"Album {n}", ("Music", "jazz" if n % 2 else "folk"), f"Description {n}")


def line(user: str, n: int, *, rating: float = 4.0, review: str = "") -> Interaction:
    return Interaction(user, album(n), rating, 1000 + n, review or f"review {n} by {user}", f"summary {n}")


def request(n: int = 0, *, user: str = "anna", n_user: int = 3, n_item: int = 2, **changes: Any) -> Request:
    """A request of a user with `n_user` past ratings for an item with `n_item`."""
    values: dict[str, Any] = {
        "request_id": f"test:{n}",
        "user_id": user,
        "item": album(900 + n),
        "asked_at": 10_000 + n,
        "domain": ALBUMS,
        "user_history": tuple(line(user, i, rating=float(i % 5 + 1)) for i in range(n_user)),
        "item_history": tuple(line(f"other-{i}", 900 + n) for i in range(n_item)),
        "user_average": 3.5 if n_user else None,
        "item_average": 4.0 if n_item else None,
    }
    return Request(**values | changes)


def text_of(prompt: Prompt) -> str:
    return "\n".join(message.content for message in prompt.messages)


def golden(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text(encoding="utf-8"))
    return cases


class ScriptedEngine(DummyEngine):
    """Answers each prompt with a function; records the prompts and the sampling of each call."""

    def __init__(self, answer: Callable[[Prompt], str | Completion]) -> None:
        super().__init__()
        self.script = answer
        self.prompts: list[Prompt] = []
        self.samplings: list[Sampling] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.prompts += prompts
        self.samplings.append(sampling)
        answers = [self.script(prompt) for prompt in prompts]
        return [Completion(answer) if isinstance(answer, str) else answer for answer in answers]
