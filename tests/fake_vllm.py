"""A fake of the package vllm: it computes with token ids."""

from __future__ import annotations

import importlib.machinery
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from duetbench.engines.vllm import engine as vllm_engine
from duetbench.engines.vllm import loaded_model
from duetbench.engines.vllm.distribution import VllmBuild

TEXT_TOKEN = 5
"""The first token of every completion; the others are the numbers 6, 7, ..."""


@dataclass
class FakeSamplingParams:
    """vLLM's sampling parameters, with defaults that a generation_config could have."""

    max_tokens: int
    temperature: float
    top_p: float = 0.5
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
    detokenize: bool = True
    logprob_token_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class FakeLoRARequest:
    """vLLM's handle of an adapter."""

    lora_name: str
    lora_int_id: int
    lora_path: str


class FakeLLM:
    """The log-probability of a token is minus its id, less the number of the adapter."""

    loads: list[dict[str, Any]]
    """The arguments of each load."""
    calls: list[SimpleNamespace]
    """Prompts, parameters and adapter of each call."""
    n_shut_down: int
    error: Exception | None
    """Raised by the next load."""
    error_of_call: Exception | None
    """Raised by the next call."""
    has_effect: bool
    """Whether adapters change anything."""

    def __init__(self, **arguments: Any) -> None:
        kind = type(self)
        kind.loads.append(arguments)
        if kind.error is not None:
            raise kind.error
        self.added: list[FakeLoRARequest] = []
        core = SimpleNamespace(shutdown=self._shutdown)
        self.llm_engine = SimpleNamespace(engine_core=core, add_lora=self.added.append)

    def generate(
        self, prompts: list[dict[str, Any]], params: list[FakeSamplingParams], *, use_tqdm: bool, lora_request: Any
    ) -> list[Any]:
        kind = type(self)
        ids = [prompt["prompt_token_ids"] for prompt in prompts]
        kind.calls.append(SimpleNamespace(prompts=ids, params=params, adapter=lora_request))
        if kind.error_of_call is not None:
            error, kind.error_of_call = kind.error_of_call, None
            raise error
        return [SimpleNamespace(outputs=[self._output(each, lora_request)]) for each in params]

    def _output(self, params: FakeSamplingParams, adapter: FakeLoRARequest | None) -> Any:
        shift = adapter.lora_int_id if adapter and type(self).has_effect else 0
        listed = {token: SimpleNamespace(logprob=-float(token + shift)) for token in params.logprob_token_ids}
        is_ended = params.max_tokens > 3
        n = min(params.max_tokens, 3)
        ids = [TEXT_TOKEN + number for number in range(n)] + params.stop_token_ids[:1] * is_ended
        reason = "stop" if is_ended else "length"
        return SimpleNamespace(token_ids=ids, finish_reason=reason, stop_reason=None, logprobs=[listed])

    def _shutdown(self) -> None:
        type(self).n_shut_down += 1


def install(monkeypatch: pytest.MonkeyPatch) -> type[FakeLLM]:
    """Makes `import vllm` load the fake of version 0.32.0 for GPUs; returns its class `LLM`."""

    class InstalledLLM(FakeLLM):
        loads, calls, n_shut_down, error, error_of_call, has_effect = [], [], 0, None, None, True

    modules = {name: ModuleType(name) for name in ("vllm", "vllm.lora", "vllm.lora.request")}
    for name, module in modules.items():
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    vllm: Any = modules["vllm"]
    vllm.LLM, vllm.SamplingParams = InstalledLLM, FakeSamplingParams
    request: Any = modules["vllm.lora.request"]
    request.LoRARequest = FakeLoRARequest
    monkeypatch.setattr(loaded_model, "_open", {})  # an earlier test may have left weights open
    monkeypatch.setattr(vllm_engine, "installed_build", lambda: VllmBuild("vllm", "0.32.0"))
    return InstalledLLM
