"""A client of one model server: OpenAI's own, with bounds, counted retries, and a key that is never shown."""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from duetbench.documents.json_text import parse_json
from duetbench.engines.openai.contact import Contact
from duetbench.engines.openai.errors import NoAnswer, RedirectRefused, RequestRejected, quoted
from duetbench.errors import DocumentError, EngineError

if TYPE_CHECKING:
    import httpx2

    from duetbench.engines.openai.connection import Connection

_log = logging.getLogger("duetbench")

_FATAL = frozenset({401, 403})
"""Status codes that every other request to the same server would get as well."""

_LOADING = 503
"""Status code of a server that has not loaded its model yet."""

_MAX_WAIT = 60.0
"""Seconds between two attempts at most, whatever `Retry-After` says."""


@dataclass
class ServerClient:
    """Sends requests to one server; may be used from several threads.

    A request that is rejected or cannot be answered in time is repeated where that may help.
    """

    base_url: str
    """Up to and including `/v1`."""
    key: str | None = field(repr=False)
    """Sent as a bearer token; None: none is sent."""
    timeout: float
    """Seconds for one request, from connecting to the last byte."""
    retries: int
    """Retries of a request after the first attempt."""
    loading_timeout: float = 0.0
    """Seconds to wait for a server that loads its model, until `is_ready` is set."""
    wait: float = 0.5
    """Seconds before the first retry; doubles with each further one."""
    retried: int = 0
    """Retries so far, all requests together."""
    is_ready: bool = False
    """Whether the server has shown that it has loaded its model."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _contact: Contact = field(default_factory=Contact, repr=False)
    _closed: threading.Event = field(default_factory=threading.Event, repr=False)
    _connection: Connection | None = field(default=None, repr=False)

    def get(self, path: str) -> dict[str, Any]:
        """The server's response.

        Args:
            path: Below `base_url`; with a leading `/`, below the server's root.

        Raises:
            RequestRejected: the server rejects this request, stays busy through all retries, or sends no usable body.
            EngineError: the server cannot be reached, redirects, or rejects the key.
        """
        return self._send("get", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The server's response to `body`; see `get`."""
        return self._send("post", path, body)

    def close(self) -> None:
        """Ends all requests and closes the connections; a later request opens new ones."""
        with self._lock:
            self._closed.set()
            if self._connection:
                self._connection.end()
            self._connection, self._closed = None, threading.Event()

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        started = time.monotonic()
        attempt = 0
        for n_loading in itertools.count():
            sent = time.monotonic()
            try:
                return self._send_once(method, path, body)
            except RequestRejected as rejection:
                if self._is_loading(rejection, started):
                    self._wait_for_loading(n_loading, started)
                    continue
                if not rejection.is_temporary or attempt == self.retries:
                    raise
                retry_after = rejection.retry_after
            except NoAnswer as error:
                is_last = attempt == self.retries
                if is_last and (self._contact.last_answer or 0) > sent:  # it has begun to answer, or answers others
                    raise RequestRejected(200, str(error)) from None
                # A server that never responded may have another address.
                if is_last or self._contact.last_answer is None:
                    raise EngineError(self._unreachable(str(error))) from None
                retry_after = None
            self._pause(attempt, retry_after)
            attempt += 1
        raise AssertionError("the loop returns or raises")

    def _send_once(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        import openai

        started = time.monotonic()
        try:
            response = self._connected().send(method, self._url(path), body)
        except openai.APIStatusError as error:
            raise self._rejection(error) from None
        except openai.APIConnectionError as error:
            raise NoAnswer(self._without_key(quoted(str(error.__cause__ or error)))) from None
        except RedirectRefused as redirect:
            raise EngineError(
                f"{self.base_url} redirects to {redirect.host}, and redirects are refused, since the key would follow "
                "them; set openai.base_url to the server's own address"
            ) from None
        except NoAnswer as error:
            if (
                self._contact.last_answer or 0
            ) > started:  # the server answers others: this request alone takes too long
                raise RequestRejected(200, str(error)) from None
            raise
        return self._parsed(response)

    def _connected(self) -> Connection:
        from duetbench.engines.openai.connection import Connection

        with self._lock:
            if self._connection is None:
                self._connection = Connection.open(self.base_url, self.key, self.timeout, self._contact)
                weakref.finalize(self, self._connection.end)
            return self._connection

    def _parsed(self, response: httpx2.Response) -> dict[str, Any]:
        try:
            body = parse_json(response.content, name="the response")
        except DocumentError as error:
            problem = f"{quoted(str(error))}; is this the address of an OpenAI-compatible server?"
            raise RequestRejected(response.status_code, problem) from error
        if not isinstance(body, dict):
            raise RequestRejected(
                response.status_code, "no JSON object; is this the address of an OpenAI-compatible server?"
            )
        return body

    def _rejection(self, error: Any) -> RequestRejected:
        """The rejection of one request.

        Raises:
            EngineError: all other requests would be rejected as well.
        """
        text = error.response.text
        try:
            body = parse_json(text, name="the response")
            body = body.get("error", body) if isinstance(body, dict) else body
            text = body.get("message", body) if isinstance(body, dict) else body
        except DocumentError:
            pass  # a proxy's page in HTML: its beginning is shown as it is
        rejection = RequestRejected(
            error.status_code, self._without_key(quoted(text)), _retry_after(error.response.headers)
        )
        if error.status_code in _FATAL:
            raise EngineError(f"{self.base_url}: {rejection}; is the key in the environment?")
        return rejection

    def _is_loading(self, rejection: RequestRejected, started: float) -> bool:
        waited = time.monotonic() - started
        return rejection.code == _LOADING and not self.is_ready and waited < self.loading_timeout

    def _wait_for_loading(self, n: int, started: float) -> None:
        waited = time.monotonic() - started
        if n % 5 == 0:
            _log.warning(
                "%s is loading its model: waited %.0f s of at most %.0f s", self.base_url, waited, self.loading_timeout
            )
        self._closed.wait(min(self.wait * 2 ** min(n, 4), 5.0))

    def _url(self, path: str) -> str:
        root = self.base_url.removesuffix("/v1")
        return root + path if path.startswith("/") else f"{self.base_url}/{path}"

    def _unreachable(self, reason: str) -> str:
        problem = f"no response from {self.base_url} ({reason})"
        return f"{problem}; start the server, or set openai.base_url; completions received so far are kept"

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "***") if self.key else text

    def _pause(self, attempt: int, retry_after: float | None) -> None:
        with self._lock:
            self.retried += 1
        seconds = min(self.wait * 2**attempt if retry_after is None else retry_after, _MAX_WAIT)
        _log.info("%s: retrying in %.1f s", self.base_url, seconds)
        self._closed.wait(seconds)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The server's `Retry-After` in seconds; None without one, and where it is no number of seconds."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
