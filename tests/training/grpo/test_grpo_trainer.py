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
from tiny_world import Near, RecordedProgress, Vowels, Writing, examples, job

from duetbench.errors import ConfigError, TrainingError
from duetbench.training.grpo.generation import GenerationSpec, SampledCompletion
from duetbench.training.grpo.rollout import RolloutSampler
from duetbench.training.options import TrainerSettings
from duetbench.training.policy import Policy
from duetbench.training.questions import TrainingQuestion, encode_questions
from duetbench.training.rewarding import CompletionGrader, RewardRules
from duetbench.training.training_folder import TrainingFolder
from duetbench.types import Prediction

LEARNING = {"rounds": 8, "pairs_per_round": 8, "num_generations": 8, "evaluate_every": 8}


def test_the_reward_rises(tiny_ref, tmp_path):
    trained = grpo(**LEARNING).fit(job(tiny_ref, tmp_path))
    rewards = [entry["reward"] for entry in lines(tmp_path / "curve.jsonl")]
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.15
    assert trained.adapter == str(tmp_path / "best")


def test_the_reward_rises_with_crossing(tiny_ref, tmp_path):
    grpo(**LEARNING).fit(job(tiny_ref, tmp_path, joint="cross"))
    rewards = [entry["reward"] for entry in lines(tmp_path / "curve.jsonl")]
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.1


@pytest.mark.parametrize("credit", ["cross", "alternate", "user", "item"])
def test_every_credit_mode_runs(tiny_ref, tmp_path, credit):
    options = {"alternate_every": 1} if credit == "alternate" else {}
    grpo(credit=credit, **options).fit(job(tiny_ref, tmp_path, joint="cross"))
    assert len(lines(tmp_path / "curve.jsonl")) == 2


def test_a_credit_mode_that_does_not_fit_the_prompts_is_an_error(tiny_ref, tmp_path):
    with pytest.raises(ConfigError, match="credit cross"):
        grpo(credit="cross").fit(job(tiny_ref, tmp_path))


def test_a_finished_training_is_not_run_again(tiny_ref, tmp_path):
    first = grpo().fit(job(tiny_ref, tmp_path))
    progress = RecordedProgress()
    assert grpo().fit(job(tiny_ref, tmp_path, progress=progress)) == first
    assert progress.updates == []


def test_partners_without_crossed_prompts_is_an_error(tiny_ref, tmp_path):
    with pytest.raises(TrainingError, match=r"grpo\.partners has no effect: the prompts of tiny lead to credit=paired"):
        grpo(partners=4).fit(job(tiny_ref, tmp_path))


def test_a_folder_of_another_training_is_an_error(tiny_ref, tmp_path):
    grpo().fit(job(tiny_ref, tmp_path))
    with pytest.raises(TrainingError, match="differs in seed"):
        grpo().fit(job(tiny_ref, tmp_path, seed=1))


def test_the_result_is_complete(tiny_ref, tmp_path):
    progress = RecordedProgress()
    grpo(rounds=6, evaluate_every=3).fit(job(tiny_ref, tmp_path, progress=progress))
    assert (progress.updates, progress.evaluations) == ([1, 2, 3, 4, 5, 6], [0, 3, 6])
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["steps"] == 6
    assert [entry["step"] for entry in result["evaluations"]] == [0, 3, 6]
    assert result["settings"]["epsilon"] == 0.2
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert (settings["epsilon"], settings["credit"], settings["precision"]) == (0.2, "paired", "fp32")
    assert settings["shared_prompts"]
    assert all(row["tokens_saved"] > 0.5 for row in lines(tmp_path / "curve.jsonl"))
    assert {"curve.csv", "curve.png", "evaluations.csv", "budget.json"} <= {path.name for path in tmp_path.iterdir()}
    assert [entry["step"] for entry in lines(tmp_path / "profiles.jsonl")] == [0, 3, 6]
    assert not (tmp_path / "checkpoints").exists()


def test_a_model_that_cannot_share_prompts_is_announced_and_recorded(tiny_ref, tmp_path, monkeypatch):
    monkeypatch.setattr("duetbench.training.trl.shared_pass.unshared_reason", lambda _model: "it has a window")
    progress = RecordedProgress()
    grpo(rounds=1).fit(job(tiny_ref, tmp_path, progress=progress))
    assert any("once per completion, not once per group: it has a window" in line for line in progress.lines)
    assert not json.loads((tmp_path / "settings.json").read_text())["shared_prompts"]


