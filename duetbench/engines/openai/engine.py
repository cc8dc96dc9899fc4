"""The engine `openai`: sends prompts to a server with OpenAI's chat API (vLLM, SGLang, llama.cpp, OpenAI, ...)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from duetbench.errors import EngineError, ModelError
from duetbench.interfaces import Engine, option
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.engines.openai.client import HttpClient
    from duetbench.engines.openai.protocol import ServedModel

_T = TypeVar("_T", Completion, LabelLogprobs)

_BATCH_ROUNDS = 4
"""Prompts per batch as a multiple of `in_flight`; a batch is stored as soon as it is done."""


class OpenAIEngine(Engine):
    """Sends prompts to a server over HTTP and keeps a fixed number of requests in flight.

    The model is `served:NAME`, or any model whose name the server knows. The server applies its own chat template. A
    prefill is sent as a last assistant message that vLLM and SGLang continue; other servers may treat it as a complete
    message. Label probabilities are exact from vLLM; other servers list the 20 most likely tokens, and a label that is
    not among them gets the probability of the last one, which is an upper bound; labels of
    several characters can only be read from vLLM.
    """

    name = "openai"
    summary = "sends prompts to a server with OpenAI's chat API: vLLM, SGLang, llama.cpp, a cloud"

    @dataclass(frozen=True)
    class Config:
        base_url: str = option("http://127.0.0.1:8000/v1", "address of the server, up to and including /v1")
        served_name: str | None = option(None, "the model's name on the server; none: the part after served:")
        key_env: str = option("OPENAI_API_KEY", "environment variable with the API key, if the server requires one")
        in_flight: int = option(32, "number of concurrent requests", ge=1)
        timeout_s: float = option(300.0, "seconds to wait for one response", gt=0)
        retries: int = option(5, "number of retries of a request when the server is busy or unreachable", ge=0)
        labels: Literal["auto", "exact", "top_k"] = option(
            "auto", "how label probabilities are read; auto: exact if the server is vLLM"
        )
        max_context: int | None = option(
            None, "tokens of prompt and completion together; none: as the server reports", ge=1
        )

        def __post_init__(self) -> None:
            """Rejects an address without a protocol."""
            if not self.base_url.startswith(("http://", "https://")):
                raise ValueError(f"base_url must begin with http:// or https://, got {self.base_url!r}")

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config, model=model)
        if model.adapter and self.config.served_name is None:
            raise ModelError(
                f"the adapter {model.adapter} has to be loaded by the server: set openai.served_name to its name there"
            )

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        return self._send_all(
            prompts,
            lambda prompt: self._server.complete(prompt, sampling),
            lambda prompt, reason: Completion(prompt.prefill, "error", error=reason),
        )

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        return self._send_all(
            [replace(prompt, prefill=prompt.prefill + answer_prefix) for prompt in prompts],
            lambda prompt: self._server.label_logprobs(prompt, labels),
            lambda _prompt, reason: LabelLogprobs((), "error", error=reason),
        )

    def label_fault(self, answer_prefix: str, labels: Sequence[str]) -> str | None:
        try:
            self._server.check_labels(answer_prefix, labels)
        except EngineError as error:
            return str(error)
        return None

    def info(self) -> EngineInfo:
        """What the server reports, requested once per engine: it may serve another model than in an earlier run."""
        return self._info

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        size = _BATCH_ROUNDS * self.config.in_flight
        return [list(range(start, min(start + size, len(prompts)))) for start in range(0, len(prompts), size)]

    def with_model(self, model: ModelRef) -> OpenAIEngine:
        if self.config.served_name is not None and model != self.model:
            raise ModelError(
                f"openai.served_name={self.config.served_name} names one model, so {model.name} cannot be used as "
                "well; name models as served:NAME and leave the option out"
            )
        return OpenAIEngine(self.config, model=model)

    @property
    def retried(self) -> int:
        """The number of retries so far."""
        return self._client.repeated

    @cached_property
    def _client(self) -> HttpClient:
        from duetbench.engines.openai.client import HttpClient

        config = self.config
        key = os.environ.get(config.key_env) or None
        return HttpClient(config.base_url.rstrip("/"), key, config.timeout_s, config.retries)

    @cached_property
    def _server(self) -> ServedModel:
        from duetbench.engines.openai.protocol import ServedModel

        return ServedModel(self._client, self._served_name, self.model.template_args, self.config.labels)

    @property
    def _served_name(self) -> str:
        return self.config.served_name or self.model.path

    @cached_property
    def _info(self) -> EngineInfo:
        from duetbench.engines.tokens.chat_template import template_digest

        server = self._server.server_info
        return EngineInfo(
            name=self.name,
            versions={"server": server.version, "address": self._client.base_url},
            model=self.model,
            dtype="as served",
            template_digest=template_digest("the server's own", self.model.template_args),
            context_length=self.config.max_context or server.context_length or self.model.context_length or 4096,
            labels="exact" if self._server.has_exact_labels else "top_k",
            settings={"served_name": self._served_name},
        )

    def _send_all(
        self, prompts: Sequence[Prompt], send: Callable[[Prompt], _T], failed: Callable[[Prompt, str], _T]
    ) -> list[_T]:
        """One result per prompt, with `in_flight` concurrent requests."""
        from concurrent.futures import ThreadPoolExecutor

        from duetbench.engines.openai.client import RequestRejected

        def result(prompt: Prompt) -> _T:
            try:
                return send(prompt)
            except RequestRejected as rejection:
                return failed(prompt, str(rejection))

        with ThreadPoolExecutor(self.config.in_flight) as pool:
            futures = [pool.submit(result, prompt) for prompt in prompts]
            try:
                return [future.result() for future in futures]
            except BaseException:  # the server is gone, or Ctrl-C: requests that were not sent are cancelled
                pool.shutdown(wait=False, cancel_futures=True)
                raise
