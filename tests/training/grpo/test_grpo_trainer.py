"""GRPO on a model of two layers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from grpo_runs import HERE, grpo, lines
from tiny_world import Near, job

from duetbench.errors import ConfigError, TrainingError
from duetbench.training.loop.checkpoints import TrainingFolder


def test_it_learns_what_pays(tiny_ref, tmp_path):
    trained = grpo(rounds=8, pairs_per_round=8, samples=8, evaluate_every=8).fit(job(tiny_ref, tmp_path))
    rewards = [entry["reward"] for entry in lines(tmp_path / "curve.jsonl")]
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.15
    assert trained.adapter == str(tmp_path / "best")


def test_crossing_learns_too(tiny_ref, tmp_path):
    options = {"rounds": 8, "pairs_per_round": 8, "samples": 8, "evaluate_every": 8}
    grpo(**options).fit(job(tiny_ref, tmp_path, joint="cross"))
    rewards = [entry["reward"] for entry in lines(tmp_path / "curve.jsonl")]
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.1


@pytest.mark.parametrize("credit", ["cross", "alternate", "user", "item"])
def test_every_credit_mode_runs(tiny_ref, tmp_path, credit):
    grpo(credit=credit, alternate_every=1).fit(job(tiny_ref, tmp_path, joint="cross"))
    assert len(lines(tmp_path / "curve.jsonl")) == 2


def test_a_mode_that_does_not_fit_the_questions_is_refused(tiny_ref, tmp_path):
    with pytest.raises(ConfigError, match="credit cross"):
        grpo(credit="cross").fit(job(tiny_ref, tmp_path))


def test_a_finished_training_is_not_run_again(tiny_ref, tmp_path):
    first = grpo().fit(job(tiny_ref, tmp_path))
    started = time.monotonic()
    assert grpo().fit(job(tiny_ref, tmp_path)) == first
    assert time.monotonic() - started < 1


def test_a_folder_of_another_training_is_refused(tiny_ref, tmp_path):
    grpo().fit(job(tiny_ref, tmp_path))
    with pytest.raises(TrainingError, match="differs in seed"):
        grpo().fit(job(tiny_ref, tmp_path, seed=1))


def test_what_came_out_is_complete(tiny_ref, tmp_path):
    grpo(rounds=6, evaluate_every=3).fit(job(tiny_ref, tmp_path))
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["steps"] == 6
    assert [entry["step"] for entry in result["evaluations"]] == [0, 3, 6]
    assert result["settings"]["clip_low"] == 0.2
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert (settings["clip_low"], settings["credit"], settings["precision"]) == (0.2, "paired", "fp32")
    assert {"curve.csv", "curve.png", "evaluations.csv", "budget.json"} <= {path.name for path in tmp_path.iterdir()}
    assert [entry["step"] for entry in lines(tmp_path / "profiles.jsonl")] == [0, 3, 6]
    assert not (tmp_path / "checkpoints").exists()


def test_the_card_says_how_to_use_the_adapter(tiny_ref, tmp_path):
    trained = grpo(rounds=8, pairs_per_round=8, samples=8, evaluate_every=8).fit(job(tiny_ref, tmp_path))
    assert trained.adapter is not None
    card = (Path(trained.adapter) / "README.md").read_text()
    assert "PeftModel.from_pretrained" in card
    assert "| scorer in the loop | vowels |" in card


def test_a_changed_adapter_is_noticed(tiny_ref, tmp_path):
    trained = grpo(rounds=8, pairs_per_round=8, samples=8, evaluate_every=8).fit(job(tiny_ref, tmp_path))
    with (Path(str(trained.adapter)) / "adapter_model.safetensors").open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\x01\x02\x03\x04")
    with pytest.raises(TrainingError, match="not those that were trained"):
        grpo(rounds=8, pairs_per_round=8, samples=8, evaluate_every=8).fit(job(tiny_ref, tmp_path))


def test_loading_the_adapter_changes_what_is_written(tiny_ref, tmp_path):
    from duetbench.engines.transformers.engine import TransformersEngine
    from duetbench.types import Sampling

    work = job(tiny_ref, tmp_path)
    trained = grpo(rounds=8, pairs_per_round=8, samples=8, evaluate_every=8).fit(work)
    prompts = work.strategy.stages()[0].prompts([example.request for example in work.train], {})
    sampling = Sampling(max_tokens=24)
    before = TransformersEngine(model=tiny_ref).generate(prompts, sampling)
    after = TransformersEngine(model=trained).generate(prompts, sampling)
    assert [one.text for one in before] != [one.text for one in after]


def test_full_fine_tuning_gives_a_model_folder(tiny_ref, tmp_path):
    from duetbench.models import resolve

    options = {"adapter": "full", "learning_rate": 0.003, "rounds": 8, "pairs_per_round": 8, "samples": 8}
    trained = grpo(**options, evaluate_every=8, kl=0.01).fit(job(tiny_ref, tmp_path))
    assert trained.adapter is None
    assert resolve(trained.name).digest == trained.digest != tiny_ref.digest


def test_a_reward_that_is_no_number_stops_the_training(tiny_ref, tmp_path):
    class Broken(Near):
        def __call__(self, rollouts):
            return [float("inf") if n % 2 else 0.0 for n in range(len(rollouts))]

    with pytest.raises(TrainingError, match="'near' gives inf"):
        grpo().fit(job(tiny_ref, tmp_path, rewards=[(Broken(), 1.0)]))


def test_a_pilot_leaves_out_what_ties(tiny_ref, tmp_path):
    class Flat(Near):
        def __call__(self, rollouts):
            return [0.5 for _ in rollouts]

    with pytest.raises(TrainingError, match="tie in the pilot"):
        grpo(pilot=2, unreadable_reward=0.5).fit(job(tiny_ref, tmp_path, rewards=[(Flat(), 1.0)]))


def test_patience_ends_a_training_early(tiny_ref, tmp_path):
    options = {"learning_rate": 1e-9, "rounds": 6, "evaluate_every": 1, "patience": 2}
    trained = grpo(**options).fit(job(tiny_ref, tmp_path))
    assert len(lines(tmp_path / "curve.jsonl")) == 2
    assert trained == tiny_ref


def test_without_validation_rows_the_last_weights_are_taken(tiny_ref, tmp_path):
    grpo().fit(job(tiny_ref, tmp_path, valid=[]))
    assert json.loads((tmp_path / "result.json").read_text())["best_step"] == 2


def test_a_model_without_weights_here_cannot_be_trained(tmp_path):
    from duetbench.types import ModelRef

    with pytest.raises(TrainingError, match="no weights on this machine"):
        grpo().fit(job(ModelRef("served", "", ""), tmp_path))


def test_a_training_that_was_cut_off_at_its_very_end_is_finished(tiny_ref, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(TrainingFolder, "finish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            grpo().fit(job(tiny_ref, tmp_path))
    before = lines(tmp_path / "curve.jsonl")
    grpo().fit(job(tiny_ref, tmp_path))
    assert lines(tmp_path / "curve.jsonl") == before


def train(folder: Path, model: Path) -> subprocess.Popen[bytes]:
    code = (
        f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
        "from grpo_runs import grpo, RESUMED\n"
        "from tiny_world import job\n"
        "from duetbench.models import resolve\n"
        "from pathlib import Path\n"
        "options = dict(RESUMED); joint = options.pop('joint')\n"
        f"grpo(**options).fit(job(resolve('path:{model}'), Path({str(folder)!r}), joint=joint))\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)


def killed(folder: Path, model: Path, n_updates: int) -> None:
    """Runs a training and kills it as soon as so many updates stand in its curve."""
    process = train(folder, model)
    curve = folder / "curve.jsonl"
    while process.poll() is None:
        if curve.is_file() and curve.read_text().count("\n") >= n_updates:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    process.wait()


def test_a_killed_training_goes_on_as_if_nothing_had_happened(tiny_folder, tmp_path):
    undisturbed, disturbed = tmp_path / "one", tmp_path / "two"
    assert train(undisturbed, tiny_folder).wait() == 0
    for n_updates in (1, 7):
        killed(disturbed, tiny_folder, n_updates)
        assert not (disturbed / "result.json").exists()
    assert train(disturbed, tiny_folder).wait() == 0
    for name in ("curve.jsonl", "evaluations.jsonl", "profiles.jsonl"):
        assert lines(disturbed / name) == lines(undisturbed / name)
    results = [json.loads((folder / "result.json").read_text()) for folder in (undisturbed, disturbed)]
    assert results[0]["model"]["adapter_digest"] == results[1]["model"]["adapter_digest"] is not None
