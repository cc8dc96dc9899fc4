"""The conformance checks find faults: each broken plugin fails the check that is its key."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, make_dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from duetbench.interfaces import Dataset, Metric, Plugin, Stage, Tables
from duetbench.prompts import prompt_key
from duetbench.testing import (
    CONFORMANCE,
    DummyEngine,
    MinimalReward,
    MinimalScorer,
    MinimalStrategy,
    dummy_model,
    small_world,
)
from duetbench.testing.conformance.base import Conformance
from duetbench.testing.conformance.trainer import TrainerConformance
from duetbench.testing.minimal_plugins import _MinimalStage
from duetbench.training.none import NoTraining
from duetbench.types import Domain, Interaction, Message, Prediction, Profile, Prompt

_COUNTER = itertools.count()


def _failed(conformance: type[Conformance], plugin: type[Plugin]) -> set[str]:
    checked = type("Checked", (conformance,), {"plugin": plugin})()
    return {result.check.removeprefix("test_") for result in checked.run() if result.outcome == "fail"}


def _strategy(**changes: Any) -> type[Plugin]:
    """The minimal strategy with a changed stage."""
    stage = type("Changed", (_MinimalStage,), changes)
    return type("Strategy", (MinimalStrategy,), {"stages": lambda self: (stage(),)})


def _changed_prompts(change: Callable[[Prompt, Sequence[Any]], Prompt]) -> type[Plugin]:
    """The minimal strategy with changed prompts."""

    def prompts(self: Stage, requests: Any, earlier: Any) -> list[Prompt]:
        return [change(prompt, requests) for prompt in _MinimalStage.prompts(self, requests, earlier)]  # type: ignore[arg-type]

    return _strategy(prompts=prompts)


def _appended(prompt: Prompt, text: str) -> Prompt:
    messages = (*prompt.messages, Message("user", text))
    return replace(prompt, messages=messages, key=prompt_key(messages))


def _raw_prompts(self: Stage, requests: Any, earlier: Any) -> list[Prompt]:
    messages = [(Message("user", " ".join(line.review for line in request.user_history)),) for request in requests]
    return [Prompt(prompt_key(turns), "user", turns, (n,)) for n, turns in enumerate(messages)]


def _skips_cold_starts(self: Stage, requests: Any, earlier: Any) -> list[Prompt]:
    return [
        prompt for prompt in _MinimalStage.prompts(self, requests, earlier) if "Album" in prompt.messages[0].content
    ]  # type: ignore[arg-type]


def _guess(self: Stage, prompt: Prompt, text: str) -> list[Profile]:
    return _MinimalStage.parse(self, prompt, text) or [Profile("user", "An average person with average taste.")]  # type: ignore[arg-type]


def _later(request: Any) -> Interaction:
    """The interaction that is to be predicted."""
    return Interaction(request.user_id, request.item, 5.0, request.asked_at, "planted")


def _slow(self: Stage, prompt: Prompt, text: str) -> None:
    _ = len(text) > 50_000 and sum(n * n for n in range(3_000_000))


STRATEGIES = {
    "prompts_contain_no_label_and_no_markup": _changed_prompts(lambda p, _: _appended(p, small_world().canaries[0])),
    "prompts_are_deterministic": _changed_prompts(lambda p, _: _appended(p, f"{next(_COUNTER)}")),
    "prompts_do_not_depend_on_other_requests": _changed_prompts(
        lambda p, requests: _appended(p, f"one of {len(requests)}")
    ),
    "prompts_do_not_depend_on_the_order": _changed_prompts(lambda p, requests: _appended(p, requests[0].request_id)),
    "prompts_are_well_formed": _changed_prompts(lambda p, _: replace(p, key="same")),
    "every_request_has_a_prompt": _strategy(prompts=_skips_cold_starts),
    "equal_requests_share_prompts": _strategy(prompts=_raw_prompts),
    "malformed_answers_are_not_guessed": _strategy(parse=_guess),
    "blank_answers_are_unreadable": _strategy(parse=_guess),
    "stages_are_well_formed": type("Strategy", (MinimalStrategy,), {"stages": lambda self: [_MinimalStage()]}),
    "well_formed_answers_are_parsed": _strategy(parse=lambda self, prompt, text: [Profile("user", "")]),
    "no_requests_no_prompts": _strategy(
        prompts=lambda self, requests, earlier: [Prompt("k", "user", (Message("user", "Hello"),), ())]
    ),
    "stop_text_does_not_change_the_profiles": _strategy(
        stop=("</end>",),
        parse=lambda self, prompt, text: (
            None if text.endswith("</end>") or "</profile>" not in text else [Profile("user", "warm")]
        ),
    ),
    "stages_work_without_earlier_profiles": _strategy(
        prompts=lambda self, requests, earlier: [] if not requests else [earlier["gone"]]
    ),
    "writer_view_is_part_of_the_request": type(
        "Strategy",
        (MinimalStrategy,),
        {"writer_view": lambda self, request: replace(request, user_history=(_later(request),))},
    ),
    "line_notes_are_on_the_histories": type(
        "Strategy", (MinimalStrategy,), {"line_notes": lambda self, request, earlier: {_later(request): "warm"}}
    ),
    "fits_the_record_schema": type(
        "Strategy", (MinimalStrategy,), {"measures": lambda self, requests, profiles: {"rate": [0.5]}}
    ),
    "parsing_is_deterministic": _strategy(parse=lambda self, prompt, text: [Profile("user", f"{next(_COUNTER)}")]),
}


@pytest.mark.parametrize("check", STRATEGIES)
def test_broken_strategy_fails_the_check(check: str) -> None:
    assert check in _failed(CONFORMANCE["strategy"], STRATEGIES[check])


def test_slow_parsing_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.testing.conformance.strategy._MAX_SECONDS", 0.05)
    checked = type("Checked", (CONFORMANCE["strategy"],), {"plugin": _strategy(parse=_slow)})()
    with pytest.raises(AssertionError, match=r"parsing \d+ characters took"):
        checked.test_parsing_is_fast()


def test_good_strategy_passes() -> None:
    assert _failed(CONFORMANCE["strategy"], MinimalStrategy) == set()


def _scorer(change: Callable[[int, Prediction, Sequence[Any]], Prediction], **more: Any) -> type[Plugin]:
    """The minimal scorer with changed predictions."""

    def score(self: MinimalScorer, requests: Any, profiles: Any, engine: Any) -> list[Prediction]:
        predictions = MinimalScorer.score(self, requests, profiles, engine)
        return [change(n, prediction, requests) for n, prediction in enumerate(predictions)]

    return type("Scorer", (MinimalScorer,), {"score": score, **more})


def _defaulted(n: int, prediction: Prediction, requests: Sequence[Any]) -> Prediction:
    return prediction if prediction.value is not None else Prediction(3.0)


SCORERS = {
    "garbage_answers_are_unreadable": _scorer(_defaulted),
    "failed_calls_keep_their_status": _scorer(
        lambda n, p, _: p if p.value is not None else Prediction(None, "unreadable", "rating")
    ),
    "one_prediction_per_request": _scorer(lambda n, p, _: replace(p, value=p.value and p.value + 4)),
    "predictions_are_deterministic": _scorer(
        lambda n, p, _: replace(p, value=p.value and 1 + (next(_COUNTER) % 997) / 997)
    ),
    "predictions_do_not_depend_on_other_requests": _scorer(lambda n, p, _: replace(p, value=p.value and 1 + n / 100)),
    "no_requests_no_predictions": type("Scorer", (MinimalScorer,), {"score": lambda *_: [Prediction(3.0)]}),
    "prompts_are_well_formed_and_without_leaks": type("Scorer", (MinimalScorer,), {"prompts": _raw_prompts}),
    "fit_does_not_depend_on_the_row_order": type(
        "Scorer",
        (MinimalScorer,),
        {
            "needs_engine": False,
            "fit": lambda self, train, domain: setattr(self, "first", train["rating"][0]),
            "score": lambda self, requests, profiles, engine: [Prediction(self.first) for _ in requests],
        },
    ),
}


@pytest.mark.parametrize("check", SCORERS)
def test_broken_scorer_fails_the_check(check: str) -> None:
    assert check in _failed(CONFORMANCE["scorer"], SCORERS[check])


def test_good_scorer_passes() -> None:
    assert _failed(CONFORMANCE["scorer"], MinimalScorer) == set()


def _reward(call: Callable[..., Any]) -> type[Plugin]:
    return type("Reward", (MinimalReward,), {"__call__": lambda self, rollouts: call(rollouts)})


REWARDS = {
    "one_reward_per_rollout": _reward(lambda rollouts: [float("nan") for _ in rollouts]),
    "no_rollouts_no_rewards": _reward(lambda rollouts: [1.0] * max(len(rollouts), 1)),
    "rewards_are_deterministic": _reward(lambda rollouts: [float(next(_COUNTER)) for _ in rollouts]),
    "rewards_follow_their_rollouts": _reward(lambda rollouts: [float(n) for n in range(len(rollouts))]),
    "wrong_predictions_earn_no_more": _reward(
        lambda rollouts: [abs((rollout.prediction.value or 0) - rollout.example.rating) for rollout in rollouts]
    ),
    "degenerate_completions_earn_no_more": _reward(
        lambda rollouts: [float(len(rollout.completion)) for rollout in rollouts]
    ),
    "unreadable_completions_earn_no_more": _reward(
        lambda rollouts: [float(not rollout.readable) for rollout in rollouts]
    ),
}


@pytest.mark.parametrize("check", REWARDS)
def test_broken_reward_fails_the_check(check: str) -> None:
    assert check in _failed(CONFORMANCE["reward"], REWARDS[check])


def test_good_reward_passes() -> None:
    assert _failed(CONFORMANCE["reward"], MinimalReward) == set()


class _Spread(Metric):
    """The standard deviation of the errors: a plain metric to be broken."""

    name = "spread"
    title = "Spread"
    summary = "standard deviation of the errors"
    lower_is_better = True

    def compute(self, predicted: Any, truth: Any, domain: Any) -> dict[str, Any]:
        return {"raw": float((predicted - truth).std()) if len(truth) else None}


def _metric(compute: Callable[..., Any], **members: Any) -> type[Plugin]:
    return type(
        "Broken", (_Spread,), {"compute": lambda self, predicted, truth, domain: compute(predicted, truth), **members}
    )


def _mean(value: Any) -> float | None:
    return float(value.mean()) if len(value) else None


METRICS = {
    "has_a_title_and_a_direction": type("Broken", (_Spread,), {"title": ""}),
    "has_no_options": type("Broken", (_Spread,), {"Config": make_dataclass("C", [("k", int, 5)], frozen=True)}),
    "numbers_are_finite_or_none": _metric(
        lambda predicted, truth: {"raw": float("inf") if (predicted < 0).any() else None}
    ),
    "no_pairs_have_no_value": _metric(lambda predicted, truth: {"raw": float(len(truth))}),
    "variants_are_always_the_same": _metric(
        lambda predicted, truth: {"raw": _mean(abs(predicted - truth)), **({"few": 1.0} if len(truth) == 1 else {})}
    ),
    "perfect_predictions_are_best": type("Broken", (_Spread,), {"lower_is_better": False}),
    "order_of_pairs_does_not_matter": _metric(
        lambda predicted, truth: {"raw": float(abs(predicted - truth)[0]) if len(truth) else None}
    ),
    "values_are_deterministic": _metric(
        lambda predicted, truth: {"raw": _mean(abs(predicted - truth) * (1 + next(_COUNTER)))}
    ),
    "fits_the_record_schema": _metric(lambda predicted, truth: {"raw": None}, name="n"),
}


@pytest.mark.parametrize("check", METRICS)
def test_broken_metric_is_caught(check: str) -> None:
    assert check in _failed(CONFORMANCE["metric"], METRICS[check])


def test_good_metric_passes() -> None:
    assert _failed(CONFORMANCE["metric"], _Spread) == set()


class _NondeterministicEngine(DummyEngine):
    """Other completions on every call."""

    def generate(self, prompts: Any, sampling: Any) -> Any:
        answers = super().generate(prompts, sampling)
        rng = Random(next(_COUNTER))
        return [replace(answer, text=f"{answer.text}{rng.random()}") for answer in answers]


class _IncompleteEngine(DummyEngine):
    """Completions without the prefill, and none for the last prompt."""

    def generate(self, prompts: Any, sampling: Any) -> Any:
        answers = super().generate(prompts, sampling)[:-1]
        return [replace(answer, text="words") for answer in answers]


class _InvalidEngine(DummyEngine):
    """Label probabilities above 1, overlapping batches, and stop texts that are ignored."""

    def label_logprobs(self, prompts: Any, answer_prefix: Any, labels: Any) -> Any:
        return [
            replace(result, logprobs=(0.0,) * len(labels)) for result in super().label_logprobs(prompts, "", labels)
        ]

    def batches(self, prompts: Any, max_tokens: int) -> list[list[int]]:
        return [[0, 1], list(range(1, len(prompts)))]

    def generate(self, prompts: Any, sampling: Any) -> Any:
        return super().generate(prompts, replace(sampling, stop=()))


class _FixedModelEngine(DummyEngine):
    """Keeps its model."""

    def with_model(self, model: Any) -> Any:
        return _FixedModelEngine(model=replace(model, name="stubborn"))


ENGINES = [
    (_FixedModelEngine, "another_model_keeps_the_options"),
    (_NondeterministicEngine, "greedy_completions_are_deterministic"),
    (_NondeterministicEngine, "completions_come_in_order"),
    (_NondeterministicEngine, "samples_follow_the_seed"),
    (_IncompleteEngine, "one_completion_per_prompt"),
    (_InvalidEngine, "label_logprobs_are_valid"),
    (_InvalidEngine, "batches_are_a_partition"),
    (_InvalidEngine, "stop_texts_end_completions"),
]


@pytest.mark.parametrize(("engine", "check"), ENGINES)
def test_broken_engine_fails_the_check(engine: type[Plugin], check: str) -> None:
    assert check in _failed(CONFORMANCE["engine"], engine)


def test_uncounted_truncation_fails_the_check() -> None:
    """An engine that answers a prompt beyond its context without counting dropped history."""
    small = type("Small", (DummyEngine,), {"info": lambda self: replace(DummyEngine.info(self), context_length=50)})
    assert _failed(CONFORMANCE["engine"], small) == {"long_prompts_lose_history_or_fail"}


class _BrokenTrainer(NoTraining):
    """Returns a missing folder and another digest on every call, and changes the files of the job's model."""

    def fit(self, job: Any) -> Any:
        if job.model.path:
            (Path(job.model.path) / "scratch").write_text(f"{next(_COUNTER)}")
        return replace(job.model, path="/nowhere", digest=f"{next(_COUNTER)}")


