"""The engine `vllm`: runs a model in this process with vLLM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from duetbench.engines.local_engine import LocalEngine
from duetbench.engines.vllm.distribution import VllmBuild, build_fault, installed_build
from duetbench.errors import MissingDependency
from duetbench.interfaces import option
from duetbench.types import EngineInfo, ModelRef

if TYPE_CHECKING:
    from duetbench.engines.token_runner import TokenizedPrompt, TokenRunner

_BATCH_PROMPTS = 1024
"""Prompts of a batch, which is stored as soon as it is done: vLLM itself orders and batches them further."""


class VllmEngine(LocalEngine):
    """Runs a model with vLLM, which batches by itself and reuses the keys and values of common prefixes.

    Prompts are rendered, truncated, tokenized and decoded exactly as by the engine `transformers`. The weights are
    loaded once for a base model and all its adapters. vLLM's logits depend on the other requests in the last digits
    even at temperature 0, so label probabilities repeat to about 1e-3.
    """

    name = "vllm"
    summary = "runs a model in this process with vLLM, on GPUs or a CPU"
    applies_adapters = True
    label_read_tokens: ClassVar[int] = 1

    @dataclass(frozen=True)
    class Config:
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = option(
            "auto", "precision; auto: float32 on a CPU, on a GPU that of the weights"
        )
        max_context: int | None = option(
            None, "tokens of prompt and completion together; none: as many as the model supports", ge=1
        )
        gpu_memory: float | None = option(
            None,
            "fraction of the memory that vLLM may use; none: 0.9 of a GPU's, and on a CPU a cache of 4 GiB",
            gt=0,
            le=1,
        )
        tensor_parallel: int = option(1, "number of GPUs that the weights are spread over", ge=1)
        prefix_cache: bool = option(True, "reuse the keys and values of common prefixes")
        enforce_eager: bool = option(False, "start without compiling the model: faster for short runs")
        max_lora_rank: int | None = option(
            None, "largest rank of adapters; none: that of the first one, for which the weights are loaded again", ge=1
        )
        allow_untested: bool = option(False, "accept versions of vLLM that duetbench was not tested with")

    @classmethod
    def missing(cls) -> str | None:
        return build_fault(installed_build())

    @classmethod
    def missing_for(cls, config: Any) -> str | None:
        build = installed_build()
        return build_fault(build, allow_untested=config.allow_untested) or _devices_fault(build, config)

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config, model=model)
        if reason := build_fault(self.build, allow_untested=self.config.allow_untested):
            raise MissingDependency(reason)

    @cached_property
    def build(self) -> VllmBuild | None:
        """The installed vLLM."""
        return installed_build()

    def create_runner(self) -> TokenRunner:
        from duetbench.engines.tokens.tokenizer import end_ids
        from duetbench.engines.vllm.loaded_model import LoadSettings
        from duetbench.engines.vllm.model_runner import VllmModelRunner
        from duetbench.models.weights import check_model

        check_model(self.model)
        info = self.info()
        settings = LoadSettings(
            path=self.model.path,
            digest=self.model.digest,
            dtype=info.dtype,
            context_length=info.context_length,
            config=self.config,
            is_cpu=self._is_cpu,
        )
        ends = end_ids(Path(self.model.path), self.chat.tokenizer)
        return VllmModelRunner(settings, self.chat, ends, adapter=self.model.adapter)

    def plan_batches(self, prompts: Sequence[TokenizedPrompt], max_tokens: int) -> list[list[int]]:
        n = len(prompts)
        return [list(range(start, min(start + _BATCH_PROMPTS, n))) for start in range(0, n, _BATCH_PROMPTS)]

    def package_versions(self) -> dict[str, str]:
        from duetbench.engines.transformers.loading import package_versions

        installed = package_versions(self.model.base)  # vLLM applies adapters without peft
        return {**installed, self.build.distribution or "vllm": self.build.version} if self.build else installed

    def dtype(self) -> str:
        if self.config.dtype != "auto":
            return str(self.config.dtype)
        return "float32" if self._is_cpu else super().dtype()

    def runtime_settings(self) -> dict[str, Any]:
        return {"device": "cpu" if self._is_cpu else "gpu"}  # vLLM chooses the batches

    def context_limit(self) -> int | None:
        limit: int | None = self.config.max_context
        return limit

    def engine_info(self) -> EngineInfo:
        return replace(super().engine_info(), prefix_cache=self.config.prefix_cache)

    @property
    def _is_cpu(self) -> bool:
        return self.build is not None and self.build.is_cpu


def _devices_fault(build: VllmBuild | None, config: Any) -> str | None:
    """Why the weights cannot be spread over as many GPUs as requested; None if they can."""
    if config.tensor_parallel == 1 or build is None or build.is_cpu:
        return None
    import torch

    n = torch.cuda.device_count()
    if config.tensor_parallel <= n:
        return None
    return f"vllm.tensor_parallel={config.tensor_parallel} was requested, but torch finds {n} GPUs"
