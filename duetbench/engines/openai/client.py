"""A small JSON client for model servers; retries are counted, and the API key is never shown."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from duetbench.documents.json_text import MAX_JSON_BYTES, parse_json
from duetbench.errors import DocumentError, EngineError

_log = logging.getLogger("duetbench")

_RETRIABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Status codes of a server that is busy or restarting."""

_FATAL = frozenset({401, 403})
"""Status codes that every other request to the same server would get as well."""

_MAX_WAIT = 60.0
"""Seconds."""


class RequestRejected(Exception):
    """The server rejected one request."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the server answered {code}: {reason}")
        self.reason = reason


@dataclass
class HttpClient:
    """Sends requests to one server."""

    base_url: str
    """Up to and including `/v1`."""
    key: str | None = field(repr=False)
    """Sent as a bearer token; None: none is sent."""
    timeout: float
    """Seconds for one response."""
    retries: int
    """Retries of a request after the first attempt."""
    wait: float = 0.5
    """Seconds before the first retry; doubles with each further one."""
    repeated: int = 0
    """Retries so far, all requests together."""
    is_reached: bool = False
    """Whether the server has ever responded. Before that, nothing is retried: the address may be wrong."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The server's response to `body`; see `get`."""
        return self._send(path, json.dumps(body).encode("utf-8", "replace"))

    def get(self, path: str) -> dict[str, Any]:
        """The server's response.

        Args:
            path: Below `base_url`; with a leading `/`, below the server's root.

        Raises:
            RequestRejected: the server rejects this request, or stays busy through all retries.
            EngineError: the server cannot be reached, or rejects the key.
        """
        return self._send(path, None)

    def _send(self, path: str, data: bytes | None) -> dict[str, Any]:
        for attempt in range(self.retries + 1):
            is_last = attempt == self.retries
            try:
                return self._send_once(path, data)
            except urllib.error.HTTPError as error:
                self.is_reached = True
                rejection = self._rejection(error)
                if error.code in _FATAL:
                    raise EngineError(f"{self.base_url}: {rejection}; is the key in the environment?") from None
                if error.code not in _RETRIABLE or is_last:
                    raise rejection from None
                retry_after = _retry_after(error)
            except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
                if is_last or not self.is_reached:
                    raise EngineError(self._unreachable(error)) from None
                retry_after = None
            self._pause(attempt, retry_after)
        raise AssertionError("the last attempt returns or raises")

    def _send_once(self, path: str, data: bytes | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        request = urllib.request.Request(self._url(path), data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=self.timeout) as response:
            self.is_reached = True
            try:
                body = parse_json(response.read(MAX_JSON_BYTES), name=self.base_url)
            except DocumentError as error:
                raise RequestRejected(
                    response.status, "no JSON; is this the address of an OpenAI-compatible server?"
                ) from error
        if not isinstance(body, dict):
            raise RequestRejected(200, "no JSON object; is this the address of an OpenAI-compatible server?")
        return body

    def _url(self, path: str) -> str:
        root = self.base_url.removesuffix("/v1")
        return root + path if path.startswith("/") else f"{self.base_url}/{path}"

    def _rejection(self, error: urllib.error.HTTPError) -> RequestRejected:
        text = error.read().decode("utf-8", "replace")
        try:
            body = parse_json(text, name=self.base_url)
            body = body.get("error", body) if isinstance(body, dict) else body
            text = str(body.get("message", body)) if isinstance(body, dict) else str(body)
        except DocumentError:
            pass  # a proxy's page in HTML: its beginning is shown as it is
        return RequestRejected(error.code, self._without_key(" ".join(text.split())[:300]))

    def _unreachable(self, error: Exception) -> str:
        reason = self._without_key(str(getattr(error, "reason", error)) or type(error).__name__)
        problem = f"no response from {self.base_url} ({reason})"
        return f"{problem}; start the server, or set openai.base_url; completions received so far are kept"

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "***") if self.key else text

    def _pause(self, attempt: int, retry_after: float | None) -> None:
        with self._lock:
            self.repeated += 1
        seconds = min(self.wait * 2**attempt if retry_after is None else retry_after, _MAX_WAIT)
        _log.info("%s: retrying in %.1f s", self.base_url, seconds)
        time.sleep(seconds)


def _retry_after(error: urllib.error.HTTPError) -> float | None:
    """The server's `Retry-After`, in seconds; None without one."""
    value = error.headers.get("Retry-After", "")
    return float(value) if value.replace(".", "", 1).isdigit() else None
