"""Sampling settings that a model folder suggests change nothing; sampling is the user's choice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from engine_making import make_prompt
from weights_making import changed_copy

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.models import resolve
from duetbench.types import Sampling

SUGGESTED = {
    "do_sample": True,
    "repetition_penalty": 2.0,
    "top_k": 1,
    "top_p": 0.1,
    "min_p": 0.5,
    "temperature": 0.1,
    "no_repeat_ngram_size": 2,
    "min_new_tokens": 10,
    "max_new_tokens": 2,
    "suppress_tokens": [5, 6, 7],
}
PROMPTS = [make_prompt("jazz"), make_prompt("some people like jazz")]


@pytest.fixture
def suggesting(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the model with settings of its own."""
    folder = changed_copy(model_folder, tmp_path / "m", lambda tensors: None)
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **SUGGESTED}))
    return folder


@pytest.mark.parametrize("sampling", [Sampling(max_tokens=12), Sampling(temperature=1.0, max_tokens=12)], ids=str)
def test_completions_are_those_without_the_settings(
    engine: TransformersEngine, suggesting: Path, sampling: Sampling
) -> None:
    other = TransformersEngine(model=resolve(f"path:{suggesting}"))
    texts = [completion.text for completion in engine.generate(PROMPTS, sampling)]
    assert [completion.text for completion in other.generate(PROMPTS, sampling)] == texts


def test_label_probabilities_are_those_without_the_settings(engine: TransformersEngine, suggesting: Path) -> None:
    other = TransformersEngine(model=resolve(f"path:{suggesting}"))
    labels = engine.label_logprobs(PROMPTS, "Rating: ", ("1", "2"))
    assert other.label_logprobs(PROMPTS, "Rating: ", ("1", "2")) == labels


def test_a_training_samples_and_saves_as_without_the_settings(suggesting: Path, model_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    from tiny_world import job

    from duetbench.config import build_config
    from duetbench.training.offline.sft import Sft

    config, faults = build_config(Sft.Config, {"preset": "cpu", "epochs": 1, "adapter": "full"}, path="sft")
    assert not faults
    written = []
    for number, folder in enumerate((model_folder, suggesting)):
        workdir = tmp_path / str(number)
        Sft(config).fit(job(resolve(f"path:{folder}"), workdir))
        written.append((workdir / "rollouts.jsonl").read_text())
    assert written[0] == written[1]