def test_the_model_card_explains_how_to_use_the_adapter(tiny_ref, tmp_path):
    trained = grpo(**LEARNING).fit(job(tiny_ref, tmp_path))
    assert trained.adapter is not None
    card = (Path(trained.adapter) / "README.md").read_text()
    assert "PeftModel.from_pretrained" in card
    assert "| scorer in the loop | vowels |" in card


def test_a_changed_adapter_is_detected(tiny_ref, tmp_path):
    trained = grpo(**LEARNING).fit(job(tiny_ref, tmp_path))
    with (Path(str(trained.adapter)) / "adapter_model.safetensors").open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\x01\x02\x03\x04")
    with pytest.raises(TrainingError, match="not those that were trained"):
        grpo(**LEARNING).fit(job(tiny_ref, tmp_path))


def test_loading_the_adapter_changes_what_is_written(tiny_ref, tmp_path):
    from duetbench.engines.transformers.engine import TransformersEngine
    from duetbench.types import Sampling

    training_job = job(tiny_ref, tmp_path)
    trained = grpo(**LEARNING).fit(training_job)
    requests = [example.request for example in training_job.train]
    prompts = training_job.strategy.stages()[0].prompts(requests, {})
    sampling = Sampling(max_tokens=24)
    before = TransformersEngine(model=tiny_ref).generate(prompts, sampling)
    after = TransformersEngine(model=trained).generate(prompts, sampling)
    assert [completion.text for completion in before] != [completion.text for completion in after]


def test_full_fine_tuning_gives_a_model_folder(tiny_ref, tmp_path):
    from duetbench.models import resolve

    trained = grpo(**LEARNING, adapter="full", learning_rate=0.003, beta=0.01).fit(job(tiny_ref, tmp_path))
    assert trained.adapter is None
    assert resolve(trained.name).digest == trained.digest != tiny_ref.digest


def test_a_non_finite_reward_stops_the_training(tiny_ref, tmp_path):
    class Broken(Near):
        def __call__(self, rollouts):
            return [float("inf") if n % 2 else 0.0 for n in range(len(rollouts))]

    with pytest.raises(TrainingError, match="'near' returned inf"):
        grpo().fit(job(tiny_ref, tmp_path, rewards=[(Broken(), 1.0)]))


def test_the_prefilter_leaves_out_examples_with_equal_rewards(tiny_ref, tmp_path):
    class Flat(Near):
        def __call__(self, rollouts):
            return [0.5 for _ in rollouts]

    with pytest.raises(TrainingError, match="the prefilter left no training example"):
        grpo(prefilter_samples=2, unreadable_reward=0.5).fit(job(tiny_ref, tmp_path, rewards=[(Flat(), 1.0)]))


def test_patience_ends_a_training_early(tiny_ref, tmp_path):
    options = {"learning_rate": 1e-9, "rounds": 6, "evaluate_every": 1, "patience": 2}
    trained = grpo(**options).fit(job(tiny_ref, tmp_path))
    assert len(lines(tmp_path / "curve.jsonl")) == 2
    assert trained == tiny_ref


def test_without_validation_rows_the_last_weights_are_kept(tiny_ref, tmp_path):
    grpo().fit(job(tiny_ref, tmp_path, valid=[]))
    assert json.loads((tmp_path / "result.json").read_text())["best_step"] == 2


def test_a_model_without_local_weights_cannot_be_trained(tmp_path):
    from duetbench.types import ModelRef

    with pytest.raises(TrainingError, match="no weights on this machine"):
        grpo().fit(job(ModelRef("served", "", ""), tmp_path))


