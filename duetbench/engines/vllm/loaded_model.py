"""Weights that vLLM has loaded, shared by all engines that run them with or without an adapter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from duetbench.engines.vllm.process_log import ProcessLog, reason_of
from duetbench.engines.vllm.remedies import with_remedy
from duetbench.errors import EngineError, ModelError

_CPU_CACHE_BYTES = 4 << 30
"""Memory of the KV cache on a CPU, where vLLM would otherwise reserve a share of all memory: 93,000 tokens of
SmolLM2-135M in float32, 14,000 of Qwen3-8B."""

_GPU_MEMORY = 0.9

_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Maximum ranks that vLLM accepts."""

_CPU_ADAPTERS = 8
"""Adapters that are kept in the machine's memory; others are read again from their folders."""

_ENVIRONMENT = {
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # stdout is the output of the command
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # after a fork, libraries with threads (polars, OpenMP) may deadlock
}
"""Settings of vLLM that are read when it is imported; those of the user's environment have precedence."""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What determines how the weights are loaded; engines with equal settings share them."""

    path: str
    digest: str
    """Digest of the weights: a folder whose content was replaced is another model."""
    dtype: str
    context_length: int
    config: Any
    """The options of the engine; hashable."""
    is_cpu: bool


class LoadedModel:
    """A base model in vLLM.

    It is loaded when it is first used. The first adapter, or one of a higher rank than those before, loads it again
    with room for adapters, unless `vllm.max_lora_rank` has reserved it from the beginning.

    Args:
        settings: Folder, precision, options.
    """

    def __init__(self, settings: LoadSettings) -> None:
        self.n_users = 0
        self._settings = settings
        self._llm: Any = None
        self._log: ProcessLog | None = None
        self._max_rank = _allowed_rank(settings.config.max_lora_rank or 0)
        self._requests: dict[str, Any] = {}
        self._lock = Lock()

    def add_adapter(self, folder: str, rank: int) -> None:
        """Prepares an adapter for `generate`.

        Args:
            folder: A peft adapter.
            rank: Its largest rank.

        Raises:
            ModelError: vLLM cannot load the weights or the adapter.
        """
        with self._lock:
            if rank > self._max_rank:
                self._stop()
                self._max_rank = _allowed_rank(rank)
            self._start()
            try:
                self._llm.llm_engine.add_lora(self._lora_request(folder))
            except Exception as error:  # whatever the worker raises arrives as a plain exception with its text
                reason = self._failure(error)
                raise ModelError(f"vLLM cannot apply adapter {folder}: {reason}") from error

    def generate(self, prompts: Sequence[Sequence[int]], params: Sequence[Any], adapter: str | None) -> list[Any]:
        """vLLM's output for each prompt, same order.

        Args:
            prompts: Token ids.
            params: Sampling parameters of vLLM, one per prompt.
            adapter: Folder of an adapter that was added; None: the weights alone.

        Raises:
            ModelError: vLLM cannot load the weights.
            EngineError: it died, or it rejects a request. The next call loads the weights again.
        """
        with self._lock:
            self._start()
            try:
                outputs = self._llm.generate(
                    [{"prompt_token_ids": list(ids)} for ids in prompts],
                    list(params),
                    use_tqdm=False,
                    lora_request=self._lora_request(adapter) if adapter else None,
                )
            except Exception as error:  # a dead process, a rejected parameter, memory: each has its own type
                reason = self._failure(error)
                self._stop()  # unanswered requests would otherwise be part of the next call
                raise EngineError(f"vLLM failed with {self._settings.path}: {reason}") from error
        return [output.outputs[0] for output in outputs]

    def close(self) -> None:
        """Ends vLLM's processes and frees their memory."""
        with self._lock:
            self._stop()

    def _start(self) -> None:
        if self._llm is not None:
            return
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        self._log = ProcessLog()
        try:
            with self._log.capture():
                from vllm import LLM

                self._llm = LLM(**self._arguments())
        except Exception as error:  # vLLM, torch and pydantic each raise their own, and importing vLLM may fail as well
            reason = self._failure(error)
            raise ModelError(f"vLLM cannot load {self._settings.path}: {reason}") from error

    def _arguments(self) -> dict[str, Any]:
        """The arguments of `vllm.LLM`."""
        settings, config = self._settings, self._settings.config
        memory: dict[str, Any] = {"gpu_memory_utilization": config.gpu_memory or _GPU_MEMORY}
        if settings.is_cpu and config.gpu_memory is None:
            memory = {"kv_cache_memory_bytes": _CPU_CACHE_BYTES}
        lora: dict[str, Any] = {}
        if self._max_rank:
            lora = {"enable_lora": True, "max_lora_rank": self._max_rank, "max_cpu_loras": _CPU_ADAPTERS}
        return {
            "model": settings.path,
            "dtype": settings.dtype,
            "max_model_len": settings.context_length,
            "tensor_parallel_size": config.tensor_parallel,
            "enable_prefix_caching": config.prefix_cache,
            "enforce_eager": config.enforce_eager,
            "generation_config": "vllm",  # the model's own would change sampling parameters unasked
            "logprobs_mode": "raw_logprobs",  # over the whole vocabulary, before temperature and masks
            "seed": 0,
            **memory,
            **lora,
        }

    def _lora_request(self, folder: str) -> Any:
        """vLLM's handle of an adapter; its name and number are unique, since cached prefixes are kept by them."""
        from vllm.lora.request import LoRARequest

        if folder not in self._requests:
            number = len(self._requests) + 1
            self._requests[folder] = LoRARequest(f"adapter-{number}", number, folder)
        return self._requests[folder]

    def _failure(self, error: Exception) -> str:
        """Why vLLM failed and what to do, with the file that has its complete output."""
        log, self._log = self._log, None
        if log is None:
            return with_remedy(reason_of(error))
        log.close()
        return f"{with_remedy(log.reason(error))} (output of vLLM: {log.path})"

    def _stop(self) -> None:
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
        self._llm = None
        if self._log is not None:
            self._log.discard()
        self._log = None


_open: dict[LoadSettings, LoadedModel] = {}
"""Those of this process with at least one user."""


def acquire(settings: LoadSettings) -> LoadedModel:
    """The model with these settings, loaded or not; `release` it afterwards."""
    model = _open.setdefault(settings, LoadedModel(settings))
    model.n_users += 1
    return model


def release(settings: LoadSettings) -> None:
    """Closes the model if this was its last user."""
    model = _open[settings]
    model.n_users -= 1
    if model.n_users == 0:
        _open.pop(settings).close()


def _allowed_rank(rank: int) -> int:
    """The smallest maximum rank that vLLM accepts for adapters of this rank; 0: no adapters."""
    if rank == 0:
        return 0
    fitting = [allowed for allowed in _LORA_RANKS if allowed >= rank]
    if not fitting:
        raise ModelError(
            f"vLLM supports adapters up to rank {_LORA_RANKS[-1]}, this one has {rank}: use --engine transformers"
        )
    return fitting[0]
