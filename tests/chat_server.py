"""A minimal model server with OpenAI's chat API, whose answers can be replaced, delayed and falsified."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Reply = tuple[int, Any]
"""Status code, and a JSON value or the bytes of a body."""

PROBES = ("Count from 1 to 20", "Name a colour of the rainbow")
_COUNTED = ", ".join(map(str, range(1, 21)))
_LISTED = {
    PROBES[0]: {"1": -0.1, "2": -3.0, "I": -4.0, "The": -5.0, "A": -6.0, "Here": -7.0},
    PROBES[1]: {"Red": -0.2, "Blue": -2.5, "Green": -3.5, "I": -5.0, "A": -6.0, "1": -9.0},
}


_OPENAI_FIELDS = {
    *("model", "messages", "max_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed"),
    *("stop", "logprobs", "top_logprobs"),
}
"""Fields of requests that OpenAI's own server accepts; it rejects all others."""


class ChatServer:
    """Responds to each request with the reply to its body, and records the requests.

    Requests of the probe are answered as an honest server of that kind would, and are not recorded.

    Args:
        kind: The owner of the model. `vllm` and `sglang` continue a last assistant message if asked to, `llamacpp`
            does so always and echoes it, others begin a new message and reject unknown parameters.
        reply: From a chat request's body to status code and response.
        lie: Changes the response to a request of the probe.
    """

    def __init__(
        self,
        kind: str = "sglang",
        reply: Callable[[Body], Reply] | None = None,
        lie: Callable[[Body, Body], Any] | None = None,
    ) -> None:
        self.kind = kind
        self.reply = reply or (lambda body: (200, chat_response(str(body["messages"][0]["content"]).upper())))
        self.lie = lie or (lambda _body, response: response)
        self.entry: Body = {"id": "m", "owned_by": kind, "max_model_len": 500}
        self.entries: list[Body] = []
        self.loading_requests = 0
        self.requests: list[Body] = []
        self.probes: list[Body] = []
        self.keys: list[str | None] = []
        self.headers: Body = {}
        self.in_flight = self.max_in_flight = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def respond(self, path: str, body: Body, key: str | None) -> Reply:
        if self.loading_requests:
            self.loading_requests -= 1
            return 503, {"error": {"message": "Loading model", "code": 503}}
        if path == "/v1/models":
            return 200, {"data": [self.entry, *self.entries]}
        if path == "/version":
            return 200, {"version": "9.9"}
        if path == "/tokenize" and self.kind == "vllm":
            return 200, {"tokens": [ord(letter) for letter in body["prompt"]]}
        if path != "/v1/chat/completions":
            return 404, {"error": {"message": f"no {path}"}}
        if str(body["messages"][0]["content"]).startswith(PROBES):
            self.probes.append(body)
            status, response = self._honest(body)
            return (status, response) if status != 200 else (200, self.lie(body, response))
        return self._recorded(body, key)

    def _recorded(self, body: Body, key: str | None) -> Reply:
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

    def _honest(self, body: Body) -> Reply:
        """The answer of a server of this kind to a request of the probe."""
        is_open = self.kind in ("vllm", "sglang", "llamacpp")
        unknown = body.keys() - _OPENAI_FIELDS
        if unknown and not is_open:
            return 400, {"error": {"message": f"Unrecognized request arguments supplied: {', '.join(sorted(unknown))}"}}
        if len(body.get("stop", ())) > 4 and self.kind != "llamacpp":
            return 400, {"error": {"message": "at most 4 stop sequences are allowed"}}
        if body.get("top_logprobs", 0) > 20 and self.kind != "llamacpp":
            return 400, {"error": {"message": "top_logprobs must be at most 20"}}
        question, *begun = [message["content"] for message in body["messages"]]
        is_continued = bool(begun) and (self.kind == "llamacpp" or body.get("continue_final_message", False))
        full = _COUNTED if question.startswith(PROBES[0]) else "Red"
        text = full.removeprefix(begun[0]) if is_continued else full
        text = "".join(tokens(text)[: body["max_tokens"]])
        written = tokens(text)
        for stop in body.get("stop", ()):
            text = text.split(stop)[0]
        if is_continued and self.kind == "llamacpp":
            text = begun[0] + text
        response = chat_response(text)
        n_prompt = len(tokens(question)) + 5 + (len(tokens(begun[0])) + 5 * (not is_continued) if begun else 0)
        response["usage"] = {"prompt_tokens": n_prompt, "completion_tokens": len(written)}
        if body.get("logprobs"):
            listed = _LISTED[next(probe for probe in PROBES if question.startswith(probe))]
            response["choices"][0]["logprobs"] = _logprobs(self._named(listed, body))
        return 200, response

    def _named(self, listed: dict[str, float], body: Body) -> dict[str, float]:
        if self.kind != "vllm" or not body.get("return_tokens_as_token_ids"):
            return listed
        by_id = {sum(map(ord, token)): value for token, value in listed.items()}
        chosen = body.get("logprob_token_ids", by_id)
        return {f"token_id:{number}": by_id[number] for number in chosen}


def tokens(text: str) -> list[str]:
    """Words, numbers and single other characters."""
    return re.findall(r"\d+|[^\W\d]+|.", text, re.DOTALL)


def chat_response(text: str, **choice: Any) -> Body:
    """A chat completion with the text."""
    first = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}
    return {"choices": [first], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


def logprobs_response(logprobs: dict[str, float]) -> Body:
    """A chat completion of one token with these log-probabilities."""
    return chat_response("x", logprobs=_logprobs(logprobs))


def _logprobs(logprobs: dict[str, float]) -> Body:
    listed = [{"token": token, "logprob": value} for token, value in logprobs.items()]
    return {"content": [{**listed[0], "top_logprobs": listed}]}


def _handler(server: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._respond({})

        def do_POST(self) -> None:
            self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _respond(self, body: Body) -> None:
            status, response = server.respond(self.path, body, self.headers.get("Authorization"))
            data = response if isinstance(response, bytes) else json.dumps(response).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            headers = {"Retry-After": "0", **server.headers} if status == 429 else server.headers
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: Any) -> None:
            """Nothing on stderr."""

    return Handler
