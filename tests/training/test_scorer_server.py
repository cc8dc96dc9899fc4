"""A scorer in the training loop that runs on a server, over HTTP."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, logprobs_response
from grpo_runs import grpo, lines
from tiny_world import job

from duetbench.engines.openai.engine import OpenAIEngine
from duetbench.errors import TrainingError
from duetbench.interfaces import Engine
from duetbench.scorers.rating_expectation import RatingExpectation
from duetbench.types import ModelRef

THREE = {"rounds": 3, "evaluate_every": 1, "pairs_per_round": 2}


def rating(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """A reply whose rating rises with the share of vowels in the prompt."""
    text = str(body["messages"][0]["content"])
    share = sum(character in "aeiou" for character in text) / len(text)
    weights = [math.exp(-((label - 1 - 12 * share) ** 2)) for label in range(1, 6)]
    return 200, logprobs_response({str(n + 1): math.log(weight / sum(weights)) for n, weight in enumerate(weights)})


@pytest.fixture
def server():
    chat_server = ChatServer("sglang", rating)
    yield chat_server
    chat_server.close()


def scorer_engine(server: ChatServer) -> Engine:
    return OpenAIEngine(OpenAIEngine.Config(base_url=server.url, retries=0), model=ModelRef("served:m", "m", ""))


def server_job(model: ModelRef, folder: Path, server: ChatServer) -> Any:
    scorer = RatingExpectation(RatingExpectation.Config(history_k=0, prompt_set="compact"))
    return job(model, folder, scorer=scorer, scorer_engine=scorer_engine(server))


def test_the_server_scores_every_round_and_every_evaluation(tiny_ref, tmp_path, server):
    grpo(**THREE).fit(server_job(tiny_ref, tmp_path, server))
    assert len(server.requests) >= 3 + 4  # rounds, and evaluations including that of the untrained weights
    assert all(row["reward"] is not None for row in lines(tmp_path / "curve.jsonl"))
    assert json.loads((tmp_path / "job.json").read_text())["scorer_engine"]["model"] == "served:m"


@pytest.fixture
def n_requests(tiny_ref, tmp_path, server):
    """The number of requests of an uninterrupted training."""
    grpo(**THREE).fit(server_job(tiny_ref, tmp_path / "uninterrupted", server))
    n_sent = len(server.requests)
    server.requests.clear()
    return n_sent


@pytest.mark.parametrize("share", [0.45, 0.6, 0.7])
def test_a_failing_server_stops_the_training_which_can_be_resumed(tiny_ref, tmp_path, server, n_requests, share):
    server.reply = lambda body: rating(body) if len(server.requests) < share * n_requests else (503, {})
    stopped = r"frozen scorer does not answer .*the same command resumes from there"
    with pytest.raises(TrainingError, match=stopped):
        grpo(**THREE).fit(server_job(tiny_ref, tmp_path / "broken", server))
    assert list((tmp_path / "broken").glob("checkpoints/checkpoint-*/whole.json"))
    server.reply = rating
    grpo(**THREE).fit(server_job(tiny_ref, tmp_path / "broken", server))
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("uninterrupted", "broken")]
    assert results[0]["model"]["adapter_digest"] == results[1]["model"]["adapter_digest"] is not None


def test_an_unreachable_server_is_a_clear_error(tiny_ref, tmp_path, server):
    server.close()
    with pytest.raises(TrainingError, match="frozen scorer does not answer"):
        grpo(**THREE).fit(server_job(tiny_ref, tmp_path, server))
