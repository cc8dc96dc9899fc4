"""Bounds what a server may answer: no redirects, no compressed bodies, limited bytes, limited total time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from duetbench.engines.openai.errors import NoAnswer, RedirectRefused, RequestRejected

MAX_BODY_BYTES = 32 << 20
"""A longer response is not read further. The log-probabilities of 200 tokens have 20 KB."""


@dataclass
class BoundedTransport(httpx2.AsyncBaseTransport):
    """Reads complete responses within bounds.

    The time limit covers everything from connecting to the last byte: a server that sends a byte now and then resets
    the timeouts of single reads, but not this one. Redirects are refused since the key would follow them.
    """

    inner: httpx2.AsyncBaseTransport
    seconds: float
    """Limit of one request, from connecting to the last byte."""
    secret: bytes
    """Replaced by `***` in bodies; empty: nothing is."""
    on_headers: Callable[[], None]
    """Called when the headers of a response have arrived."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response with its complete body.

        Raises:
            NoAnswer: there is no complete response within the time limit.
            RedirectRefused: the response is a redirect.
            RequestRejected: the body is too long or compressed.
        """
        try:
            async with asyncio.timeout(self.seconds):
                response = await self.inner.handle_async_request(request)
                try:
                    self.on_headers()
                    body = await self._body(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx2.TimeoutException):
            raise NoAnswer(f"no complete response in {self.seconds:g} s") from None
        if self.secret:
            body = body.replace(self.secret, b"***")
        headers = [(name, value) for name, value in response.headers.raw if name.lower() == b"retry-after"]
        return httpx2.Response(response.status_code, headers=headers, content=body, request=request)

    async def aclose(self) -> None:
        """Closes all connections."""
        await self.inner.aclose()

    async def _body(self, response: httpx2.Response) -> bytes:
        if 300 <= response.status_code < 400:
            host = urlsplit(response.headers.get("location", "")).netloc or "another address"
            raise RedirectRefused(host)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise RequestRejected(response.status_code, "a compressed body, which was not asked for")
        chunks, size = [], 0
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        async for chunk in response.stream:
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise RequestRejected(response.status_code, f"a body of more than {MAX_BODY_BYTES >> 20} MB")
        return b"".join(chunks)


def plain_transport(base_url: str) -> httpx2.AsyncHTTPTransport:
    """Connections to the server, through the proxy that the environment names for it, if any; as many as needed."""
    address = urlsplit(base_url)
    host = address.hostname or ""
    proxy = None if proxy_bypass(host) else getproxies().get(address.scheme)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=5.0)
    return httpx2.AsyncHTTPTransport(limits=limits, proxy=proxy)
