"""A scorer in the loop that asks a server of its own, over HTTP."""

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


def rates(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The more vowels a prompt has, the higher the rating."""
    text = str(body["messages"][0]["content"])
    share = sum(character in "aeiou" for character in text) / len(text)
    chances = [math.exp(-((label - 1 - 12 * share) ** 2)) for label in range(1, 6)]
    return 200, logprobs_response({str(n + 1): math.log(chance / sum(chances)) for n, chance in enumerate(chances)})


@pytest.fixture
def server():
    made = ChatServer("openai", rates)
    yield made
    made.close()


def scorer_engine(server: ChatServer) -> Engine:
    return OpenAIEngine(OpenAIEngine.Config(base_url=server.url, retries=0), model=ModelRef("served:m", "m", ""))


def working(model: ModelRef, folder: Path, server: ChatServer) -> Any:
    scorer = RatingExpectation(RatingExpectation.Config(history_k=0, prompt_set="compact"))
    return job(model, folder, scorer=scorer, scorer_engine=scorer_engine(server))


def test_the_server_scores_every_round_and_every_evaluation(tiny_ref, tmp_path, server):
    grpo(**THREE).fit(working(tiny_ref, tmp_path, server))
    assert len(server.requests) >= 3 + 4  # rounds, and evaluations with that of the start
    assert all(row["reward"] is not None for row in lines(tmp_path / "curve.jsonl"))
    assert json.loads((tmp_path / "job.json").read_text())["scorer_engine"]["model"] == "served:m"


@pytest.fixture
def whole(tiny_ref, tmp_path, server):
    """A training to which nothing happens; how many requests it takes."""
    grpo(**THREE).fit(working(tiny_ref, tmp_path / "whole", server))
    n_asked = len(server.requests)
    server.requests.clear()
    return n_asked


@pytest.mark.parametrize("at", [0.45, 0.6, 0.7])
def test_a_server_that_breaks_is_a_clear_stop_and_the_training_goes_on(tiny_ref, tmp_path, server, whole, at):
    server.reply = lambda body: rates(body) if len(server.requests) < at * whole else (503, {})
    stopped = r"frozen scorer does not answer .*the same command goes on from there"
    with pytest.raises(TrainingError, match=stopped):
        grpo(**THREE).fit(working(tiny_ref, tmp_path / "broken", server))
    assert list((tmp_path / "broken").glob("checkpoints/checkpoint-*/whole.json"))
    server.reply = rates
    grpo(**THREE).fit(working(tiny_ref, tmp_path / "broken", server))
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("whole", "broken")]
    assert results[0]["model"]["adapter_digest"] == results[1]["model"]["adapter_digest"] is not None


def test_a_server_that_is_not_there_is_a_clear_stop(tiny_ref, tmp_path, server):
    server.close()
    with pytest.raises(TrainingError, match="frozen scorer does not answer"):
        grpo(**THREE).fit(working(tiny_ref, tmp_path, server))
