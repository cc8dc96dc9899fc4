"""The engine `openai`: sends prompts to a server with OpenAI's chat API (vLLM, SGLang, llama.cpp, OpenAI, ...)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from duetbench.errors import EngineError, ModelError
from duetbench.interfaces import Engine, option
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.engines.openai.client import ServerClient
    from duetbench.engines.openai.protocol import ServedModel

_T = TypeVar("_T", Completion, LabelLogprobs)

_PROTOCOL = "2"
"""Raise it when requests change in a way that may change answers; part of every key of the request store."""


class OpenAIEngine(Engine):
    """Sends prompts to a server over HTTP and keeps a fixed number of requests in flight.

    The model is `served:NAME`, or any model whose name the server knows. The server applies its own chat template.

    Before the first prompt, short requests measure what the server can do: whether it continues a prefill and echoes
    it, how many stop texts it accepts (further ones are searched for in the completion), which sampling parameters it
    accepts (all of them are sent, so that no default of the model or the server applies), whether it counts tokens,
    and how label probabilities can be read. They are exact from vLLM; other servers list the most likely tokens (20,
    llama.cpp 200), and a label that is not among them gets the probability of the last one, which is an upper bound.
    Labels of several characters can only be read from vLLM.
    """

    name = "openai"
    summary = "sends prompts to a server with OpenAI's chat API: vLLM, SGLang, llama.cpp, a cloud"

    @dataclass(frozen=True)
    class Config:
        base_url: str = option("http://127.0.0.1:8000/v1", "address of the server, up to and including /v1")
        served_name: str | None = option(None, "the model's name on the server; none: the part after served:")
        key_env: str = option("OPENAI_API_KEY", "environment variable with the API key, if the server requires one")
        in_flight: int = option(32, "number of concurrent requests", ge=1)
        timeout_s: float = option(
            300.0, "seconds for one request, from connecting to the last byte of the response", gt=0
        )
        loading_s: float = option(600.0, "seconds to wait for a server that is still loading its model", ge=0)
        retries: int = option(5, "number of retries of a request when the server is busy or unreachable", ge=0)
        labels: Literal["auto", "exact", "top_k"] = option(
            "auto",
            "how label probabilities are read; auto: exact if the server lists the tokens of any ids, as vLLM does",
        )
        max_context: int | None = option(
            None, "tokens of prompt and completion together; none: as the server reports", ge=1
        )

        def __post_init__(self) -> None:
            """Rejects an address without a protocol, and one with a password: addresses are recorded."""
            address = urlsplit(self.base_url)
            if address.scheme not in ("http", "https") or not address.hostname:
                raise ValueError(f"base_url must begin with http:// or https://, got {self.base_url.split('@')[-1]!r}")
            if address.username or address.password or address.query or address.fragment:
                raise ValueError(
                    "base_url must be an address alone, without user, password or query, since it is recorded; put the "
                    "key into the environment variable that key_env names"
                )

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config, model=model)
        served_name = self.config.served_name
        if model.adapter and served_name is None:
            raise ModelError(
                f"the adapter {model.adapter} has to be loaded by the server: set openai.served_name to its name there"
            )
        # Weights on this machine are not necessarily those of the server: their digests say nothing about it.
        self.model = replace(model, path=served_name or model.path, digest="", adapter=None, adapter_digest=None)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        if fault := self._server.prefill_fault(prompts):
            raise EngineError(fault)
        return self._send_all(
            prompts,
            lambda prompt: self._server.complete(prompt, sampling),
            lambda prompt, reason: Completion(prompt.prefill, "error", error=reason),
        )

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        for prefill in {prompt.prefill for prompt in prompts}:
            self._server.check_labels(prefill + answer_prefix, labels)
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
        """One prompt each: every answer is stored as soon as it arrives."""
        return [[position] for position in range(len(prompts))]

    def parallel_batches(self) -> int:
        n: int = self.config.in_flight
        return n

    def with_model(self, model: ModelRef) -> OpenAIEngine:
        is_bound = self.config.served_name is not None
        if is_bound and (model.name != self.model.name or model.adapter):
            raise ModelError(
                f"openai.served_name={self.config.served_name} names one model, so {model.name} cannot be used as "
                "well; name models as served:NAME and leave the option out"
            )
        return OpenAIEngine(self.config, model=model)

    def close(self) -> None:
        """Ends all requests in progress."""
        self._client.close()

    @property
    def retried(self) -> int:
        """The number of retries so far."""
        return self._client.retried

    @cached_property
    def _client(self) -> ServerClient:
        from duetbench.engines.openai.client import ServerClient

        config = self.config
        base_url, key = config.base_url.rstrip("/"), read_key(config.key_env)
        return ServerClient(base_url, key, config.timeout_s, config.retries, config.loading_s)

    @cached_property
    def _server(self) -> ServedModel:
        from duetbench.engines.openai.protocol import ServedModel

        return ServedModel(self._client, self.model.path, self.model.template_args, self.config.labels)

    @cached_property
    def _info(self) -> EngineInfo:
        from duetbench.engines.tokens.chat_template import template_digest

        server, abilities = self._server.identity, self._server.abilities
        has_labels: Literal["exact", "top_k"] = "exact" if self._server.has_exact_labels else "top_k"
        return EngineInfo(
            name=self.name,
            versions={
                "server": server.version,
                "address": self._client.base_url,
                "served": server.model,
                "probe": self._server.fingerprint,
                "protocol": _PROTOCOL,
            },
            model=self.model,
            dtype="as served",
            template_digest=template_digest("the server's own", self.model.template_args),
            context_length=self.config.max_context or server.context_length or self.model.context_length or 4096,
            labels="text_only" if abilities.label_fault else has_labels,
            settings={"served_name": self.model.path, **abilities.settings()},
        )

    def _send_all(
        self, prompts: Sequence[Prompt], send: Callable[[Prompt], _T], failed: Callable[[Prompt, str], _T]
    ) -> list[_T]:
        """One result per prompt, with `in_flight` concurrent requests."""
        from concurrent.futures import ThreadPoolExecutor

        from duetbench.engines.openai.errors import RequestRejected

        def result(prompt: Prompt) -> _T:
            try:
                return send(prompt)
            except RequestRejected as rejection:
                return failed(prompt, str(rejection))

        if len(prompts) == 1:
            return [result(prompts[0])]
        with ThreadPoolExecutor(self.config.in_flight) as pool:
            futures = [pool.submit(result, prompt) for prompt in prompts]
            try:
                return [future.result() for future in futures]
            except BaseException:  # the server is gone, or Ctrl-C: requests that were not sent are cancelled
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def read_key(variable: str) -> str | None:
    """The API key in an environment variable, without white space around it; None if there is none.

    Raises:
        EngineError: it cannot be sent, since it has characters that no header may have. The key is not shown.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and (key.isprintable() or not key)) or " " in key:
        raise EngineError(f"the key in {variable} has characters that cannot be sent; copy it again")
    return key or None
