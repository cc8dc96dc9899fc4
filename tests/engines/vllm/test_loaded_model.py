"""Weights that several engines share."""

from __future__ import annotations

from pathlib import Path

import fake_vllm
import pytest

from duetbench.engines.vllm.engine import VllmEngine
from duetbench.engines.vllm.loaded_model import LoadedModel, LoadSettings, acquire, release
from duetbench.errors import EngineError, ModelError

LABELS = fake_vllm.FakeSamplingParams(max_tokens=1, temperature=0, logprob_token_ids=[3])


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> type[fake_vllm.FakeLLM]:
    """The fake class `vllm.LLM`."""
    return fake_vllm.install(monkeypatch)


def _settings(is_cpu: bool = False, **options: object) -> LoadSettings:
    return LoadSettings("weights", "d1", "float32", 64, VllmEngine.Config(**options), is_cpu)


def test_nothing_is_loaded_before_the_first_use(llm: type[fake_vllm.FakeLLM]) -> None:
    LoadedModel(_settings())
    assert llm.loads == []


def test_the_options_reach_vllm(llm: type[fake_vllm.FakeLLM]) -> None:
    options = {"tensor_parallel": 2, "prefix_cache": False, "enforce_eager": True, "gpu_memory": 0.5}
    LoadedModel(_settings(**options)).generate([[1]], [LABELS], None)
    expected = {"tensor_parallel_size": 2, "enable_prefix_caching": False, "enforce_eager": True}
    assert llm.loads[0].items() >= {**expected, "gpu_memory_utilization": 0.5, "max_model_len": 64}.items()


def test_the_models_generation_config_is_not_used(llm: type[fake_vllm.FakeLLM]) -> None:
    LoadedModel(_settings()).generate([[1]], [LABELS], None)
    assert llm.loads[0]["generation_config"] == "vllm"
    assert llm.loads[0]["logprobs_mode"] == "raw_logprobs"


def test_a_cpu_has_a_cache_of_fixed_size(llm: type[fake_vllm.FakeLLM]) -> None:
    LoadedModel(_settings(is_cpu=True)).generate([[1]], [LABELS], None)
    assert llm.loads[0]["kv_cache_memory_bytes"] == 4 * 1024**3
    assert "gpu_memory_utilization" not in llm.loads[0]


def test_a_fraction_of_memory_holds_on_a_cpu_too(llm: type[fake_vllm.FakeLLM]) -> None:
    LoadedModel(_settings(is_cpu=True, gpu_memory=0.5)).generate([[1]], [LABELS], None)
    assert llm.loads[0]["gpu_memory_utilization"] == 0.5
    assert "kv_cache_memory_bytes" not in llm.loads[0]


def test_without_adapters_no_room_is_reserved_for_them(llm: type[fake_vllm.FakeLLM]) -> None:
    LoadedModel(_settings()).generate([[1]], [LABELS], None)
    assert "enable_lora" not in llm.loads[0]


def test_adapters_of_one_base_are_loaded_with_it_once(llm: type[fake_vllm.FakeLLM]) -> None:
    model = LoadedModel(_settings())
    for folder in ("a", "b", "a"):
        model.add_adapter(folder, 9)
        model.generate([[1]], [LABELS], folder)
    model.generate([[1]], [LABELS], None)
    assert [load["max_lora_rank"] for load in llm.loads] == [16]
    assert [call.adapter and call.adapter.lora_path for call in llm.calls] == ["a", "b", "a", None]
    assert [call.adapter and call.adapter.lora_int_id for call in llm.calls] == [1, 2, 1, None]


def test_the_first_adapter_and_a_higher_rank_load_the_weights_again(llm: type[fake_vllm.FakeLLM]) -> None:
    model = LoadedModel(_settings())
    model.generate([[1]], [LABELS], None)
    model.add_adapter("a", 8)
    model.add_adapter("b", 64)
    assert [load.get("max_lora_rank") for load in llm.loads] == [None, 8, 64]
    assert llm.n_shut_down == 2


def test_reserved_room_for_adapters_saves_the_second_load(llm: type[fake_vllm.FakeLLM]) -> None:
    model = LoadedModel(_settings(max_lora_rank=20))
    model.generate([[1]], [LABELS], None)
    model.add_adapter("a", 32)
    assert [load["max_lora_rank"] for load in llm.loads] == [32]


def test_a_rank_that_vllm_has_no_room_for_is_an_error() -> None:
    with pytest.raises(ModelError, match="up to rank 512, this one has 600"):
        LoadedModel(_settings()).add_adapter("a", 600)


def test_equal_settings_share_the_weights_until_the_last_user(llm: type[fake_vllm.FakeLLM]) -> None:
    first, second = acquire(_settings()), acquire(_settings())
    first.generate([[1]], [LABELS], None)
    second.generate([[1]], [LABELS], None)
    release(_settings())
    assert (len(llm.loads), llm.n_shut_down) == (1, 0)
    release(_settings())
    assert llm.n_shut_down == 1


def test_other_options_are_other_weights() -> None:
    models = {acquire(_settings()), acquire(_settings(enforce_eager=True))}
    release(_settings())
    release(_settings(enforce_eager=True))
    assert len(models) == 2


def test_why_the_weights_cannot_be_loaded_is_one_line_with_a_remedy(llm: type[fake_vllm.FakeLLM]) -> None:
    llm.error = ValueError("Head size 16 is not supported\n by CPU attention")
    with pytest.raises(ModelError) as caught:
        LoadedModel(_settings()).generate([[1]], [LABELS], None)
    line, _, log = str(caught.value).removesuffix(")").partition(" (output of vLLM: ")
    assert line == (
        "vLLM cannot load weights: ValueError: Head size 16 is not supported by CPU attention; "
        "vLLM has no kernel for this model here: use --engine transformers"
    )
    Path(log).unlink()


def test_after_its_death_the_next_call_loads_the_weights_again(llm: type[fake_vllm.FakeLLM]) -> None:
    model = LoadedModel(_settings())
    model.generate([[1]], [LABELS], None)
    llm.error_of_call = RuntimeError("EngineCore: {'EngineCore': -11}")
    with pytest.raises(EngineError, match="vLLM failed with weights: its process was ended by SIGSEGV") as caught:
        model.generate([[1]], [LABELS], None)
    model.generate([[1]], [LABELS], None)
    assert len(llm.loads) == 2
    model.close()
    Path(str(caught.value).removesuffix(")").rpartition(" ")[2]).unlink()
