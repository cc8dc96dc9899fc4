"""A minimal model server with OpenAI's chat API."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, Any]]


class ChatServer:
    """Responds to each request with the reply to its body, and records the requests.

    Args:
        kind: The owner of the model: `vllm`, `openai`, ...
        reply: From a chat request's body to status code and response.
    """

    def __init__(self, kind: str = "openai", reply: Callable[[dict[str, Any]], Reply] | None = None) -> None:
        self.kind = kind
        self.reply = reply or (lambda body: (200, chat_response(str(body["messages"][0]["content"]).upper())))
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.in_flight = self.max_in_flight = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def respond(self, path: str, body: dict[str, Any], key: str | None) -> Reply:
        if path == "/v1/models":
            return 200, {"data": [{"id": "m", "owned_by": self.kind, "max_model_len": 500}]}
        if path == "/version":
            return 200, {"version": "9.9"}
        if path == "/tokenize":
            return 200, {"tokens": [ord(letter) for letter in body["prompt"]]}
        with self._lock:
            self.requests.append(body)
            self.keys.append(key)
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
        time.sleep(0.02)
        reply = self.reply(body)
        with self._lock:
            self.in_flight -= 1
        return reply


def chat_response(text: str, **choice: Any) -> dict[str, Any]:
    """A chat completion with the text."""
    first = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}
    return {"choices": [first], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


def logprobs_response(logprobs: dict[str, float]) -> dict[str, Any]:
    """A chat completion of one token with these log-probabilities."""
    listed = [{"token": token, "logprob": value} for token, value in logprobs.items()]
    return chat_response("x", logprobs={"content": [{**listed[0], "top_logprobs": listed}]})


def _handler(server: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._respond({})

        def do_POST(self) -> None:
            self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _respond(self, body: dict[str, Any]) -> None:
            status, response = server.respond(self.path, body, self.headers.get("Authorization"))
            data = json.dumps(response).encode()
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
