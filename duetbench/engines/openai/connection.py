"""OpenAI's client in an event loop of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal
from openai import AsyncOpenAI, RequestOptions, omit

from duetbench.engines.openai.contact import Contact
from duetbench.engines.openai.errors import NoAnswer
from duetbench.engines.openai.transport import BoundedTransport, plain_transport


@dataclass(frozen=True, eq=False)
class Connection:
    """Connections to one server; `send` may be called from several threads.

    The client runs in an event loop in a thread of its own: only there can a request be ended that is stuck in the
    middle of a response.
    """

    _portal: BlockingPortal
    _client: AsyncOpenAI
    _options: RequestOptions
    _stack: contextlib.ExitStack

    @classmethod
    def open(cls, base_url: str, key: str | None, timeout: float, contact: Contact) -> Connection:
        """Starts the thread; nothing is sent yet.

        Args:
            base_url: Up to and including `/v1`.
            key: Sent as a bearer token; None: none is sent.
            timeout: Seconds for one request, from connecting to the last byte.
            contact: Notes when headers arrive.
        """
        transport = BoundedTransport(plain_transport(base_url), timeout, (key or "").encode(), contact.note)
        client = AsyncOpenAI(
            api_key=key or "none",
            base_url=base_url,
            max_retries=0,
            default_headers={"Accept-Encoding": "identity"},
            http_client=httpx2.AsyncClient(transport=transport, follow_redirects=False, timeout=timeout),
        )
        stack = contextlib.ExitStack()
        # Without a key the package would send OPENAI_API_KEY, which may be meant for another server.
        options: RequestOptions = {} if key else {"headers": {"Authorization": omit}}
        return cls(stack.enter_context(start_blocking_portal(name="openai")), client, options, stack)

    def send(self, method: str, url: str, body: Mapping[str, Any] | None) -> httpx2.Response:
        """The response, with its complete body.

        Raises:
            NoAnswer: the connection was closed by `end`.
            openai.APIStatusError: the response has an error's status code.
            openai.APIConnectionError: there is no response.
        """
        try:
            response: httpx2.Response = self._portal.call(self._send, method, url, body)
            return response
        except (CancelledError, RuntimeError) as error:  # RuntimeError: the thread has ended
            raise NoAnswer("the connection was closed") from error

    def end(self) -> None:
        """Cancels the requests in progress, closes the connections and ends the thread. May be called twice."""
        with contextlib.suppress(RuntimeError, CancelledError):  # the thread has ended already
            self._portal.call(self._client.close)
            self._portal.start_task_soon(self._portal.stop, True)
        with contextlib.suppress(RuntimeError, CancelledError):
            self._stack.close()

    async def _send(self, method: str, url: str, body: Mapping[str, Any] | None) -> httpx2.Response:
        if method == "get":
            return await self._client.get(url, cast_to=httpx2.Response, options=self._options)
        return await self._client.post(url, cast_to=httpx2.Response, body=dict(body or {}), options=self._options)
