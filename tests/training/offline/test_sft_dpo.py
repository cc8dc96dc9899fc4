"""The trainers `sft` and `dpo` on a model of two layers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny_world import job

from duetbench.config import build_config
from duetbench.errors import TrainingError
from duetbench.interfaces import Trainer
from duetbench.training.offline.dpo import Dpo
from duetbench.training.offline.sft import Sft
from duetbench.training.training_folder import JsonLinesLog

SMALL = {"candidates": 6, "batch": 4, "evaluate_every": 20, "learning_rate": 0.01}


def trainer(cls: type[Trainer], **options: object) -> Trainer:
    config, faults = build_config(cls.Config, {**SMALL, **options}, path=cls.name)
    assert not faults
    return cls(config)


def curve(folder: Path, name: str) -> list[float]:
    return [entry[name] for entry in JsonLinesLog(folder / "curve.jsonl").read()]


def test_sft_learns_its_targets(tiny_ref, tmp_path):
    trained = trainer(Sft, epochs=6).fit(job(tiny_ref, tmp_path))
    losses = curve(tmp_path, "loss")
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["rows"]["targets"] + result["rows"]["no_good_candidate"] == 12
    assert result["tokens"] == result["rows"]["sampled_tokens"] > 0
    assert trained.adapter == str(tmp_path / "best") or result["best_step"] == 0


def test_a_tiny_model_is_trained_on_one_thread(tiny_ref, tmp_path, monkeypatch):
    import torch

    from duetbench.training.trl import adapter

    seen: list[int] = []
    train = adapter.train_sft
    monkeypatch.setattr(adapter, "train_sft", lambda *a: (seen.append(torch.get_num_threads()), train(*a))[1])
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        trainer(Sft, epochs=1).fit(job(tiny_ref, tmp_path))
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)


def test_sft_with_separate_prompts_learns_from_both_sides(tiny_ref, tmp_path):
    trainer(Sft, epochs=1).fit(job(tiny_ref, tmp_path, joint="cross"))
    assert json.loads((tmp_path / "result.json").read_text())["rows"]["questions"] == 24


def test_candidates_that_are_not_good_enough_are_left_out(tiny_ref, tmp_path):
    with pytest.raises(TrainingError, match="good enough"):
        trainer(Sft, least_reward=2.0).fit(job(tiny_ref, tmp_path))


def test_dpo_learns_its_preferences(tiny_ref, tmp_path):
    trainer(Dpo, epochs=3, margin=0.05, learning_rate=0.003).fit(job(tiny_ref, tmp_path))
    accuracies = curve(tmp_path, "pairs_right")
    assert sum(accuracies[-5:]) / 5 > 0.8
    assert json.loads((tmp_path / "result.json").read_text())["rows"]["pairs"] > 8


def test_without_a_pair_dpo_is_an_error(tiny_ref, tmp_path):
    with pytest.raises(TrainingError, match="better and a worse"):
        trainer(Dpo, margin=5.0).fit(job(tiny_ref, tmp_path))


@pytest.mark.parametrize("cls", [Sft, Dpo])
def test_saved_candidates_are_not_sampled_again(tiny_ref, tmp_path, cls):
    training_job = job(tiny_ref, tmp_path)
    first = trainer(cls, epochs=1).fit(training_job)
    (tmp_path / "result.json").unlink()
    saved = (tmp_path / "rollouts.jsonl").read_bytes()
    assert trainer(cls, epochs=1).fit(training_job) == first
    assert (tmp_path / "rollouts.jsonl").read_bytes() == saved


def test_a_teacher_writes_the_candidates(tiny_ref, tmp_path):
    trainer(Sft, teachers=(tiny_ref.name,), epochs=1, candidates=2).fit(job(tiny_ref, tmp_path))
    assert json.loads((tmp_path / "result.json").read_text())["rows"]["candidates"] == 24


def test_candidates_are_sampled_for_the_requested_number_of_pairs(tiny_ref, tmp_path):
    trainer(Sft, pairs=5, epochs=1, candidates=2).fit(job(tiny_ref, tmp_path))
    assert json.loads((tmp_path / "result.json").read_text())["rows"]["examples"] == 5


def sampled(folder: Path) -> list[dict[str, object]]:
    return JsonLinesLog(folder / "rollouts.jsonl").read()


def test_candidates_are_sampled_until_the_token_budget_is_spent(tiny_ref, tmp_path):
    trainer(Sft, epochs=1, candidates=2).fit(job(tiny_ref, tmp_path, token_budget=1500))
    result = json.loads((tmp_path / "result.json").read_text())
    longest = max(row["tokens"] / row["size"] for row in sampled(tmp_path))
    assert 1500 - 2 * longest < result["tokens"] <= 1500 + longest
    assert json.loads((tmp_path / "settings.json").read_text())["token_budget"] == 1500
    assert json.loads((tmp_path / "budget.json").read_text())["tokens"] == result["tokens"]


def test_a_large_budget_pays_for_more_samples_of_each_prompt(tiny_ref, tmp_path):
    trainer(Sft, epochs=1, candidates=2).fit(job(tiny_ref, tmp_path, token_budget=2500))
    rows = json.loads((tmp_path / "result.json").read_text())["rows"]
    assert rows["questions"] == 12
    assert rows["candidates"] > 2 * 24
    texts = [entry["text"] for row in sampled(tmp_path) for prompt in row["questions"] for entry in prompt]
    assert len(set(texts)) > 24  # later passes draw other samples


def test_a_training_with_a_budget_resumes_to_the_same_samples(tiny_ref, tmp_path):
    training_job = job(tiny_ref, tmp_path, token_budget=1500)
    first = trainer(Sft, epochs=1, candidates=2).fit(training_job)
    log = tmp_path / "rollouts.jsonl"
    saved = log.read_bytes()
    (tmp_path / "result.json").unlink()
    log.write_bytes(b"".join(saved.splitlines(keepends=True)[:1]))
    assert trainer(Sft, epochs=1, candidates=2).fit(training_job) == first
    questions = [json.loads(line)["questions"] for line in saved.splitlines()]
    assert [row["questions"] for row in sampled(tmp_path)] == questions


def test_another_budget_is_another_training(tiny_ref, tmp_path):
    trainer(Sft, epochs=1, candidates=2).fit(job(tiny_ref, tmp_path, token_budget=900))
    with pytest.raises(TrainingError, match="which differs in token_budget"):
        trainer(Sft, epochs=1, candidates=2).fit(job(tiny_ref, tmp_path, token_budget=901))


@pytest.fixture
def second_ref(tmp_path, tiny_ref):
    """A model with other weights than `tiny_ref`."""
    from safetensors.torch import load_file, save_file

    from duetbench.models import resolve

    folder = shutil.copytree(tiny_ref.path, tmp_path / "second")
    weights = folder / "model.safetensors"
    tensors = {name: tensor * 1.5 for name, tensor in load_file(weights).items()}
    save_file(tensors, weights, metadata={"format": "pt"})
    return resolve(f"path:{folder}")


def test_explorers_write_candidates_in_addition_to_the_trained_model(tiny_ref, second_ref, tmp_path):
    options = {"candidates": 2, "margin": 0.01, "epochs": 1}
    trainer(Dpo, explorers=(second_ref.name,), **options).fit(job(tiny_ref, tmp_path / "pool"))
    rows = json.loads((tmp_path / "pool" / "result.json").read_text())["rows"]
    assert (rows["models"], rows["candidates"]) == (2, 48)
    (row,) = JsonLinesLog(tmp_path / "pool" / "rollouts.jsonl").read()
    assert any({texts[0]["text"], texts[1]["text"]}.isdisjoint({texts[2]["text"]}) for texts in row["questions"])


def test_an_explorer_that_is_the_trained_model_is_counted_once(tiny_ref, tmp_path):
    trainer(Dpo, explorers=(tiny_ref.name,), epochs=1, margin=0.05).fit(job(tiny_ref, tmp_path))
    assert json.loads((tmp_path / "result.json").read_text())["rows"]["models"] == 1


def test_lettingo_pairs_all_right_and_wrong_candidates_of_several_models():
    settings = Dpo.resolved_options(build_config(Dpo.Config, {"preset": "lettingo"}, path="dpo")[0])
    assert (settings["judge"], settings["pairing"], settings["max_pairs"]) == ("sentiment", "all", None)
    assert len(settings["explorers"]) > 1
