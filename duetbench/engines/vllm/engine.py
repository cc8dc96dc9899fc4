"""The engine `vllm`: runs a model in this process with vLLM."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from duetbench.engines.local_engine import LocalEngine
from duetbench.errors import MissingDependency
from duetbench.interfaces import option
from duetbench.types import EngineInfo, ModelRef

if TYPE_CHECKING:
    from duetbench.engines.token_runner import TokenizedPrompt, TokenRunner

_BATCH_PROMPTS = 1024
"""Prompts of a batch, which is stored as soon as it is done: vLLM itself orders and batches them further."""


class VllmEngine(LocalEngine):
    """Runs a model with vLLM, which batches by itself and reuses the keys and values of common prefixes.

    Prompts are rendered, truncated and tokenized exactly as by the engine `transformers`. vLLM's logits depend on the
    other requests in the last digits even at temperature 0, so label probabilities repeat to about 1e-3.
    """

    name = "vllm"
    summary = "runs a model in this process with vLLM (installed separately; GPUs)"
    applies_adapters = True

    @dataclass(frozen=True)
    class Config:
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = option(
            "auto", "precision; auto: that of the weights"
        )
        max_context: int | None = option(
            None, "tokens of prompt and completion together; none: as many as the model supports", ge=1
        )
        gpu_memory: float = option(0.9, "fraction of the GPU's memory that vLLM may use", gt=0, le=1)
        tensor_parallel: int = option(1, "number of GPUs that the weights are spread over", ge=1)
        prefix_cache: bool = option(True, "reuse the keys and values of common prefixes")

    @classmethod
    def missing(cls) -> str | None:
        if importlib.util.find_spec("vllm") is not None:
            return None
        return (
            "engine 'vllm' needs vllm: pip install vllm; or run `vllm serve` in an environment of its own and use "
            "--engine openai"
        )

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        if reason := self.missing():
            raise MissingDependency(reason)
        super().__init__(config, model=model)

    def create_runner(self) -> TokenRunner:
        from duetbench.engines.tokens.tokenizer import end_ids
        from duetbench.engines.vllm.model_runner import VllmModelRunner
        from duetbench.models.weights import check_model

        check_model(self.model)
        ends = end_ids(Path(self.model.path), self.chat.tokenizer)
        return VllmModelRunner(self.model, self.config, self.info(), ends)

    def plan_batches(self, prompts: Sequence[TokenizedPrompt], max_tokens: int) -> list[list[int]]:
        n = len(prompts)
        return [list(range(start, min(start + _BATCH_PROMPTS, n))) for start in range(0, n, _BATCH_PROMPTS)]

    def package_versions(self) -> dict[str, str]:
        from duetbench.engines.transformers.loading import package_versions

        return {**package_versions(self.model), "vllm": version("vllm")}

    def dtype(self) -> str:
        return super().dtype() if self.config.dtype == "auto" else str(self.config.dtype)

    def runtime_settings(self) -> dict[str, Any]:
        return {}  # vLLM chooses the device and the batches

    def context_limit(self) -> int | None:
        limit: int | None = self.config.max_context
        return limit

    def engine_info(self) -> EngineInfo:
        return replace(super().engine_info(), prefix_cache=self.config.prefix_cache)
