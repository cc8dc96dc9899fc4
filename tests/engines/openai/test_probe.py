"""What a server can do is measured by the values in its responses, before the first prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from chat_server import PROBES, Body, ChatServer, tokens
from engine_making import make_prompt

from duetbench.engines.openai.engine import OpenAIEngine
from duetbench.errors import EngineError
from duetbench.models import resolve
from duetbench.types import Sampling

Start = Callable[..., ChatServer]
LABELS = ("1", "2", "3")


def engine(server: ChatServer, **options: Any) -> OpenAIEngine:
    return OpenAIEngine(OpenAIEngine.Config(base_url=server.url, **options), model=resolve("served:m"))


def listed(response: Body) -> list[Body]:
    logprobs = response["choices"][0].get("logprobs")
    return logprobs["content"][0]["top_logprobs"] if logprobs else []


def changed(change: Callable[[Body, list[Body]], None]) -> Callable[[Body, Body], Body]:
    """A lie about log-probabilities."""

    def lie(body: Body, response: Body) -> Body:
        if entries := listed(response):
            change(body, entries)
            response["choices"][0]["logprobs"]["content"][0].update(entries[0])
        return response

    return lie


def without_logprobs(_body: Body, response: Body) -> Body:
    response["choices"][0].pop("logprobs", None)
    return response


def same_for_every_prompt(_body: Body, entries: list[Body]) -> None:
    entries[:] = [{"token": token, "logprob": -number - 0.5} for number, token in enumerate("12345")]


def all_equal(_body: Body, entries: list[Body]) -> None:
    for entry in entries:
        entry["logprob"] = -3.0


def above_one(_body: Body, entries: list[Body]) -> None:
    for entry in entries:
        entry["logprob"] = max(entry["logprob"], -0.5)


def positive(_body: Body, entries: list[Body]) -> None:
    entries[0]["logprob"] = 2.0


def reversed_order(_body: Body, entries: list[Body]) -> None:
    values = [entry["logprob"] for entry in entries]
    for entry, value in zip(entries, reversed(values), strict=True):
        entry["logprob"] = value


def one_hot(_body: Body, entries: list[Body]) -> None:
    for number, entry in enumerate(entries):
        entry["logprob"] = -9999.0 if number else 0.0


def only_one(_body: Body, entries: list[Body]) -> None:
    del entries[1:]


@pytest.mark.parametrize(
    ("lie", "named"),
    [
        (without_logprobs, "without log-probabilities"),
        (changed(same_for_every_prompt), "the same log-probabilities for different prompts"),
        (changed(all_equal), "the same log-probability for every token"),
        (changed(above_one), "sum to"),
        (changed(positive), "above 0"),
        (changed(reversed_order), "contradict the text"),
        (changed(one_hot), "only probabilities of 0 and 1"),
        (changed(only_one), "lists 1 of the 5"),
    ],
)
@pytest.mark.parametrize("kind", ["sglang", "llamacpp"])
def test_a_lie_about_label_probabilities_is_named_before_the_first_prompt(
    start: Start, lie: Any, named: str, kind: str
) -> None:
    server = start(kind, lie=lie)
    client = engine(server)
    assert named in str(client.label_fault("Rating: ", LABELS))
    assert client.info().labels == "text_only"
    with pytest.raises(EngineError, match=named):
        client.label_logprobs([make_prompt("x")], "Rating: ", LABELS)
    assert not server.requests


def test_probabilities_after_temperature_are_read_at_temperature_1(start: Start) -> None:
    def lie(body: Body, entries: list[Body]) -> None:
        if body["temperature"] == 0:
            one_hot(body, entries)

    client = engine(start("sglang", lie=changed(lie)))
    assert client.label_fault("Rating: ", LABELS) is None
    assert client._server.abilities.label_temperature == 1.0


def test_a_server_that_ignores_requested_ids_is_read_by_its_most_likely_tokens(start: Start) -> None:
    def lie(body: Body, response: Body) -> Body:
        if "logprob_token_ids" in body:
            for entry in listed(response):
                entry["token"] = entry["token"] + "0"
        return response

    client = engine(start("vllm", lie=lie))
    assert client.info().labels == "top_k"
    forced = engine(start("vllm", lie=lie), labels="exact")
    assert "does not list the tokens of requested ids" in str(forced.label_fault("Rating: ", LABELS))


def test_requested_ids_with_other_values_are_not_used(start: Start) -> None:
    def lie(body: Body, response: Body) -> Body:
        if "logprob_token_ids" in body:
            for entry in listed(response):
                entry["logprob"] -= 0.2
        return response

    assert engine(start("vllm", lie=lie)).info().labels == "top_k"


def test_an_accepted_prefill_that_is_not_continued_is_named(start: Start) -> None:
    def lie(body: Body, response: Body) -> Body:
        if len(body["messages"]) > 1:
            response["choices"][0]["message"]["content"] = "1, 2, 3"
            response["usage"]["prompt_tokens"] += 6
        return response

    client = engine(start("sglang", lie=lie))
    assert "does not continue a begun answer" in str(client.label_fault("Rating: ", LABELS))
    assert client.label_fault("", LABELS) is None


def test_a_model_that_cannot_count_still_continues_a_prefill(start: Start) -> None:
    def lie(_body: Body, response: Body) -> Body:
        response["choices"][0]["message"]["content"] = "zz"
        return response

    client = engine(start("sglang", lie=lie), labels="top_k")
    assert client._server.abilities.continuation is not None


def test_a_dropped_space_at_the_end_of_a_prefill_is_named(start: Start) -> None:
    def lie(body: Body, response: Body) -> Body:
        if len(body["messages"]) > 1:
            begun = body["messages"][1]["content"]
            response["usage"]["prompt_tokens"] -= len(tokens(begun)) - len(tokens(begun.rstrip()))
        return response

    client = engine(start("sglang", lie=lie))
    assert "drops the white space at the end of 'Rating: '" in str(client.label_fault("Rating: ", LABELS))
    assert client.label_fault("Rating:", LABELS) is None


@pytest.mark.parametrize(("kind", "n"), [("vllm", 4), ("llamacpp", 16)])
def test_the_number_of_stop_texts_is_measured(start: Start, kind: str, n: int) -> None:
    assert engine(start(kind))._server.abilities.max_stops == n


def test_ignored_stop_texts_are_not_relied_on(start: Start) -> None:
    def lie(body: Body, response: Body) -> Body:
        if "stop" in body:
            response["choices"][0]["message"]["content"] = "1, 2, 3"
        return response

    server = start("sglang", lambda _body: (200, {"choices": [{"message": {"content": "AB!CD"}}]}), lie)
    completion = engine(server).generate([make_prompt("x")], Sampling(stop=("!",)))[0]
    assert completion.text == "AB"
    assert "stop" not in server.requests[0]


@pytest.mark.parametrize(
    ("lie", "fault"),
    [
        (lambda _body, response: {**response, "usage": None}, "not reported"),
        (lambda _body, response: {**response, "usage": {"prompt_tokens": 5, "completion_tokens": 5}}, "wrong: 5"),
    ],
)
def test_wrong_token_counts_are_recorded(start: Start, lie: Any, fault: str) -> None:
    assert engine(start("sglang", lie=lie)).info().settings["token_counts"].startswith(fault)


def test_a_server_that_ignores_the_length_is_an_error(start: Start) -> None:
    def lie(_body: Body, response: Body) -> Body:
        response["choices"][0]["message"]["content"] = "word " * 200
        return response

    with pytest.raises(EngineError, match="ignores max_tokens: asked for 8 tokens, it sent 1000 characters"):
        engine(start("sglang", lie=lie)).info()


def test_the_probe_runs_once(start: Start) -> None:
    server = start()
    client = engine(server)
    client.info()
    n = len(server.probes)
    client.generate([make_prompt("a"), make_prompt("b")], Sampling())
    assert len(server.probes) == n < 25
    assert all(body["messages"][0]["content"].startswith(PROBES) for body in server.probes)
