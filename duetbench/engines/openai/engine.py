"""The engine `openai`: asks a server that speaks OpenAI's chat protocol (vLLM, SGLang, llama.cpp, OpenAI, ...)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar

from duetbench.interfaces import Engine, option
from duetbench.types import Completion, EngineInfo, LabelLogprobs, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.engines.openai.client import HttpClient
    from duetbench.engines.openai.protocol import ServedModel

_T = TypeVar("_T", Completion, LabelLogprobs)

_ROUNDS = 4
"""How many times `in_flight` prompts make a batch, which is kept as a whole: large enough to keep the server busy."""


class OpenAIEngine(Engine):
    """Asks a server over HTTP; it keeps a fixed number of requests in flight.

    The model is `served:NAME`, or any model whose name the server knows. The server applies its own chat template. A
    prefill is sent as a last assistant turn that vLLM and SGLang continue; other servers may take it for a whole turn.
    Labels are read exactly from vLLM, else from the 20 likeliest tokens: a label that is not among them is given the
    probability of the last one, which is the most that it can have.
    """

    name = "openai"
    summary = "asks a server that speaks OpenAI's chat protocol: vLLM, SGLang, llama.cpp, a cloud"

    @dataclass(frozen=True)
    class Config:
        """Options of the engine."""

        base_url: str = option("http://127.0.0.1:8000/v1", "address of the server, up to and with /v1")
        served_name: str | None = option(None, "the model's name on the server; none: the part after served:")
        key_env: str = option("OPENAI_API_KEY", "environment variable that holds the key, if the server wants one")
        in_flight: int = option(32, "how many requests are under way at once", ge=1)
        timeout_s: float = option(300.0, "seconds to wait for one answer", gt=0)
        retries: int = option(5, "how often a request is repeated when the server is busy or away", ge=0)
        labels: Literal["auto", "exact", "top_k"] = option("auto", "how labels are read; auto: exact if it is vLLM")
        max_context: int | None = option(None, "tokens of prompt and answer together; none: what the server says", ge=1)

        def __post_init__(self) -> None:
            """Refuses an address without a protocol."""
            if not self.base_url.startswith(("http://", "https://")):
                raise ValueError(f"base_url must begin with http:// or https://, got {self.base_url!r}")

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """See the base class."""
        return self._each(
            prompts,
            lambda prompt: self._server.complete(prompt, sampling),
            lambda prompt, reason: Completion(prompt.prefill, "error", error=reason),
        )

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """See the base class."""
        asked = [replace(prompt, prefill=prompt.prefill + answer_prefix) for prompt in prompts]
        return self._each(
            asked,
            lambda prompt: self._server.read_labels(prompt, labels),
            lambda _prompt, reason: LabelLogprobs((), "error", error=reason),
        )

    def info(self) -> EngineInfo:
        """See the base class. It asks the server, which may serve something else than it did before."""
        return self._info

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        """See the base class."""
        size = _ROUNDS * self.config.in_flight
        return [list(range(start, min(start + size, len(prompts)))) for start in range(0, len(prompts), size)]

    @property
    def retried(self) -> int:
        """How many requests were repeated so far."""
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

        about = self._server.about
        return EngineInfo(
            name=self.name,
            versions={"server": about.version, "address": self._client.base_url},
            model=self.model,
            dtype="as served",
            template_digest=template_digest("the server's own", self.model.template_args),
            context_length=self.config.max_context or about.context_length or self.model.context_length or 4096,
            labels="exact" if self._server.reads_exactly else "top_k",
            settings={"served_name": self._served_name},
        )

    def _each(
        self, prompts: Sequence[Prompt], ask: Callable[[Prompt], _T], failed: Callable[[Prompt, str], _T]
    ) -> list[_T]:
        """One answer per prompt, `in_flight` of them under way at once."""
        from concurrent.futures import ThreadPoolExecutor

        from duetbench.engines.openai.client import RequestRejected

        def one(prompt: Prompt) -> _T:
            try:
                return ask(prompt)
            except RequestRejected as refused:
                return failed(prompt, str(refused))

        with ThreadPoolExecutor(self.config.in_flight) as pool:
            futures = [pool.submit(one, prompt) for prompt in prompts]
            try:
                return [future.result() for future in futures]
            except BaseException:  # the server is gone, or Ctrl-C: what was not yet sent is not sent any more
                pool.shutdown(wait=False, cancel_futures=True)
                raise
