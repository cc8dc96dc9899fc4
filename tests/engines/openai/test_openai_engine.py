"""The engine that asks a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from chat_server import ChatServer, Reply, read, said
from engine_making import ask

from duetbench.engines.openai.engine import OpenAIEngine
from duetbench.errors import EngineError, ModelError
from duetbench.models import resolve
from duetbench.testing import EngineConformance
from duetbench.types import Message, Sampling

LABELS = ("1", "2", "3")
PROMPT = ask("jazz")
MODEL = resolve("served:m")

Start = Callable[..., ChatServer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers; all end with the test."""
    started: list[ChatServer] = []

    def begin(*arguments: Any) -> ChatServer:
        started.append(ChatServer(*arguments))
        return started[-1]

    yield begin
    for server in started:
        server.close()


def engine(server: ChatServer, **options: Any) -> OpenAIEngine:
    return OpenAIEngine(OpenAIEngine.Config(base_url=server.url, **options), model=MODEL)


def test_answers_come_in_the_order_of_the_prompts(start: Start) -> None:
    answers = engine(start()).generate([ask("a"), ask("b"), ask("c")], Sampling())
    assert [(one.text, one.status, one.prompt_tokens, one.completion_tokens) for one in answers] == [
        ("A", "ok", 7, 3),
        ("B", "ok", 7, 3),
        ("C", "ok", 7, 3),
    ]


def test_a_fixed_number_of_requests_is_in_flight(start: Start) -> None:
    server = start()
    engine(server, in_flight=3).generate([ask(f"{n}") for n in range(12)], Sampling())
    assert 1 < server.most_at_once <= 3


def test_sampling_is_passed_on(start: Start) -> None:
    server = start()
    engine(server).generate([PROMPT], Sampling(temperature=0.5, top_p=0.9, max_tokens=5, stop=("x",), seed=1))
    sent = server.asked[0]
    assert (sent["model"], sent["temperature"], sent["top_p"], sent["max_tokens"], sent["stop"]) == (
        "m",
        0.5,
        0.9,
        5,
        ["x"],
    )
    assert isinstance(sent["seed"], int)


def test_samples_are_asked_with_different_seeds(start: Start) -> None:
    server = start()
    for index in (0, 1):
        engine(server).generate([PROMPT], Sampling(temperature=1.0, sample_index=index))
    assert server.asked[0]["seed"] != server.asked[1]["seed"]


def test_a_prefill_is_a_turn_that_vllm_continues(start: Start) -> None:
    server = start("vllm")
    answer = engine(server).generate([replace(PROMPT, prefill="<cue>")], Sampling())[0]
    assert server.asked[0]["messages"][-1] == {"role": "assistant", "content": "<cue>"}
    assert server.asked[0]["continue_final_message"] is True
    assert answer.text == "<cue>JAZZ"


def test_template_arguments_are_passed_on(start: Start) -> None:
    server = start("vllm")
    model = replace(MODEL, template_args={"enable_thinking": False})
    OpenAIEngine(OpenAIEngine.Config(base_url=server.url), model=model).generate([PROMPT], Sampling())
    assert server.asked[0]["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("choice", "status"),
    [
        ({"finish_reason": "length"}, "truncated"),
        ({"finish_reason": "content_filter"}, "refused"),
        ({"message": {"content": " "}}, "empty"),
        ({"message": {"content": None, "refusal": "no"}}, "refused"),
    ],
)
def test_each_end_has_its_status(start: Start, choice: dict[str, Any], status: str) -> None:
    server = start("openai", lambda _body: (200, said("some", **choice)))
    assert engine(server).generate([PROMPT], Sampling())[0].status == status


def test_more_stops_than_the_protocol_takes_still_end_the_answer(start: Start) -> None:
    server = start()
    answer = engine(server).generate([ask("ab!cd")], Sampling(stop=("1", "2", "3", "4", "!")))[0]
    assert answer.text == "AB"
    assert len(server.asked[0]["stop"]) == 4


def test_a_busy_server_is_asked_again_and_that_is_counted(start: Start) -> None:
    replies: list[Reply] = [(429, {}), (503, {}), (200, said("yes"))]
    asking = engine(start("openai", lambda _body: replies.pop(0)))
    asking._client.wait = 0.0
    assert asking.generate([PROMPT], Sampling())[0].text == "yes"
    assert asking.retried == 2


def test_a_server_that_stays_busy_is_a_failed_call(start: Start) -> None:
    asking = engine(start("openai", lambda _body: (500, {"error": {"message": "out of order"}})), retries=1)
    asking._client.wait = 0.0
    answer = asking.generate([PROMPT], Sampling())[0]
    assert (answer.status, answer.error) == ("error", "the server answered 500: out of order")


