"""Pairs with all that was asked and answered for them, read from the files of a cell."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from duetbench.errors import RecordError
from duetbench.evaluation import read_predictions
from duetbench.records import ANSWERS, PREDICTIONS, PROFILES, PROMPTS

if TYPE_CHECKING:
    import polars as pl


class Turn(NamedTuple):
    """One message of a prompt."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One prompt and its answer; several pairs may share it."""

    phase: str
    """`profiles` or `ratings`."""
    stage: str
    """Stage of the strategy; empty for a rating."""
    side: str
    """What the answer describes; empty for a rating."""
    turns: tuple[Turn, ...]
    """Empty if the log of the prompts does not have it."""
    prefill: str
    """Beginning of the answer that the model was given."""
    status: str
    text: str
    """The completion; empty if label probabilities were read."""
    error: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    label_probabilities: tuple[float, ...] = ()
    """As the model gave them, one per label: they need not sum to 1."""
    n_pairs: int = 1
    """Number of pairs that share it."""


@dataclass(frozen=True, slots=True)
class ReadProfile:
    """A profile as the scorer read it."""

    side: str
    text: str
    notes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class InspectedPair:
    """One pair: what was asked and answered, and what became of it."""

    request_id: str
    user_id: str
    item_id: str
    timestamp: int
    rating: float
    """The true one."""
    value: float | None
    """The predicted one; None: it could not be read."""
    status: str
    failed_at: str | None
    text: str
    """The completion that the rating was read from; empty if there is none."""
    probabilities: tuple[float, ...]
    """One per label; empty unless the scorer knows them."""
    label_mass: float | None
    profiles: tuple[ReadProfile, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    """In the order of the calls."""

    @property
    def error(self) -> float | None:
        """Absolute difference of the predicted and the true rating; None without a prediction."""
        return None if self.value is None else abs(self.value - self.rating)

    def profile(self, side: str) -> str:
        """The text of a profile; empty without one."""
        return next((profile.text for profile in self.profiles if profile.side == side), "")


def read_pairs(folder: Path) -> list[InspectedPair]:
    """The pairs of a cell in the order of its predictions, without exchanges and profiles: see `with_exchanges`.

    Raises:
        DataError: its predictions are missing or damaged.
    """
    table = read_predictions(folder / PREDICTIONS)
    return [_pair(row) for row in table.iter_rows(named=True)]


def _pair(row: Mapping[str, Any]) -> InspectedPair:
    names = ("request_id", "user_id", "item_id", "timestamp", "value", "status", "failed_at", "label_mass")
    probabilities = tuple(row["probabilities"] or ())
    known = {name: row[name] for name in names}
    return InspectedPair(**known, rating=float(row["rating"]), text=row["text"] or "", probabilities=probabilities)


def with_exchanges(folder: Path, pairs: Sequence[InspectedPair]) -> list[InspectedPair]:
    """The pairs with their prompts, answers and profiles; a cell without a model has none.

    Raises:
        RecordError: a log of the cell is damaged.
    """
    if not (folder / ANSWERS).is_file():
        return list(pairs)
    ids = {pair.request_id for pair in pairs}
    try:
        lines = list(_answers(folder / ANSWERS, ids))
        prompts = _prompts(folder / PROMPTS, {line["key"] for line in lines})
        profiles = _profiles(folder / PROFILES, ids)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"the logs in {folder} cannot be read: {error}; run the cell again") from error
    return [
        replace(
            pair,
            exchanges=tuple(_exchange(line, prompts) for line in lines if pair.request_id in line["requests"]),
            profiles=tuple(profiles.get(pair.request_id, ())),
        )
        for pair in pairs
    ]


def _answers(path: Path, ids: set[str]) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            answer = json.loads(line)
            if not ids.isdisjoint(answer["requests"]):
                yield answer


def _exchange(line: Mapping[str, Any], prompts: Mapping[tuple[str, str], tuple[tuple[Turn, ...], str]]) -> Exchange:
    turns, prefill = prompts.get((line["phase"], line["key"]), ((), ""))
    return Exchange(
        phase=line["phase"],
        stage=line.get("stage", ""),
        side=line.get("side", ""),
        turns=turns,
        prefill=prefill,
        status=line["status"],
        text=line.get("text", ""),
        error=line.get("error", ""),
        prompt_tokens=line.get("prompt_tokens"),
        completion_tokens=line.get("completion_tokens"),
        label_probabilities=tuple(exp(number) for number in line.get("logprobs", ())),
        n_pairs=len(line["requests"]),
    )


def _prompts(path: Path, keys: Collection[str]) -> dict[tuple[str, str], tuple[tuple[Turn, ...], str]]:
    import polars as pl

    table = _table(path).filter(pl.col("key").is_in(list(keys)))
    return {
        (row["phase"], row["key"]): (
            tuple(Turn(turn["role"], turn["content"]) for turn in json.loads(row["turns"])),
            row["prefill"],
        )
        for row in table.iter_rows(named=True)
    }


def _profiles(path: Path, ids: Collection[str]) -> dict[str, list[ReadProfile]]:
    import polars as pl

    profiles: dict[str, list[ReadProfile]] = {}
    for row in _table(path).filter(pl.col("request_id").is_in(list(ids))).iter_rows(named=True):
        profile = ReadProfile(row["side"], row["text"], json.loads(row["notes"]))
        profiles.setdefault(row["request_id"], []).append(profile)
    return profiles


def _table(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(path, glob=False)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{path.name}: {error}") from error
