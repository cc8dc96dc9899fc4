"""A model server of a few lines that speaks OpenAI's chat protocol."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, Any]]


class ChatServer:
    """Answers each request with what `reply` makes of its body, and notes what it was asked.

    Args:
        kind: Who owns the model: `vllm`, `openai`, ...
        reply: From a chat request's body to status and answer.
    """

    def __init__(self, kind: str = "openai", reply: Callable[[dict[str, Any]], Reply] | None = None) -> None:
        self.kind = kind
        self.reply = reply or (lambda body: (200, said(str(body["messages"][0]["content"]).upper())))
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, body: dict[str, Any], key: str | None) -> Reply:
        if path == "/v1/models":
            return 200, {"data": [{"id": "m", "owned_by": self.kind, "max_model_len": 500}]}
        if path == "/version":
            return 200, {"version": "9.9"}
        if path == "/tokenize":
            return 200, {"tokens": [ord(letter) for letter in body["prompt"]]}
        with self._lock:
            self.asked.append(body)
            self.keys.append(key)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.02)
        found = self.reply(body)
        with self._lock:
            self.at_once -= 1
        return found


def said(text: str, **choice: Any) -> dict[str, Any]:
    """A chat completion that says the text."""
    first = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}
    return {"choices": [first], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


def read(logprobs: dict[str, float]) -> dict[str, Any]:
    """A chat completion of one token with these log-probabilities."""
    listed = [{"token": token, "logprob": value} for token, value in logprobs.items()]
    return said("x", logprobs={"content": [{**listed[0], "top_logprobs": listed}]})


def _handler(server: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._respond({})

        def do_POST(self) -> None:
            self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _respond(self, body: dict[str, Any]) -> None:
            status, answer = server.answer(self.path, body, self.headers.get("Authorization"))
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            if status == 429:
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: Any) -> None:
            """Nothing on stderr."""

    return Handler