def test_a_request_that_is_refused_fails_alone(start: Start) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        bad = body["messages"][0]["content"] == "bad"
        return (400, {"error": {"message": "bad turn"}}) if bad else (200, said("fine"))

    answers = engine(start("openai", reply)).generate([ask("bad"), ask("good")], Sampling())
    assert [answer.status for answer in answers] == ["error", "ok"]


def test_a_prompt_that_the_server_finds_too_long_loses_as_few_lines_as_it_takes(start: Start) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        text = body["messages"][0]["content"]
        return (400, {"message": "exceeds the maximum context length"}) if len(text) > 24 else (200, said(text))

    lines = Message("user", "0123456789" * 5 + "end", tuple((10 * n, 10 * n + 10) for n in range(5)))
    answer = engine(start("openai", reply)).generate([replace(PROMPT, messages=(lines,))], Sampling())[0]
    assert (answer.text, answer.dropped_history) == ("0123456789" * 2 + "end", 3)


def test_labels_are_read_from_the_likeliest_tokens(start: Start) -> None:
    server = start("openai", lambda _body: (200, read({"1": -0.5, "2": -1.5, "the": -3.0})))
    reading = engine(server).label_logprobs([PROMPT], "Rating: ", LABELS)[0]
    assert reading.logprobs == (-0.5, -1.5, -3.0)  # a label that is not listed has at most the last one's
    assert server.asked[0]["messages"][-1]["content"] == "Rating: "
    assert server.asked[0]["top_logprobs"] == 20


def test_no_label_among_the_likeliest_tokens_is_unreadable(start: Start) -> None:
    server = start("openai", lambda _body: (200, read({"the": -0.5})))
    assert engine(server).label_logprobs([PROMPT], "Rating: ", LABELS)[0].status == "unreadable"


def test_vllm_is_asked_for_the_labels_tokens(start: Start) -> None:
    listed = {f"token_id:{ord(label)}": -float(label) for label in LABELS}
    server = start("vllm", lambda _body: (200, read(listed)))
    asking = engine(server)
    assert asking.label_logprobs([PROMPT], "Rating: ", LABELS)[0].logprobs == (-1.0, -2.0, -3.0)
    assert server.asked[0]["logprob_token_ids"] == [49, 50, 51]
    assert asking.info().labels == "exact"
    assert asking.info().settings == {"served_name": "m"}


def test_labels_of_several_tokens_are_refused(start: Start) -> None:
    with pytest.raises(EngineError, match="not distinct single tokens"):
        engine(start("vllm")).label_logprobs([PROMPT], "Rating: ", ("10", "20"))


def test_a_key_comes_from_the_environment_and_is_never_shown(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret-123")
    server = start("openai", lambda _body: (400, {"error": {"message": "no such thing for secret-123"}}))
    asking = engine(server, key_env="MY_KEY")
    answer = asking.generate([PROMPT], Sampling())[0]
    assert server.keys == ["Bearer secret-123"]
    assert "secret" not in answer.error + repr(asking._client) + repr(asking.config) + repr(asking.info())


def test_a_rejected_key_stops_the_run(start: Start) -> None:
    with pytest.raises(EngineError, match="is the key in the environment"):
        engine(start("openai", lambda _body: (401, {}))).generate([PROMPT], Sampling())


def test_a_server_that_is_not_there_is_one_line(start: Start) -> None:
    server = start()
    server.close()
    with pytest.raises(EngineError, match="no answer from http://127"):
        engine(server, retries=0).info()


def test_a_server_that_goes_away_is_waited_for(start: Start) -> None:
    server = start()
    asking = engine(server, retries=2)
    asking.info()
    asking._client.wait = 0.0
    server.close()
    with pytest.raises(EngineError, match="what was answered is kept"):
        asking.generate([PROMPT], Sampling())
    assert asking.retried == 2


def test_a_model_that_is_not_served_is_told_with_those_that_are(start: Start) -> None:
    with pytest.raises(EngineError, match="serves m, not 'other'"):
        engine(start(), served_name="other").info()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin with http"):
        OpenAIEngine.Config(base_url="file:///etc/passwd")


def test_an_adapter_of_a_served_model_is_refused() -> None:
    with pytest.raises(ModelError, match="load the adapter there"):
        resolve("served:m", adapter="somewhere")


class TestConformance(EngineConformance):
    """What every engine has to pass."""

    plugin = OpenAIEngine
    model = MODEL

    @pytest.fixture(autouse=True)
    def _with_server(self, start: Start) -> None:
        def reply(body: dict[str, Any]) -> Reply:
            if len(body["messages"][0]["content"].split()) > 400:
                return 400, {"message": "the prompt is too long"}
            if "logprobs" in body:
                return 200, read({label: -float(label) for label in "12345"})
            return 200, said("quiet" if body["max_tokens"] else "")

        type(self).options = {"base_url": start("openai", reply).url}
