"""The engine that runs vLLM, with a fake of the package."""

from __future__ import annotations

import importlib.machinery
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from engine_making import CONTEXT, make_prompt
from weights_making import changed_copy

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.engines.vllm import engine as vllm_engine
from duetbench.engines.vllm.engine import VllmEngine
from duetbench.errors import MissingDependency, ModelError
from duetbench.models import resolve
from duetbench.testing import EngineConformance
from duetbench.types import ModelRef, Sampling

PROMPTS = [make_prompt("rock"), make_prompt("jazz"), make_prompt("some people like jazz")]


@dataclass
class Settings:
    """vLLM's sampling parameters, with defaults that a generation_config could have."""

    max_tokens: int
    temperature: float
    top_p: float = 1.0
    stop: Any = None
    stop_token_ids: list[int] = field(default_factory=list)
    seed: int | None = None
    n: int = 2
    top_k: int = 1
    min_p: float = 1.0
    repetition_penalty: float = 2.0
    presence_penalty: float = 2.0
    frequency_penalty: float = 2.0
    min_tokens: int = 5
    ignore_eos: bool = True
    logit_bias: Any = ""
    bad_words: Any = ""
    logprob_token_ids: list[int] = field(default_factory=list)


class FakeLLM:
    """Writes the sum of each prompt's token ids; the log-probability of a token is minus its id."""

    settings: dict[str, Any]
    prompts: list[list[int]]
    sampled: list[Settings]

    def __init__(self, **settings: Any) -> None:
        FakeLLM.settings, FakeLLM.prompts, FakeLLM.sampled = settings, [], []

    def generate(self, prompts: list[dict[str, Any]], settings: list[Settings], **_more: Any) -> list[Any]:
        FakeLLM.prompts += [prompt["prompt_token_ids"] for prompt in prompts]
        FakeLLM.sampled += settings
        return [SimpleNamespace(outputs=[self._output(*pair)]) for pair in zip(prompts, settings, strict=True)]

    def _output(self, prompt: dict[str, Any], settings: Settings) -> Any:
        ids = prompt["prompt_token_ids"]
        listed = {token: SimpleNamespace(logprob=-float(token)) for token in settings.logprob_token_ids}
        ends = "stop" if settings.max_tokens > 3 else "length"
        text = f"{sum(ids)} {settings.seed}"
        for stop in settings.stop or []:
            text = text.split(stop)[0]
        return SimpleNamespace(text=text, token_ids=[1, 2], finish_reason=ends, logprobs=[listed])


@pytest.fixture
def fake_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("vllm")
    module.__spec__ = importlib.machinery.ModuleSpec("vllm", None)
    module.LLM, module.SamplingParams = FakeLLM, Settings
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(vllm_engine, "version", lambda _name: "0.0")


def test_the_missing_package_is_named_with_its_command(model: ModelRef, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingDependency, match="pip install vllm"):
        VllmEngine(model=model)


@pytest.mark.usefixtures("fake_vllm")
def test_prompts_have_the_tokens_of_the_other_engine_sorted_by_prefix(
    model: ModelRef, engine: TransformersEngine
) -> None:
    VllmEngine(model=model).generate(PROMPTS, Sampling(max_tokens=16))
    expected = [engine.chat.ids(prompt.messages) for prompt in PROMPTS]
    assert FakeLLM.prompts == sorted(expected)


@pytest.mark.usefixtures("fake_vllm")
def test_completions_are_in_the_order_of_the_prompts(model: ModelRef, engine: TransformersEngine) -> None:
    completions = VllmEngine(model=model).generate(PROMPTS, Sampling(max_tokens=16))
    sums = [sum(engine.chat.ids(prompt.messages)) for prompt in PROMPTS]
    assert [completion.text for completion in completions] == [f"{number} None" for number in sums]


@pytest.mark.usefixtures("fake_vllm")
def test_a_completion_at_its_limit_is_truncated(model: ModelRef) -> None:
    assert VllmEngine(model=model).generate(PROMPTS[:1], Sampling(max_tokens=3))[0].status == "truncated"


@pytest.mark.usefixtures("fake_vllm")
def test_labels_are_read_by_their_tokens(model: ModelRef, engine: TransformersEngine) -> None:
    result = VllmEngine(model=model).label_logprobs(PROMPTS[:1], "Rating: ", ("1", "2"))[0]
    assert result.logprobs == tuple(-float(engine.chat.tokenizer.convert_tokens_to_ids(label)) for label in "12")


@pytest.mark.usefixtures("fake_vllm")
def test_the_model_is_loaded_as_the_options_say(model: ModelRef) -> None:
    config = VllmEngine.Config(gpu_memory=0.5, max_context=100)
    VllmEngine(config, model=model).generate(PROMPTS[:1], Sampling(max_tokens=16))
    settings = FakeLLM.settings
    assert (settings["model"], settings["dtype"], settings["max_model_len"]) == (model.path, "float32", 100)
    assert settings["gpu_memory_utilization"] == 0.5


@pytest.mark.usefixtures("fake_vllm")
def test_no_sampling_parameter_is_left_to_a_default(model: ModelRef, engine: TransformersEngine) -> None:
    ends = [engine.chat.tokenizer.eos_token_id]
    vllm = VllmEngine(model=model)
    vllm.generate(PROMPTS[:1], Sampling(temperature=0.7, top_p=0.9, max_tokens=16))
    vllm.label_logprobs(PROMPTS[:1], "Rating: ", ("1", "2"))
    written, read = FakeLLM.sampled
    assert FakeLLM.settings["generation_config"] == "vllm"
    assert (written.temperature, written.top_p, written.stop_token_ids) == (0.7, 0.9, ends)
    assert (read.temperature, read.top_p, read.max_tokens) == (0.0, 1.0, 1)
    for used in (written, read):
        assert (used.n, used.top_k, used.min_p, used.min_tokens, used.ignore_eos) == (1, 0, 0.0, 0, False)
        assert (used.repetition_penalty, used.presence_penalty, used.frequency_penalty) == (1.0, 0.0, 0.0)
        assert (used.logit_bias, used.bad_words) == (None, None)


@pytest.mark.usefixtures("fake_vllm")
def test_weights_are_checked_before_they_are_loaded(model_folder: Path, tmp_path: Path) -> None:
    folder = changed_copy(model_folder, tmp_path / "m", lambda tensors: tensors.popitem())
    engine = VllmEngine(model=resolve(f"path:{folder}"))
    with pytest.raises(ModelError, match="do not fit the configuration"):
        engine.generate(PROMPTS[:1], Sampling(max_tokens=16))


@pytest.mark.usefixtures("fake_vllm")
def test_info_names_vllm_and_its_version(model: ModelRef, engine: TransformersEngine) -> None:
    info = VllmEngine(model=model).info()
    assert (info.name, info.versions["vllm"], info.context_length) == ("vllm", "0.0", CONTEXT)
    assert info.template_digest == engine.info().template_digest


@pytest.mark.usefixtures("fake_vllm")
class TestConformance(EngineConformance):
    """The checks of every engine."""

    plugin = VllmEngine

    @pytest.fixture(autouse=True)
    def _with_model(self, model: ModelRef) -> None:
        type(self).model = model
