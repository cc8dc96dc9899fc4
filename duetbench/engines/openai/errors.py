"""What can go wrong between this engine and a server, and how it is put into words."""

from __future__ import annotations

from typing import Any

_TEMPORARY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Status codes of a server that is busy or restarting."""

MAX_QUOTED = 300
"""Characters of a server's message that are shown."""


class RequestRejected(Exception):
    """The server rejected one request, or answered it with something that cannot be used.

    Args:
        code: Status code of the response.
        reason: What the server said, see `quoted`.
        retry_after: Seconds after which the server wants the next attempt; None: it did not say.
    """

    def __init__(self, code: int, reason: str, retry_after: float | None = None) -> None:
        super().__init__(f"the server answered {code}: {reason}")
        self.code = code
        self.reason = reason
        self.retry_after = retry_after

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self.code in _TEMPORARY


class NoAnswer(Exception):
    """There is no complete response: the connection failed, or the time limit was reached."""


class RedirectRefused(Exception):
    """The server redirects to another address; the key is not sent there."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = quoted(host)


def quoted(value: Any) -> str:
    """A value that a server sent, in one line of at most `MAX_QUOTED` characters without control characters."""
    text = value if isinstance(value, str) else repr(value)
    line = " ".join(text[: 4 * MAX_QUOTED].split())
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in line
    )
    return escaped if len(escaped) <= MAX_QUOTED else escaped[:MAX_QUOTED] + " ..."
