"""What a server runs is part of the keys of the request store, as far as it can be known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from chat_server import Body, ChatServer
from engine_making import make_prompt

from duetbench.engines.openai.engine import OpenAIEngine
from duetbench.engines.openai.fingerprints import fingerprint
from duetbench.engines.store.keys import generate_key
from duetbench.models import resolve
from duetbench.types import ModelRef, Sampling

Start = Callable[..., ChatServer]
VALUES = {"a:x": -0.5, "a:y": -1.25, "b:z": -0.1}


def engine(server: ChatServer, **options: Any) -> OpenAIEngine:
    return OpenAIEngine(OpenAIEngine.Config(base_url=server.url, **options), model=resolve("served:m"))


def key(server: ChatServer) -> str:
    return generate_key(engine(server).info(), make_prompt("x"), Sampling()).digest


def test_the_key_changes_with_the_file_behind_a_name(start: Start) -> None:
    server = start()
    server.entry |= {"root": "/models/one"}
    first = key(server)
    server.entry |= {"root": "/models/two"}
    assert key(server) != first


def test_the_key_changes_with_the_label_probabilities(start: Start) -> None:
    def other(_body: Body, response: Body) -> Body:
        for entry in (response["choices"][0].get("logprobs") or {"content": []})["content"]:
            entry["top_logprobs"][1]["logprob"] -= 0.2
        return response

    server = start()
    first = key(server)
    assert key(server) == first
    server.lie = other
    assert key(server) != first


def test_rounding_does_not_change_a_fingerprint(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("DUETBENCH_CACHE", str(tmp_path))
    first = fingerprint("server", VALUES)  # -1.25 is in the middle between two rounded values
    for noise in (-0.02, 0.02):
        assert fingerprint("server", {name: value + noise for name, value in VALUES.items()}) == first
    assert fingerprint("server", {**VALUES, "a:y": -1.5}) != first
    assert fingerprint("server", {**VALUES, "b:z": -0.3}) != first
    assert fingerprint("server", VALUES) == first


def test_a_server_without_probabilities_has_no_fingerprint() -> None:
    assert fingerprint("server", {}) == "none"


def test_a_served_name_does_not_take_the_digest_of_local_weights(start: Start) -> None:
    config = OpenAIEngine.Config(base_url=start().url, served_name="m")
    served = OpenAIEngine(config, model=ModelRef("card", "/weights", "d1", context_length=99))
    assert served.info().model == ModelRef("card", "m", "", context_length=99)
    other = OpenAIEngine(config, model=ModelRef("card", "/weights", "d2"))
    assert other.model == replace(served.model, context_length=None)


def test_an_adapter_of_vllm_has_the_context_length_of_its_base(start: Start) -> None:
    server = start("vllm")
    server.entry |= {"parent": "base", "max_model_len": None}
    server.entries = [{"id": "base", "max_model_len": 777}]
    assert engine(server).info().context_length == 777


def test_llamacpp_reports_its_context_length_and_file(start: Start) -> None:
    server = start("llamacpp")
    server.entry = {"id": "file.gguf", "owned_by": "llamacpp", "aliases": ["m"], "meta": {"n_ctx": 88, "ftype": "Q4_1"}}
    info = engine(server).info()
    assert info.context_length == 88
    assert "ftype Q4_1" in info.versions["served"]
