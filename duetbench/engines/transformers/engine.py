"""The engine `transformers`: runs a model in this process, on a CPU or a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from duetbench.engines.local_engine import LocalEngine
from duetbench.interfaces import option

if TYPE_CHECKING:
    from duetbench.engines.token_runner import TokenRunner
    from duetbench.engines.transformers.loading import DevicePlacement

_BATCH_TOKENS = {"cpu": 8192, "cuda": 65536}


class TransformersEngine(LocalEngine):
    """Runs a model with transformers.

    Completions do not depend on which other prompts share a batch, beyond rounding.
    """

    name = "transformers"
    summary = "runs a model in this process, on a CPU or a GPU"
    applies_adapters = True

    @dataclass(frozen=True)
    class Config:
        device: Literal["auto", "cpu", "cuda"] = option("auto", "where the model runs; auto: a GPU if there is one")
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = option(
            "auto", "precision; auto: float32 on a CPU, bfloat16 on a GPU"
        )
        batch_tokens: int | None = option(
            None, "tokens of one batch with padding and completions; none: 8192 on a CPU, 65536 on a GPU", ge=1
        )
        max_context: int | None = option(
            None, "tokens of prompt and completion together; none: as many as the model supports", ge=1
        )

    @classmethod
    def missing_for(cls, config: Any) -> str | None:
        from duetbench.engines.transformers.loading import device_fault

        return device_fault(config.device)

    def create_runner(self) -> TokenRunner:
        from duetbench.engines.tokens.tokenizer import end_ids
        from duetbench.engines.transformers.kv_cache import PrefixCache
        from duetbench.engines.transformers.shared_weights import SharedModelRunner

        budget = self.batch_budget()
        return SharedModelRunner(
            self.model,
            self.placement,
            chat=self.chat,
            ends=end_ids(Path(self.model.path), self.chat.tokenizer),
            prefix_cache=PrefixCache(budget),
            budget=budget,
        )

    def batch_budget(self) -> int:
        return int(self.config.batch_tokens or _BATCH_TOKENS[self.placement.device])

    def package_versions(self) -> dict[str, str]:
        from duetbench.engines.transformers.loading import package_versions

        return package_versions(self.model)

    def dtype(self) -> str:
        return self.placement.dtype

    def runtime_settings(self) -> dict[str, Any]:
        return {"device": self.placement.device, **super().runtime_settings()}

    def context_limit(self) -> int | None:
        limit: int | None = self.config.max_context
        return limit

    @cached_property
    def placement(self) -> DevicePlacement:
        """The device and the precision that the options select on this machine."""
        from duetbench.engines.transformers.loading import choose_placement

        return choose_placement(self.config.device, self.config.dtype)