def test_broken_trainer_fails_the_checks(tmp_path: Path) -> None:
    model = replace(dummy_model(), path=str(tmp_path))
    conformance = type("Checked", (TrainerConformance,), {"model": model})
    assert _failed(conformance, _BrokenTrainer) == {
        "returned_model_exists",
        "training_is_deterministic",
        "base_model_is_unchanged",
    }


class _BrokenDataset(Dataset):
    """Nulls, ratings outside the scale, duplicate items, and garbage read as data."""

    name = "broken"
    summary = "everything wrong"

    def domain(self) -> Domain:
        return Domain("thing", "things", labels=(5, 1))

    def raw_files(self, folder: Path) -> dict[str, Path]:
        return {"rows": folder / "rows.txt"}

    def default_steps(self) -> tuple[str, ...]:
        return ("no_such_step",)

    def read(self, files: Any) -> Tables:
        import polars as pl

        row = {"user_id": "u", "item_id": "i", "rating": float(next(_COUNTER)), "timestamp": 1}
        item = {"item_id": "i", "title": "t", "categories": ["c"], "description": ""}
        interactions = pl.DataFrame([{**row, "review": None, "summary": ""}], schema_overrides={"review": pl.String})
        return Tables(interactions, pl.DataFrame([item, item]))


def test_broken_dataset_fails_the_checks(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("x")
    conformance = type("Checked", (CONFORMANCE["dataset"],), {"raw": tmp_path})
    assert _failed(conformance, _BrokenDataset) >= {
        "domain_is_well_formed",
        "missing_files_are_named",
        "default_steps_exist",
        "tables_are_canonical",
        "reading_is_deterministic",
        "damaged_files_are_an_error",
    }


class _UndescribedReward(MinimalReward):
    """No summary, and an option without a description whose value JSON cannot represent."""

    summary = ""

    @dataclass
    class Config:
        """Not frozen."""

        undescribed: float = float("nan")


def test_undescribed_options_fail_the_checks() -> None:
    failed = _failed(CONFORMANCE["reward"], _UndescribedReward)
    assert failed >= {"has_a_summary", "options_have_defaults_and_descriptions", "options_survive_serialization"}


def test_heavy_import_fails_the_check(tmp_path: Path) -> None:
    from duetbench.plugins import Plugins

    text = (Path(__file__).parents[2] / "plugins" / "directional_accuracy.py").read_text()
    (tmp_path / "heavy.py").write_text(re.sub(r"\n\nfrom duetbench", "\nimport polars\nfrom duetbench", text, count=1))
    plugin = Plugins([tmp_path], environ={}).get("reward", "directional_accuracy").cls
    assert _failed(CONFORMANCE["reward"], plugin) == {"import_is_light"}
