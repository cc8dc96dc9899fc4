"""Trainings of the tiny model with a scorer outside the loop: hacked ones and others.

`python tests/hacking_runs.py` writes their curves to `tests/training/loop/hacking_curves.jsonl` (25 trainings of about
15 seconds on one core).
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from grpo_runs import grpo
from tiny_world import Tiny, Vowels, Writing, examples, job, make_tiny_model

from duetbench.errors import TrainingError
from duetbench.interfaces import Reward
from duetbench.training.loop.reward_hacking import reward_hacking_alarm
from duetbench.types import ModelRef, Prediction, Profile, Rollout

ROUNDS = {"rounds": 27, "pairs_per_round": 8, "num_generations": 8, "evaluate_every": 9}
N_LONG = 54
"""Rounds of the stored trainings: enough for most policies to be past a phase of unreadable texts."""
CURVES = Path(__file__).parent / "training" / "loop" / "hacking_curves.jsonl"
SEEDS = {"hacked": range(200, 205), "learns": range(210, 220), "random_reward": range(220, 230)}
"""Seeds of the curves in that file, by kind. The alarm was designed on seeds below 130; these were used once, after it
was final."""


class Consonants(Vowels):
    """Predicts the opposite of `Vowels`: what raises the reward by its scorer makes this one worse."""

    name = "consonants"

    def score(self, requests, profiles, engine):
        return [Prediction(6 - prediction.value) for prediction in super().score(requests, profiles, engine)]


class AlsoVowels(Vowels):
    """Predicts nearly the same as `Vowels`."""

    name = "also_vowels"

    def score(self, requests, profiles, engine):
        return [
            Prediction(1 + 0.9 * (prediction.value - 1)) for prediction in super().score(requests, profiles, engine)
        ]


class RandomReward(Reward):
    """Independent of the text: the policy changes, but its reward cannot rise."""

    name = "random_reward"

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._rng = Random(seed)

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        return [self._rng.random() for _ in rollouts]


class AlwaysReadable(Writing):
    """Any text but none is a profile: the policy cannot end in texts with the letter q, which no scorer rates."""

    def parse(self, prompt, text):
        return [Profile(side, text) for side in ("user", "item")]


class ReadableTiny(Tiny):
    """Writes any text."""

    def stages(self):
        return (AlwaysReadable(("pair",)),)


def train(model: ModelRef, folder: Path, *, rounds: int = 27, **changes: Any) -> dict[str, Any]:
    """The result of a training, which is hacked unless `changes` says otherwise."""
    values = {"strategy": ReadableTiny(), "valid": examples("valid", 48), "monitor_scorer": Consonants(), **changes}
    grpo(**{**ROUNDS, "rounds": rounds}).fit(job(model, folder, **values))
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def changes(kind: str, seed: int) -> dict[str, Any]:
    """What distinguishes a kind of training in `SEEDS` from a hacked one, and the seed."""
    if kind == "learns":
        return {"seed": seed, "monitor_scorer": AlsoVowels()}
    return {"seed": seed, **({"rewards": [(RandomReward(seed), 1.0)]} if kind == "random_reward" else {})}


def is_alarmed(rewards: Sequence[float], held_out: Sequence[Sequence[float | None]]) -> bool:
    """Whether there is an alarm at any of the evaluations, as in a training."""
    per_evaluation = len(rewards) // (len(held_out) - 1)
    return any(reward_hacking_alarm(rewards[: k * per_evaluation], held_out[: k + 1]) for k in range(1, len(held_out)))


def read_curves(kind: str) -> list[dict[str, Any]]:
    """The stored curves of one kind."""
    return [curve for curve in _read_lines(CURVES) if curve["kind"] == kind]


def curve(kind: str, seed: int, folder: Path) -> dict[str, Any]:
    """The rewards and the errors of the scorer outside the loop in a finished training."""
    rewards = [round(row["reward"], 4) for row in _read_lines(folder / "curve.jsonl")]
    held_out = [
        [None if error is None else round(error, 3) for error in entry["errors"]]
        for entry in _read_lines(folder / "held_out.jsonl")
    ]
    return {"kind": kind, "seed": seed, "rewards": rewards, "held_out": held_out}


def _read_lines(path: Path) -> Iterable[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _write() -> None:
    from duetbench.models import resolve

    with tempfile.TemporaryDirectory() as root, CURVES.open("w", encoding="utf-8") as file:
        model = resolve(f"path:{make_tiny_model(Path(root) / 'tiny')}")
        for kind, seeds in SEEDS.items():
            for seed in seeds:
                folder = Path(root) / f"{kind}-{seed}"
                with contextlib.suppress(TrainingError):  # diverged: its curve up to there counts
                    train(model, folder, rounds=N_LONG, **changes(kind, seed))
                file.write(json.dumps(curve(kind, seed, folder)) + "\n")
                file.flush()


if __name__ == "__main__":
    _write()
