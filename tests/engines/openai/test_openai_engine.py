"""The engine that sends prompts to a server."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from chat_server import ChatServer, Reply, chat_response, logprobs_response
from engine_making import make_prompt

from duetbench.engines.openai.engine import OpenAIEngine
from duetbench.errors import EngineError, ModelError
from duetbench.models import resolve
from duetbench.testing import EngineConformance
from duetbench.types import Message, ModelRef, Sampling

LABELS = ("1", "2", "3")
PROMPT = make_prompt("jazz")
MODEL = resolve("served:m")

Start = Callable[..., ChatServer]


def engine(server: ChatServer, **options: Any) -> OpenAIEngine:
    return OpenAIEngine(OpenAIEngine.Config(base_url=server.url, **options), model=MODEL)


def test_completions_are_in_the_order_of_the_prompts(start: Start) -> None:
    completions = engine(start()).generate([make_prompt("a"), make_prompt("b"), make_prompt("c")], Sampling())
    assert [(each.text, each.status, each.prompt_tokens, each.completion_tokens) for each in completions] == [
        ("A", "ok", 7, 3),
        ("B", "ok", 7, 3),
        ("C", "ok", 7, 3),
    ]


def test_the_number_of_requests_in_flight_is_limited(start: Start) -> None:
    server = start()
    engine(server, in_flight=3).generate([make_prompt(f"{n}") for n in range(12)], Sampling())
    assert 1 < server.max_in_flight <= 3


def test_sampling_is_passed_on(start: Start) -> None:
    server = start()
    engine(server).generate([PROMPT], Sampling(temperature=0.5, top_p=0.9, max_tokens=5, stop=("x",), seed=1))
    sent = server.requests[0]
    assert (sent["model"], sent["temperature"], sent["top_p"], sent["max_tokens"], sent["stop"]) == (
        "m",
        0.5,
        0.9,
        5,
        ["x"],
    )
    assert isinstance(sent["seed"], int)


def test_samples_have_different_seeds(start: Start) -> None:
    server = start()
    for index in (0, 1):
        engine(server).generate([PROMPT], Sampling(temperature=1.0, sample_index=index))
    assert server.requests[0]["seed"] != server.requests[1]["seed"]


def test_a_prefill_is_a_message_that_vllm_continues(start: Start) -> None:
    server = start("vllm")
    completion = engine(server).generate([replace(PROMPT, prefill="<cue>")], Sampling())[0]
    assert server.requests[0]["messages"][-1] == {"role": "assistant", "content": "<cue>"}
    assert server.requests[0]["continue_final_message"] is True
    assert completion.text == "<cue>JAZZ"


def test_template_arguments_are_passed_on(start: Start) -> None:
    server = start("vllm")
    model = replace(MODEL, template_args={"enable_thinking": False})
    OpenAIEngine(OpenAIEngine.Config(base_url=server.url), model=model).generate([PROMPT], Sampling())
    assert server.requests[0]["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("choice", "status"),
    [
        ({"finish_reason": "length"}, "truncated"),
        ({"finish_reason": "content_filter"}, "refused"),
        ({"message": {"content": " "}}, "empty"),
        ({"message": {"content": None, "refusal": "no"}}, "refused"),
    ],
)
def test_each_finish_reason_has_its_status(start: Start, choice: dict[str, Any], status: str) -> None:
    server = start("sglang", lambda _body: (200, chat_response("some", **choice)))
    assert engine(server).generate([PROMPT], Sampling())[0].status == status


def test_more_stop_texts_than_the_api_accepts_end_the_completion(start: Start) -> None:
    server = start()
    completion = engine(server).generate([make_prompt("ab!cd")], Sampling(stop=("1", "2", "3", "4", "!")))[0]
    assert completion.text == "AB"
    assert len(server.requests[0]["stop"]) == 4


def test_requests_to_a_busy_server_are_repeated_and_counted(start: Start) -> None:
    replies: list[Reply] = [(429, {}), (503, {}), (200, chat_response("yes"))]
    client = engine(start("sglang", lambda _body: replies.pop(0)))
    client._client.wait = 0.0
    assert client.generate([PROMPT], Sampling())[0].text == "yes"
    assert client.retried == 2


def test_a_request_to_a_server_that_stays_busy_fails(start: Start) -> None:
    client = engine(start("sglang", lambda _body: (500, {"error": {"message": "out of order"}})), retries=1)
    client._client.wait = 0.0
    completion = client.generate([PROMPT], Sampling())[0]
    assert (completion.status, completion.error) == ("error", "the server answered 500: out of order")


def test_a_rejected_request_fails_alone(start: Start) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        is_bad = body["messages"][0]["content"] == "bad"
        return (400, {"error": {"message": "bad message"}}) if is_bad else (200, chat_response("fine"))

    completions = engine(start("sglang", reply)).generate([make_prompt("bad"), make_prompt("good")], Sampling())
    assert [completion.status for completion in completions] == ["error", "ok"]


def test_a_prompt_that_is_too_long_for_the_server_loses_as_few_lines_as_necessary(start: Start) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        text = body["messages"][0]["content"]
        return (
            (400, {"message": "exceeds the maximum context length"}) if len(text) > 24 else (200, chat_response(text))
        )

    lines = Message("user", "0123456789" * 5 + "end", tuple((10 * n, 10 * n + 10) for n in range(5)))
    completion = engine(start("sglang", reply)).generate([replace(PROMPT, messages=(lines,))], Sampling())[0]
    assert (completion.text, completion.dropped_history) == ("0123456789" * 2 + "end", 3)


def test_labels_are_read_from_the_most_likely_tokens(start: Start) -> None:
    server = start("sglang", lambda _body: (200, logprobs_response({"1": -0.5, "2": -1.5, "the": -3.0})))
    result = engine(server).label_logprobs([PROMPT], "Rating: ", LABELS)[0]
    assert result.logprobs == (-0.5, -1.5, -3.0)  # the last one's is an upper bound for a label that is not listed
    assert server.requests[0]["messages"][-1]["content"] == "Rating: "
    assert server.requests[0]["top_logprobs"] == 20


def test_no_label_among_the_most_likely_tokens_is_unreadable(start: Start) -> None:
    server = start("sglang", lambda _body: (200, logprobs_response({"the": -0.5})))
    assert engine(server).label_logprobs([PROMPT], "Rating: ", LABELS)[0].status == "unreadable"


def test_the_labels_tokens_are_requested_from_vllm(start: Start) -> None:
    listed = {f"token_id:{ord(label)}": -float(label) for label in LABELS}
    server = start("vllm", lambda _body: (200, logprobs_response(listed)))
    client = engine(server)
    assert client.label_logprobs([PROMPT], "Rating: ", LABELS)[0].logprobs == (-1.0, -2.0, -3.0)
    assert server.requests[0]["logprob_token_ids"] == [49, 50, 51]
    assert client.info().labels == "exact"
    assert client.info().settings["served_name"] == "m"


def test_labels_of_several_tokens_are_read_from_vllm_one_beginning_at_a_time(start: Start) -> None:
    after = {"Rating: ": {f"token_id:{ord('1')}": math.log(0.6)}, "Rating: 1": {f"token_id:{ord('0')}": math.log(0.25)}}
    server = start("vllm", lambda body: (200, logprobs_response(after[body["messages"][-1]["content"]])))
    client = engine(server)
    assert client.label_fault("Rating: ", ("1", "10")) is None
    one, ten = client.label_logprobs([PROMPT], "Rating: ", ("1", "10"))[0].logprobs
    assert math.exp(one) == pytest.approx(0.6 * 0.75)
    assert math.exp(ten) == pytest.approx(0.6 * 0.25)
    assert [body["logprob_token_ids"] for body in server.requests] == [[ord("1")], [ord("0")]]


def test_labels_of_several_characters_cannot_be_read_from_the_most_likely_tokens(start: Start) -> None:
    client = engine(start("sglang"))
    assert client.label_fault("Rating: ", LABELS) is None
    assert "'10' may have several tokens" in str(client.label_fault("Rating: ", ("1", "10")))
    with pytest.raises(EngineError, match="only known from vLLM"):
        client.label_logprobs([PROMPT], "Rating: ", ("0.5", "1"))


def test_equal_texts_of_different_tokens_are_summed(start: Start) -> None:
    listed = [{"token": "4", "logprob": -0.1}, {"token": "4", "logprob": -3.0}, {"token": "5", "logprob": -9.0}]
    content = [{"token": "4", "logprob": -0.1, "top_logprobs": listed}]
    server = start("sglang", lambda _body: (200, chat_response("4", logprobs={"content": content})))
    four, five = engine(server).label_logprobs([PROMPT], "Rating: ", ("4", "5"))[0].logprobs
    assert math.exp(four) == pytest.approx(math.exp(-0.1) + math.exp(-3.0))
    assert five == -9.0


def test_a_server_that_is_not_reachable_is_an_error_of_one_line(start: Start) -> None:
    server = start()
    server.close()
    with pytest.raises(EngineError, match="no response from http://127"):
        engine(server, retries=0).info()


def test_requests_to_a_server_that_disappears_are_repeated(start: Start) -> None:
    server = start()
    client = engine(server, retries=2)
    client.info()
    client._client.wait = 0.0
    server.close()
    with pytest.raises(EngineError, match="completions received so far are kept"):
        client.generate([PROMPT], Sampling())
    assert client.retried == 2


def test_the_served_models_are_named_if_the_model_is_not_among_them(start: Start) -> None:
    with pytest.raises(EngineError, match="serves m, not 'other'"):
        engine(start(), served_name="other").info()


def test_an_adapter_of_a_served_model_is_an_error() -> None:
    with pytest.raises(ModelError, match="load the adapter there"):
        resolve("served:m", adapter="somewhere")


def test_an_adapter_that_the_server_would_not_apply_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"has to be loaded by the server: set openai\.served_name"):
        OpenAIEngine(model=ModelRef("card", "/base", "d1", adapter="/adapter", adapter_digest="x"))


def test_a_served_name_allows_no_other_model() -> None:
    bound = OpenAIEngine(OpenAIEngine.Config(served_name="m"), model=MODEL)
    with pytest.raises(ModelError, match=r"openai\.served_name=m names one model, so served:n cannot be used"):
        bound.with_model(resolve("served:n"))
    assert OpenAIEngine(model=MODEL).with_model(resolve("served:n")).model.path == "n"


def test_a_prefill_is_an_error_if_the_server_begins_a_new_message(start: Start) -> None:
    server = start("openai")
    with pytest.raises(EngineError, match="does not continue a begun answer of 'm'"):
        engine(server).generate([replace(PROMPT, prefill="<cue>")], Sampling())
    assert not server.requests


def test_an_echoed_prefill_is_removed(start: Start) -> None:
    server = start("llamacpp", lambda _body: (200, chat_response("<cue>jazz</cue>")))
    completion = engine(server).generate([replace(PROMPT, prefill="<cue>")], Sampling(stop=("</cue>",)))[0]
    assert completion.text == "<cue>jazz"


def test_a_slot_that_a_stop_text_ends_on_the_client_is_not_truncated(start: Start) -> None:
    server = start("sglang", lambda _body: (200, chat_response("AB!CD", finish_reason="length")))
    sampling = Sampling(stop=("1", "2", "3", "4", "!"), max_tokens=3, is_slot=True)
    completion = engine(server).generate([PROMPT], sampling)[0]
    assert (completion.text, completion.completion_tokens) == ("AB", 2)


def test_every_parameter_of_sampling_is_sent(start: Start) -> None:
    server = start("sglang")
    engine(server).generate([PROMPT], Sampling())
    neutral = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0, "top_p": 1.0}
    assert neutral.items() <= server.requests[0].items()


def test_parameters_that_the_server_rejects_are_left_out(start: Start) -> None:
    server = start("openai")
    engine(server).generate([PROMPT], Sampling())
    assert server.requests[0].keys() == {
        "model",
        "messages",
        "max_tokens",
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
    }


class TestConformance(EngineConformance):
    """The checks of every engine."""

    plugin = OpenAIEngine
    model = MODEL

    @pytest.fixture(autouse=True)
    def _with_server(self, start: Start) -> None:
        def reply(body: dict[str, Any]) -> Reply:
            if len(body["messages"][0]["content"].split()) > 400:
                return 400, {"message": "the prompt is too long"}
            if "logprobs" in body:
                return 200, logprobs_response({label: -float(label) for label in "12345"})
            return 200, chat_response("text" if body["max_tokens"] else "")

        type(self).options = {"base_url": start("sglang", reply).url}
