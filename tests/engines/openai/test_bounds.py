"""What a server may do to a client: redirects, endless bodies, slow bytes, malformed answers, and the key in them."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chat_server import Body, ChatServer, chat_response
from engine_making import make_prompt

from duetbench.engines.openai import transport
from duetbench.engines.openai.engine import OpenAIEngine
from duetbench.engines.openai.errors import MAX_QUOTED
from duetbench.engines.store.stored_engine import RequestStore, StoredEngine
from duetbench.errors import EngineError
from duetbench.models import resolve
from duetbench.types import Completion, Sampling

Start = Callable[..., ChatServer]
KEY = "secret-123"
BAD = make_prompt("bad")
GOOD = make_prompt("good")


def engine(server: ChatServer, **options: Any) -> OpenAIEngine:
    options = {"base_url": server.url, "retries": 0, **options}
    return OpenAIEngine(OpenAIEngine.Config(**options), model=resolve("served:m"))


def answers(server: ChatServer, response: Any, **options: Any) -> list[Completion]:
    """Completions of a bad and a good prompt, where the bad one gets this response."""

    def reply(body: Body) -> Any:
        return (200, response) if body["messages"][0]["content"] == "bad" else (200, chat_response("fine"))

    server.reply = reply
    return engine(server, **options).generate([BAD, GOOD], Sampling())


def with_choice(**choice: Any) -> Body:
    return {"choices": [choice]}


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (with_choice(message="a string"), "choices.0.message: .*it sent a string"),
        ({**chat_response("x"), "usage": [1, 2]}, r"usage: .*it sent \[1, 2\]"),
        (with_choice(message={"content": [{"type": "text", "text": "part"}]}), "message.content: .*part"),
        ({"choices": []}, "choices: "),
        ({"choices": None}, "choices: "),
        ({}, "choices: Field required"),
        ([], "no JSON object"),
        (b"[" * 100_000, "nested deeper|not valid JSON"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "nested deeper"),
        (b"<html>no such page</html>", "not valid JSON"),
        (b"\xff\xfe", "the server answered 200"),
        ({**chat_response("x"), "usage": {"prompt_tokens": -1}}, "usage.prompt_tokens"),
    ],
)
def test_a_malformed_answer_is_one_error_that_says_what_the_server_sent(start: Start, response: Any, said: str) -> None:
    bad, good = answers(start(), response)
    assert (bad.status, good.status) == ("error", "ok")
    assert re.search(said, bad.error), bad.error


@pytest.mark.parametrize("logprobs", [None, {"content": None}, {"content": []}])
def test_missing_log_probabilities_are_an_error_of_the_prompt(start: Start, logprobs: Any) -> None:
    server = start(reply=lambda _body: (200, chat_response("4", logprobs=logprobs)))
    result = engine(server).label_logprobs([GOOD], "Rating: ", ("4", "5"))[0]
    assert (result.status, result.error) == ("error", "the server sent no log-probabilities")


def test_what_a_server_said_is_bounded_and_escaped(start: Start) -> None:
    server = start(reply=lambda _body: (400, {"error": {"message": "\x1b[31mred " + "x" * 10_000}}))
    error = engine(server).generate([BAD], Sampling())[0].error
    assert "\x1b" not in error
    assert r"\x1b[31mred" in error
    assert len(error) < MAX_QUOTED + 100


@pytest.mark.parametrize("value", ["\u00b2", "nan", "-5", "inf", "soon"])
def test_a_strange_retry_after_is_ignored(start: Start, value: str) -> None:
    replies: list[Any] = [(429, {}), (200, chat_response("yes"))]
    server = start(reply=lambda _body: replies.pop(0))
    client = engine(server, retries=1)
    client.info()
    client._client.wait = 0.0
    server.headers = {"Retry-After": value.encode("utf-8").decode("latin-1")}
    assert client.generate([GOOD], Sampling())[0].text == "yes"


def test_a_redirect_is_refused_and_the_key_goes_nowhere(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    other, server = start(), start(reply=lambda _body: (307, {}))
    client = engine(server, key_env="MY_KEY")
    client.info()
    server.headers = {"Location": other.url + "/chat/completions"}
    with pytest.raises(EngineError, match=r"redirects to 127\.0\.0\.1:\d+, and redirects are refused"):
        client.generate([GOOD], Sampling())
    assert not other.requests


def test_a_body_beyond_the_bound_is_not_read(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start()
    monkeypatch.setattr(transport, "MAX_BODY_BYTES", 1 << 20)
    bad, good = answers(server, chat_response("x" * (2 << 20)))
    assert (bad.status, good.status) == ("error", "ok")
    assert "a body of more than 1 MB" in bad.error


def test_a_compressed_body_is_refused(start: Start) -> None:
    server = start()
    client = engine(server)
    client.info()
    server.headers = {"Content-Encoding": "gzip"}
    assert "compressed body" in client.generate([GOOD], Sampling())[0].error


@pytest.fixture
def trickle() -> Iterator[str]:
    """A server that sends headers, and then one byte every 50 ms."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not ended.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    ended.set()
    thread.join()
    listener.close()


