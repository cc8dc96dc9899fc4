"""Failures during a training: a clear error, the last complete checkpoint is kept, and the training can be resumed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from grpo_runs import FOUR, HERE, grpo, lines
from tiny_world import Near, RecordedProgress, Vowels, job

from duetbench.errors import EngineError, TrainingError
from duetbench.training.grpo.rollout import RolloutSampler
from duetbench.training.policy import Policy
from duetbench.types import ModelRef, Prediction, Profiles, Request


def digest(folder: Path) -> str:
    adapter_digest: str = json.loads((folder / "result.json").read_text())["model"]["adapter_digest"]
    return adapter_digest


@pytest.fixture(scope="module")
def uninterrupted(tiny_ref: ModelRef, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted training of four rounds."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    grpo(**FOUR).fit(job(tiny_ref, folder))
    assert json.loads((folder / "result.json").read_text())["best_step"] > 0
    return folder


def test_diverged_weights_are_a_clear_error(tiny_ref, tmp_path):
    with pytest.raises(TrainingError, match="not finite"):
        grpo(rounds=6, evaluate_every=6, learning_rate=1e30).fit(job(tiny_ref, tmp_path))
    assert not (tmp_path / "result.json").exists()


class FailingScorer(Vowels):
    """A scorer whose server fails after some calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls

    def score(self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Any) -> list[Prediction]:
        self.calls -= 1
        if self.calls < 0:
            raise EngineError("the server at localhost does not answer: start it")
        return super().score(requests, profiles, engine)


@pytest.mark.parametrize("calls", [0, 3, 4, 5])
def test_a_failing_scorer_stops_the_training_and_the_same_command_resumes_it(tiny_ref, tmp_path, uninterrupted, calls):
    with pytest.raises(TrainingError, match=r"scorer does not answer .*the same command resumes") as stopped:
        grpo(**FOUR).fit(job(tiny_ref, tmp_path, scorer=FailingScorer(calls)))
    assert "the server at localhost" in str(stopped.value)
    assert not (tmp_path / "result.json").exists()
    grpo(**FOUR).fit(job(tiny_ref, tmp_path))
    assert digest(tmp_path) == digest(uninterrupted)
    assert lines(tmp_path / "curve.jsonl") == lines(uninterrupted / "curve.jsonl")


FULL_DISK = """
import resource, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from grpo_runs import FOUR, grpo
from tiny_world import Near, job
from duetbench.errors import TrainingError
from duetbench.models import resolve

class FillsTheDisk(Near):
    def __call__(self, rollouts):
        if (Path({folder!r}) / "checkpoints" / "checkpoint-2" / "whole.json").is_file():
            resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.RLIM_INFINITY))
        return super().__call__(rollouts)

try:
    grpo(**FOUR).fit(job(resolve({model!r}), Path({folder!r}), rewards=[(FillsTheDisk(), 1.0)]))
except TrainingError as error:
    print(error)
"""


def test_a_full_disk_is_a_clear_error_and_the_last_checkpoint_is_kept(tiny_folder, tiny_ref, tmp_path, uninterrupted):
    code = FULL_DISK.format(here=str(HERE), model=f"path:{tiny_folder}", folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert "free some space" in done.stdout
    assert (tmp_path / "checkpoints" / "checkpoint-2" / "whole.json").is_file()
    grpo(**FOUR).fit(job(tiny_ref, tmp_path))
    assert digest(tmp_path) == digest(uninterrupted)


def test_a_training_with_a_damaged_newest_checkpoint_resumes_from_the_one_before_it(tiny_ref, tmp_path, uninterrupted):
    with pytest.raises(TrainingError, match="the same command resumes"):
        grpo(**FOUR).fit(job(tiny_ref, tmp_path, scorer=FailingScorer(calls=7)))
    checkpoints = tmp_path / "checkpoints"
    assert {path.name for path in checkpoints.glob("checkpoint-*")} == {"checkpoint-2", "checkpoint-3"}
    (checkpoints / "checkpoint-3" / "adapter_model.safetensors").write_text("x")
    progress = RecordedProgress()
    grpo(**FOUR).fit(job(tiny_ref, tmp_path, progress=progress))
    assert any("the checkpoint after update 3 is damaged" in line for line in progress.lines)
    assert progress.updates == [3, 4]
    assert digest(tmp_path) == digest(uninterrupted)
    assert lines(tmp_path / "curve.jsonl") == lines(uninterrupted / "curve.jsonl")


def test_a_change_of_the_frozen_weights_is_detected_and_nothing_is_kept(tiny_ref, tmp_path, monkeypatch):
    rewards = RolloutSampler.rewards

    def with_changed_weights(self: RolloutSampler) -> list[float | None]:
        frozen = next(weights for weights in self._policy.model.parameters() if not weights.requires_grad)
        frozen.data.view(-1)[0] += 1e-3
        return rewards(self)

    monkeypatch.setattr(RolloutSampler, "rewards", with_changed_weights)
    with pytest.raises(TrainingError, match="frozen weights changed"):
        grpo().fit(job(tiny_ref, tmp_path))
    assert not (tmp_path / "best").exists()
    assert list((tmp_path / "checkpoints").iterdir()) == []
    assert not (tmp_path / "result.json").exists()


def test_the_result_contains_the_digest_of_the_frozen_weights(tiny_ref, uninterrupted):
    from duetbench.training.options import TrainerSettings

    result = json.loads((uninterrupted / "result.json").read_text())
    assert result["frozen_digest"] == Policy(tiny_ref, TrainerSettings()).frozen_digest()


def test_a_training_without_any_reward_leaves_the_model_as_it_is(tiny_ref, tmp_path):
    class Silent(Near):
        def __call__(self, rollouts):
            return [None for _ in rollouts]

    trained = grpo(unreadable_reward=None).fit(job(tiny_ref, tmp_path, rewards=[(Silent(), 1.0)]))
    assert trained == tiny_ref
