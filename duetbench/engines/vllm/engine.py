"""The engine `vllm`: runs a model in this process with vLLM."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import MissingDependency
from duetbench.interfaces import option
from duetbench.models.folder import read_json
from duetbench.types import EngineInfo, ModelRef, Prompt

if TYPE_CHECKING:
    from duetbench.engines.tokens.truncation import TruncatedPrompt
    from duetbench.engines.transformers.loading import Placement

_ROUND = 1024
"""How many prompts make a batch, which is kept as a whole: vLLM orders and batches them itself."""


class VllmEngine(TransformersEngine):
    """Runs a model with vLLM, which batches by itself and reuses what prompts have in common.

    Prompts are rendered, shortened and cut into tokens exactly as by the engine `transformers`. vLLM's answers at
    temperature 0 may change in the last digits with what else is running, so readings repeat to about 1e-3.
    """

    name = "vllm"
    summary = "runs a model in this process with vLLM (an extra of its own; GPUs)"

    @dataclass(frozen=True)
    class Config:
        """Options of the engine."""

        dtype: Literal["auto", "float32", "bfloat16", "float16"] = option("auto", "precision; auto: the weights' own")
        max_context: int | None = option(None, "tokens of prompt and answer together; none: what the model can", ge=1)
        gpu_memory: float = option(0.9, "share of the GPU's memory that vLLM may take", gt=0, le=1)
        tensor_parallel: int = option(1, "over how many GPUs the weights are spread", ge=1)
        prefix_cache: bool = option(True, "reuse what prompts have in common")

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        if importlib.util.find_spec("vllm") is None:
            raise MissingDependency(
                "engine 'vllm' needs vllm: pip install vllm; or run `vllm serve` in an environment of its own and use "
                "--engine openai"
            )
        super().__init__(config, model=model)

    def _cut(self, prompts: Sequence[Prompt], fitted: Sequence[TruncatedPrompt], max_tokens: int) -> list[list[int]]:
        return [list(range(start, min(start + _ROUND, len(prompts)))) for start in range(0, len(prompts), _ROUND)]

    def _versions(self) -> dict[str, str]:
        return {**super()._versions(), "vllm": version("vllm")}

    def _settings(self) -> dict[str, Any]:
        return {}  # vLLM chooses the device and the batches

    @cached_property
    def _info(self) -> EngineInfo:
        return replace(super()._info, prefix_cache=self.config.prefix_cache)

    @cached_property
    def _place(self) -> Placement:
        from duetbench.engines.transformers.loading import Placement

        given = self.config.dtype
        if given == "auto":
            config = read_json(Path(self.model.path) / "config.json")
            given = str(config.get("dtype") or config.get("torch_dtype") or "auto")
        return Placement("vllm", given)

    @cached_property
    def _runner(self) -> Any:
        from duetbench.engines.vllm.model_runner import VllmModelRunner

        return VllmModelRunner(self.model, self._chat, self.config, self.info())