def test_the_time_limit_covers_the_whole_response(trickle: str) -> None:
    config = OpenAIEngine.Config(base_url=trickle, timeout_s=1.0, retries=0)
    client = OpenAIEngine(config, model=resolve("served:m"))
    with pytest.raises(Exception, match=r"no complete response in 1 s"):
        client._client.get("anything")


def test_a_server_that_loads_its_model_is_waited_for(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    server = start()
    server.loading_requests = 3
    client = engine(server)
    client._client.wait = 0.0
    assert client.info().context_length == 500
    assert "is loading its model: waited" in caplog.text


def test_waiting_for_a_model_is_bounded(start: Start) -> None:
    server = start()
    server.loading_requests = 10**6
    client = engine(server, loading_s=0.0)
    with pytest.raises(EngineError, match="503: Loading model"):
        client.info()


def test_a_server_killed_after_5_of_40_answers_leaves_5_in_the_store(start: Start, tmp_path: Any) -> None:
    prompts = [make_prompt(f"question {n}") for n in range(40)]
    server = start()

    def five(body: Body) -> Any:
        return (401, {}) if len(server.requests) > 5 else (200, chat_response("fine"))

    server.reply = five
    store = RequestStore(tmp_path / "store.sqlite")
    with pytest.raises(EngineError):
        StoredEngine(engine(server, in_flight=1), store).generate(prompts, Sampling())
    assert store.select("SELECT COUNT(*) FROM answers", ()) == [(5,)]
    server.requests.clear()
    server.reply = lambda _body: (200, chat_response("fine"))
    again = StoredEngine(engine(server, in_flight=4), store).generate(prompts, Sampling())
    assert (len(server.requests), sum(each.cached for each in again)) == (35, 5)
    store.close()


def test_the_key_is_in_no_log_error_or_store(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    caplog.set_level(logging.DEBUG)
    server = start(reply=lambda body: (400 if "bad" in str(body["messages"]) else 200, chat_response(f"Bearer {KEY}")))
    client = engine(server, key_env="MY_KEY")
    store = RequestStore(tmp_path / "store.sqlite")
    completions = StoredEngine(client, store).generate([BAD, GOOD], Sampling())
    assert server.keys == [f"Bearer {KEY}"] * 2
    shown = [caplog.text, repr(completions), repr(client._client), repr(client.config), repr(client.info())]
    shown += [json.dumps(store.select("SELECT answer FROM answers", ()), default=str)]
    shown += [json.dumps(store.select("SELECT error FROM failures", ()), default=str)]
    store.close()
    shown += [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()]
    assert not [text for text in shown if KEY in text]


def test_no_key_is_taken_from_another_variable(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = start()
    engine(server, key_env="MY_OTHER_KEY").generate([GOOD], Sampling())
    assert server.keys == [None]


def test_a_rejected_key_stops_the_run_without_showing_it(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server = start(reply=lambda _body: (401, {"error": {"message": f"wrong key {KEY}"}}))
    with pytest.raises(EngineError, match=r"wrong key \*\*\*; is the key in the environment"):
        engine(server, key_env="MY_KEY").generate([GOOD], Sampling())


def test_a_key_that_cannot_be_sent_is_an_error_without_it(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", f"{KEY}\n{KEY}")
    with pytest.raises(EngineError, match="the key in MY_KEY has characters that cannot be sent") as error:
        engine(start(), key_env="MY_KEY").info()
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("file:///etc/passwd", "must begin with http"),
        ("http://user:secret-123@host/v1", "without user, password or query"),
        ("https://host/v1?key=secret-123", "without user, password or query"),
    ],
)
def test_an_address_with_a_secret_or_without_a_protocol_is_an_error(address: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as error:
        OpenAIEngine.Config(base_url=address)
    assert KEY not in str(error.value)
