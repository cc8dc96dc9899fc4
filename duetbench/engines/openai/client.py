"""A small JSON client for model servers: retries that are counted, a key that is never shown."""

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

from duetbench.errors import EngineError

_log = logging.getLogger("duetbench")

_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Answers of a server that is busy or restarting."""

_USELESS = frozenset({401, 403})
"""Answers that no other request to the same server would change."""

_LONGEST_WAIT = 60.0


class RequestRejected(Exception):
    """The server took the request and said no."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the server answered {code}: {reason}")
        self.reason = reason


@dataclass
class HttpClient:
    """Talks to one server."""

    base_url: str
    """Up to and with `/v1`."""
    key: str | None = field(repr=False)
    """Sent as a bearer token; None: none is sent."""
    timeout: float
    """Seconds for one answer."""
    retries: int
    """How often a request is repeated after the first try."""
    wait: float = 0.5
    """Seconds before the first repetition; each further one waits twice as long."""
    repeated: int = 0
    """Repetitions so far, all requests together."""
    is_reached: bool = False
    """Whether it ever answered. One that never did is told at once: it was not started, or the address is wrong."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The server's answer to `body`; see `get`."""
        return self._send(path, json.dumps(body).encode("utf-8", "replace"))

    def get(self, path: str) -> dict[str, Any]:
        """The server's answer.

        Args:
            path: Below `base_url`; with a leading `/`, below the server's root.

        Raises:
            RequestRejected: the server rejects this request, or stays busy through all repetitions.
            EngineError: the server cannot be reached, or rejects the key.
        """
        return self._send(path, None)

    def _send(self, path: str, data: bytes | None) -> dict[str, Any]:
        for attempt in range(self.retries + 1):
            is_last = attempt == self.retries
            try:
                return self._once(path, data)
            except urllib.error.HTTPError as error:
                self.is_reached = True
                refused = self._refused(error)
                if error.code in _USELESS:
                    raise EngineError(f"{self.base_url}: {refused}; is the key in the environment?") from None
                if error.code not in _AGAIN or is_last:
                    raise refused from None
                pause = _asked_pause(error)
            except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
                if is_last or not self.is_reached:
                    raise EngineError(self._unreachable(error)) from None
                pause = None
            self._pause(attempt, pause)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, path: str, data: bytes | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        request = urllib.request.Request(self._url(path), data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=self.timeout) as response:
            self.is_reached = True
            try:
                answer = json.loads(response.read())
            except ValueError as error:
                raise RequestRejected(
                    response.status, "no JSON; is this the address of an OpenAI-compatible server?"
                ) from error
        if not isinstance(answer, dict):
            raise RequestRejected(200, "no JSON object; is this the address of an OpenAI-compatible server?")
        return answer

    def _url(self, path: str) -> str:
        root = self.base_url.removesuffix("/v1")
        return root + path if path.startswith("/") else f"{self.base_url}/{path}"

    def _refused(self, error: urllib.error.HTTPError) -> RequestRejected:
        body = error.read().decode("utf-8", "replace")
        try:
            told = json.loads(body)
            told = told.get("error", told) if isinstance(told, dict) else told
            body = str(told.get("message", told)) if isinstance(told, dict) else str(told)
        except ValueError:
            pass  # a proxy's page in HTML: its beginning is shown as it is
        return RequestRejected(error.code, self._without_key(" ".join(body.split())[:300]))

    def _unreachable(self, error: Exception) -> str:
        reason = self._without_key(str(getattr(error, "reason", error)) or type(error).__name__)
        lead = f"no answer from {self.base_url} ({reason})"
        return f"{lead}; start the server, or set openai.base_url; what was answered is kept"

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "***") if self.key else text

    def _pause(self, attempt: int, asked: float | None) -> None:
        with self._lock:
            self.repeated += 1
        pause = min(self.wait * 2**attempt if asked is None else asked, _LONGEST_WAIT)
        _log.info("%s: trying again in %.1f s", self.base_url, pause)
        time.sleep(pause)


def _asked_pause(error: urllib.error.HTTPError) -> float | None:
    """What the server asks to wait, in seconds."""
    asked = error.headers.get("Retry-After", "")
    return float(asked) if asked.replace(".", "", 1).isdigit() else None