def test_a_training_that_was_killed_before_its_result_was_written_is_finished(tiny_ref, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(TrainingFolder, "finish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            grpo().fit(job(tiny_ref, tmp_path))
    before = lines(tmp_path / "curve.jsonl")
    grpo().fit(job(tiny_ref, tmp_path))
    assert lines(tmp_path / "curve.jsonl") == before


def test_masking_truncated_completions_leaves_the_others_in_the_loss(tiny_ref, tmp_path):
    grpo(mask_truncated_completions=True, max_completion_length=6).fit(job(tiny_ref, tmp_path))
    for row in lines(tmp_path / "curve.jsonl"):
        assert 0 < row["masked"] < 1
        assert row["grad_norm"] > 0
        assert 0 < row["loss_tokens"] < row["tokens"]


def test_a_round_without_a_token_in_the_loss_stops_the_training(tiny_ref, tmp_path, monkeypatch):
    monkeypatch.setattr(SampledCompletion, "is_truncated", True)
    reason = r"no token of the round after update 0 is in the loss: 16 of 16 completions reached their maximum length"
    with pytest.raises(TrainingError, match=reason):
        grpo(mask_truncated_completions=True).fit(job(tiny_ref, tmp_path))
    assert not (tmp_path / "result.json").exists()


def test_a_maximum_length_above_the_strategys_is_an_error(tiny_ref, tmp_path):
    with pytest.raises(TrainingError, match="max_completion_length=99 has no effect: tiny writes at most 24 tokens"):
        grpo(max_completion_length=99).fit(job(tiny_ref, tmp_path))


def test_epochs_determine_the_rounds(tiny_ref, tmp_path):
    grpo(rounds="preset", epochs=2, pairs_per_round=5, evaluate_every=4).fit(job(tiny_ref, tmp_path))
    assert len(lines(tmp_path / "curve.jsonl")) == 2 * (12 // 5)
    assert json.loads((tmp_path / "settings.json").read_text())["rounds"] == 4


def test_failed_calls_and_unreadable_ratings_are_columns_of_the_curve(tiny_ref, tmp_path):
    class Failing(Vowels):
        def score(self, requests, profiles, engine):
            predictions = super().score(requests, profiles, engine)
            failures = [Prediction(None, "error", "rating"), Prediction(None, "unreadable", "rating")]
            return [*failures, *predictions[2:]] if len(predictions) > 4 else predictions

    grpo().fit(job(tiny_ref, tmp_path, scorer=Failing(), valid=[]))
    rows = lines(tmp_path / "curve.jsonl")
    assert [(row["failed_calls"], row["unreadable_ratings"]) for row in rows] == [(1, 1), (1, 1)]
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["failed_calls"], result["unreadable_ratings"]) == (2, 2)


@pytest.mark.parametrize("mask_truncated", [False, True])
def test_the_loss_mask_is_0_exactly_for_truncated_completions(tiny_ref, mask_truncated):
    policy = Policy(tiny_ref, TrainerSettings())
    stage = Writing(("pair",))
    train = examples("train", 4)
    questions = [TrainingQuestion(example, tuple(stage.prompts([example.request], {}))) for example in train]
    questions, encoded = encode_questions(policy, questions, 6)
    grader = CompletionGrader(stage, Vowels(), None, [(Near(), 1.0)], RewardRules())
    generation = GenerationSpec(4, 1.0, 6, stage.stop, 65_536)
    sampler = RolloutSampler(
        policy, stage, questions, encoded, grader=grader, generation=generation, seed=0, mask_truncated=mask_truncated
    )
    batch = sampler.sample([f"{n}:0" for n in range(4) for _ in range(4)], policy.model, 0)
    stops = policy.stops(stage.stop)
    is_stopped = [
        ids[-1] in stops.ends or stops.cut(policy.chat.decode_continuation(prompt, ids))[1]
        for prompt, ids in zip(batch.prompts, batch.completions, strict=True)
    ]
    assert 0 < sum(is_stopped) < len(is_stopped)
    expected = [1 if stopped or not mask_truncated else 0 for stopped in is_stopped]
    assert [set(mask) for mask in batch.loss_mask] == [{value} for value in expected]
    assert [len(mask) for mask in batch.loss_mask] == [len(ids) for ids in batch.completions]


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


def train_and_kill(folder: Path, model: Path, n_updates: int) -> None:
    """Runs a training and kills it as soon as its curve has `n_updates` rows."""
    process = train(folder, model)
    curve = folder / "curve.jsonl"
    while process.poll() is None:
        if curve.is_file() and curve.read_text().count("\n") >= n_updates:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    process.wait()


def test_a_killed_and_resumed_training_equals_an_uninterrupted_one(tiny_folder, tmp_path):
    uninterrupted, interrupted = tmp_path / "one", tmp_path / "two"
    assert train(uninterrupted, tiny_folder).wait() == 0
    for n_updates in (1, 7):
        train_and_kill(interrupted, tiny_folder, n_updates)
        assert not (interrupted / "result.json").exists()
    assert train(interrupted, tiny_folder).wait() == 0
    for name in ("curve.jsonl", "evaluations.jsonl", "profiles.jsonl"):
        assert lines(interrupted / name) == lines(uninterrupted / name)
    results = [json.loads((folder / "result.json").read_text()) for folder in (uninterrupted, interrupted)]
    assert results[0]["model"]["adapter_digest"] == results[1]["model"]["adapter_digest"] is not None
