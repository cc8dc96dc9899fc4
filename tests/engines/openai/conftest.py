"""Model servers that are closed after a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chat_server import ChatServer


@pytest.fixture
def start() -> Iterator[Callable[..., ChatServer]]:
    """Starts servers that are closed after the test."""
    started: list[ChatServer] = []

    def begin(*arguments: Any, **options: Any) -> ChatServer:
        started.append(ChatServer(*arguments, **options))
        return started[-1]

    yield begin
    for server in started:
        server.close()
