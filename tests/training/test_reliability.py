"""What a training does when the world fails: a clear stop, the last good checkpoint kept, and a way on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from grpo_runs import FOUR, HERE, grpo, lines
from tiny_world import Near, Vowels, job

from duetbench.errors import EngineError, TrainingError
from duetbench.training.grpo.rollout import RolloutSampler
from duetbench.training.policy import Policy
from duetbench.types import ModelRef, Prediction, Profiles, Request


def digest(folder: Path) -> str:
    found: str = json.loads((folder / "result.json").read_text())["model"]["adapter_digest"]
    return found


@pytest.fixture(scope="module")
def undisturbed(tiny_ref: ModelRef, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of four rounds to which nothing happened."""
    folder = tmp_path_factory.mktemp("undisturbed")
    grpo(**FOUR).fit(job(tiny_ref, folder))
    assert json.loads((folder / "result.json").read_text())["best_step"] > 0
    return folder


def test_weights_that_burst_are_a_clear_stop(tiny_ref, tmp_path):
    with pytest.raises(TrainingError, match="not finite"):
        grpo(rounds=6, evaluate_every=6, learning_rate=1e30).fit(job(tiny_ref, tmp_path))
    assert not (tmp_path / "result.json").exists()


class Mortal(Vowels):
    """A scorer whose server dies after some calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls

    def score(self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Any) -> list[Prediction]:
        self.calls -= 1
        if self.calls < 0:
            raise EngineError("the server at nowhere does not answer: start it")
        return super().score(requests, profiles, engine)


@pytest.mark.parametrize("calls", [0, 3, 4, 5])
def test_a_dead_scorer_stops_the_training_and_the_same_command_goes_on(tiny_ref, tmp_path, undisturbed, calls):
    with pytest.raises(TrainingError, match=r"scorer does not answer .*the same command goes on") as stopped:
        grpo(**FOUR).fit(job(tiny_ref, tmp_path, scorer=Mortal(calls)))
    assert "the server at nowhere" in str(stopped.value)
    assert not (tmp_path / "result.json").exists()
    grpo(**FOUR).fit(job(tiny_ref, tmp_path))
    assert digest(tmp_path) == digest(undisturbed)
    assert lines(tmp_path / "curve.jsonl") == lines(undisturbed / "curve.jsonl")


FULL = """
import resource, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from grpo_runs import FOUR, grpo
from tiny_world import Near, job
from duetbench.errors import TrainingError
from duetbench.models import resolve

class Filling(Near):
    rounds = 0

    def __call__(self, rollouts):
        self.rounds += 1
        if self.rounds == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.RLIM_INFINITY))
        return super().__call__(rollouts)

try:
    grpo(**FOUR).fit(job(resolve({model!r}), Path({folder!r}), rewards=[(Filling(), 1.0)]))
except TrainingError as error:
    print(error)
"""


def test_a_full_disk_is_a_clear_stop_and_the_last_good_checkpoint_stays(tiny_folder, tiny_ref, tmp_path, undisturbed):
    code = FULL.format(here=str(HERE), model=f"path:{tiny_folder}", folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert "free some space" in done.stdout
    assert (tmp_path / "checkpoints" / "checkpoint-2" / "whole.json").is_file()
    grpo(**FOUR).fit(job(tiny_ref, tmp_path))
    assert digest(tmp_path) == digest(undisturbed)


def test_frozen_weights_that_change_are_noticed_and_nothing_is_kept(tiny_ref, tmp_path, monkeypatch):
    whole = RolloutSampler.rewards

    def touching(self: RolloutSampler) -> list[float | None]:
        frozen = next(weights for weights in self._policy.model.parameters() if not weights.requires_grad)
        frozen.data.view(-1)[0] += 1e-3
        return whole(self)

    monkeypatch.setattr(RolloutSampler, "rewards", touching)
    with pytest.raises(TrainingError, match="frozen weights changed"):
        grpo().fit(job(tiny_ref, tmp_path))
    assert not (tmp_path / "best").exists()
    assert list((tmp_path / "checkpoints").iterdir()) == []
    assert not (tmp_path / "result.json").exists()


def test_the_result_names_the_frozen_weights(tiny_ref, undisturbed):
    from duetbench.training.options import TrainerSettings

    result = json.loads((undisturbed / "result.json").read_text())
    assert result["frozen_digest"] == Policy(tiny_ref, TrainerSettings()).frozen_digest()


def test_rewards_of_nothing_but_none_teach_nothing_and_stop_nothing(tiny_ref, tmp_path):
    class Silent(Near):
        def __call__(self, rollouts):
            return [None for _ in rollouts]

    trained = grpo(unreadable_reward=None).fit(job(tiny_ref, tmp_path, rewards=[(Silent(), 1.0)]))
    assert trained == tiny_ref
