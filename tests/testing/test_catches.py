"""The checks catch what they are there for: each broken plugin fails exactly the check named beside it."""

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
from duetbench.testing.conformance import Conformance
from duetbench.testing.minimal_plugins import _MinimalStage
from duetbench.testing.trainer import TrainerConformance
from duetbench.training.none import NoTraining
from duetbench.types import Domain, Message, Prediction, Profile, Prompt

_COUNTER = itertools.count()


def _failed(conformance: type[Conformance], plugin: type[Plugin]) -> set[str]:
    made = type("Checked", (conformance,), {"plugin": plugin})()
    return {result.check.removeprefix("test_") for result in made.run() if result.outcome == "fail"}


def _strategy(**changes: Any) -> type[Plugin]:
    """The plain strategy with a changed stage."""
    stage = type("Changed", (_MinimalStage,), changes)
    return type("Strategy", (MinimalStrategy,), {"stages": lambda self: (stage(),)})


def _asked(change: Callable[[Prompt, Sequence[Any]], Prompt]) -> type[Plugin]:
    """The plain strategy with changed prompts."""

    def prompts(self: Stage, requests: Any, earlier: Any) -> list[Prompt]:
        return [change(prompt, requests) for prompt in _MinimalStage.prompts(self, requests, earlier)]  # type: ignore[arg-type]

    return _strategy(prompts=prompts)


def _saying(prompt: Prompt, text: str) -> Prompt:
    messages = (*prompt.messages, Message("user", text))
    return replace(prompt, messages=messages, key=prompt_key(messages))


def _raw_prompts(self: Stage, requests: Any, earlier: Any) -> list[Prompt]:
    asked = [(Message("user", " ".join(line.review for line in request.user_history)),) for request in requests]
    return [Prompt(prompt_key(turns), "user", turns, (n,)) for n, turns in enumerate(asked)]


def _skips_newcomers(self: Stage, requests: Any, earlier: Any) -> list[Prompt]:
    return [
        prompt for prompt in _MinimalStage.prompts(self, requests, earlier) if "Album" in prompt.messages[0].content
    ]  # type: ignore[arg-type]


def _guess(self: Stage, prompt: Prompt, text: str) -> list[Profile]:
    return _MinimalStage.parse(self, prompt, text) or [Profile("user", "An average person with average taste.")]  # type: ignore[arg-type]


def _slow(self: Stage, prompt: Prompt, text: str) -> None:
    _ = len(text) > 50_000 and sum(n * n for n in range(3_000_000))


STRATEGIES = {
    "no_label_and_no_markup_reaches_a_prompt": _asked(lambda p, _: _saying(p, small_world().canaries[0])),
    "prompts_are_deterministic": _asked(lambda p, _: _saying(p, f"{next(_COUNTER)}")),
    "prompts_do_not_depend_on_neighbours": _asked(lambda p, requests: _saying(p, f"one of {len(requests)}")),
    "prompts_do_not_depend_on_order": _asked(lambda p, requests: _saying(p, requests[0].request_id)),
    "prompts_are_well_formed": _asked(lambda p, _: replace(p, key="same")),
    "every_request_is_served": _strategy(prompts=_skips_newcomers),
    "equal_requests_share_prompts": _strategy(prompts=_raw_prompts),
    "bad_answers_are_never_guessed": _strategy(parse=_guess),
    "nothing_is_read_from_nothing": _strategy(parse=_guess),
    "stages_are_well_formed": type("Strategy", (MinimalStrategy,), {"stages": lambda self: [_MinimalStage()]}),
    "good_answers_are_read": _strategy(parse=lambda self, prompt, text: [Profile("user", "")]),
    "no_requests_ask_nothing": _strategy(
        prompts=lambda self, requests, earlier: [Prompt("k", "user", (Message("user", "Hello"),), ())]
    ),
    "answers_are_read_with_and_without_the_stop": _strategy(
        stop=("</end>",),
        parse=lambda self, prompt, text: (
            None if text.endswith("</end>") or "</profile>" not in text else [Profile("user", "warm")]
        ),
    ),
    "unreadable_earlier_answers_are_survived": _strategy(
        prompts=lambda self, requests, earlier: [] if not requests else [earlier["gone"]]
    ),
    "it_fits_into_a_record": type(
        "Strategy", (MinimalStrategy,), {"measures": lambda self, requests, profiles: {"rate": [0.5]}}
    ),
    "reading_is_deterministic": _strategy(parse=lambda self, prompt, text: [Profile("user", f"{next(_COUNTER)}")]),
}


@pytest.mark.parametrize("check", STRATEGIES)
def test_broken_strategy_is_caught(check: str) -> None:
    assert check in _failed(CONFORMANCE["strategy"], STRATEGIES[check])


def test_slow_reading_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.testing.strategy._MOST_SECONDS", 0.05)
    made = type("Checked", (CONFORMANCE["strategy"],), {"plugin": _strategy(parse=_slow)})()
    with pytest.raises(AssertionError, match="to read"):
        made.test_reading_is_fast()


def test_good_strategy_passes() -> None:
    assert _failed(CONFORMANCE["strategy"], MinimalStrategy) == set()


def _scorer(change: Callable[[int, Prediction, Sequence[Any]], Prediction], **more: Any) -> type[Plugin]:
    """The plain scorer with changed predictions."""

    def score(self: MinimalScorer, requests: Any, profiles: Any, engine: Any) -> list[Prediction]:
        found = MinimalScorer.score(self, requests, profiles, engine)
        return [change(n, prediction, requests) for n, prediction in enumerate(found)]

    return type("Scorer", (MinimalScorer,), {"score": score, **more})


def _defaulted(n: int, prediction: Prediction, requests: Sequence[Any]) -> Prediction:
    return prediction if prediction.value is not None else Prediction(3.0)


SCORERS = {
    "garbage_is_never_a_rating": _scorer(_defaulted),
    "failed_calls_keep_their_status": _scorer(
        lambda n, p, _: p if p.value is not None else Prediction(None, "unreadable", "rating")
    ),
    "one_prediction_per_request": _scorer(lambda n, p, _: replace(p, value=p.value and p.value + 4)),
    "scores_are_deterministic": _scorer(lambda n, p, _: replace(p, value=p.value and 1 + (next(_COUNTER) % 997) / 997)),
    "scores_do_not_depend_on_neighbours": _scorer(lambda n, p, _: replace(p, value=p.value and 1 + n / 100)),
    "no_requests_no_predictions": type("Scorer", (MinimalScorer,), {"score": lambda *_: [Prediction(3.0)]}),
    "prompts_are_well_formed_and_safe": type("Scorer", (MinimalScorer,), {"prompts": _raw_prompts}),
    "order_of_training_rows_hardly_matters": type(
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
def test_broken_scorer_is_caught(check: str) -> None:
    assert check in _failed(CONFORMANCE["scorer"], SCORERS[check])


def test_good_scorer_passes() -> None:
    assert _failed(CONFORMANCE["scorer"], MinimalScorer) == set()


def _reward(call: Callable[..., Any]) -> type[Plugin]:
    return type("Reward", (MinimalReward,), {"__call__": lambda self, rollouts: call(rollouts)})


REWARDS = {
    "one_number_per_rollout": _reward(lambda rollouts: [float("nan") for _ in rollouts]),
    "no_rollouts_no_numbers": _reward(lambda rollouts: [1.0] * max(len(rollouts), 1)),
    "rewards_are_deterministic": _reward(lambda rollouts: [float(next(_COUNTER)) for _ in rollouts]),
    "rewards_follow_their_rollouts": _reward(lambda rollouts: [float(n) for n in range(len(rollouts))]),
    "being_wrong_never_pays": _reward(
        lambda rollouts: [abs((each.prediction.value or 0) - each.example.rating) for each in rollouts]
    ),
    "being_degenerate_never_pays": _reward(lambda rollouts: [float(len(each.completion)) for each in rollouts]),
    "being_unreadable_never_pays": _reward(lambda rollouts: [float(not each.readable) for each in rollouts]),
}


@pytest.mark.parametrize("check", REWARDS)
def test_broken_reward_is_caught(check: str) -> None:
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
    "it_fits_into_a_record": _metric(lambda predicted, truth: {"raw": None}, name="n"),
}


@pytest.mark.parametrize("check", METRICS)
def test_broken_metric_is_caught(check: str) -> None:
    assert check in _failed(CONFORMANCE["metric"], METRICS[check])


def test_good_metric_passes() -> None:
    assert _failed(CONFORMANCE["metric"], _Spread) == set()


class _Unstable(DummyEngine):
    """Answers by the clock and ignores order."""

    def generate(self, prompts: Any, sampling: Any) -> Any:
        answers = super().generate(prompts, sampling)
        rng = Random(next(_COUNTER))
        return [replace(answer, text=f"{answer.text}{rng.random()}") for answer in answers]


class _Forgetful(DummyEngine):
    """Loses the prefill and the last prompt."""

    def generate(self, prompts: Any, sampling: Any) -> Any:
        answers = super().generate(prompts, sampling)[:-1]
        return [replace(answer, text="words") for answer in answers]


class _Overlong(DummyEngine):
    """Reads labels above 1, batches that overlap, and stops nowhere."""

    def label_logprobs(self, prompts: Any, answer_prefix: Any, labels: Any) -> Any:
        return [replace(each, logprobs=(0.0,) * len(labels)) for each in super().label_logprobs(prompts, "", labels)]

    def batches(self, prompts: Any, max_tokens: int) -> list[list[int]]:
        return [[0, 1], list(range(1, len(prompts)))]

    def generate(self, prompts: Any, sampling: Any) -> Any:
        return super().generate(prompts, replace(sampling, stop=()))


ENGINES = [
    (_Unstable, "greedy_answers_are_deterministic"),
    (_Unstable, "answers_come_in_order"),
    (_Unstable, "samples_follow_the_seed"),
    (_Forgetful, "one_completion_per_prompt"),
    (_Overlong, "labels_are_read"),
    (_Overlong, "batches_are_a_partition"),
    (_Overlong, "stop_texts_end_answers"),
]


@pytest.mark.parametrize(("engine", "check"), ENGINES)
def test_broken_engine_is_caught(engine: type[Plugin], check: str) -> None:
    assert check in _failed(CONFORMANCE["engine"], engine)


def test_a_cut_prompt_is_caught() -> None:
    """An engine that answers beyond its context without counting what it dropped."""
    small = type("Small", (DummyEngine,), {"info": lambda self: replace(DummyEngine.info(self), context_length=50)})
    assert _failed(CONFORMANCE["engine"], small) == {"long_prompts_lose_history_or_fail"}


class _Careless(NoTraining):
    """Returns a folder that does not exist, another one each time, and touches the model's own."""

    def fit(self, job: Any) -> Any:
        if job.model.path:
            (Path(job.model.path) / "scratch").write_text(f"{next(_COUNTER)}")
        return replace(job.model, path="/nowhere", digest=f"{next(_COUNTER)}")


def test_careless_trainer_is_caught(tmp_path: Path) -> None:
    model = replace(dummy_model(), path=str(tmp_path))
    conformance = type("Checked", (TrainerConformance,), {"model": model})
    assert _failed(conformance, _Careless) == {
        "it_returns_a_model_that_is_there",
        "the_same_job_gives_the_same_weights",
        "the_job_is_left_as_it_was",
    }


class _Sloppy(Dataset):
    """Nulls, ratings off the scale, items twice, and nonsense read as data."""

    name = "sloppy"
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


def test_sloppy_dataset_is_caught(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("x")
    conformance = type("Checked", (CONFORMANCE["dataset"],), {"raw": tmp_path})
    assert _failed(conformance, _Sloppy) >= {
        "domain_is_well_formed",
        "missing_files_are_named",
        "default_steps_exist",
        "tables_are_canonical",
        "reading_is_deterministic",
        "damaged_files_are_refused",
    }


class _Untidy(MinimalReward):
    """No summary, an option without a meaning, and one that JSON cannot hold."""

    summary = ""

    @dataclass
    class Config:
        """Options that may be changed."""

        mute: float = float("nan")


def test_untidy_options_are_caught() -> None:
    failed = _failed(CONFORMANCE["reward"], _Untidy)
    assert failed >= {"says_what_it_is", "options_have_defaults_and_meanings", "options_survive_a_record"}


def test_heavy_import_is_caught(tmp_path: Path) -> None:
    from duetbench.plugins import Plugins

    text = (Path(__file__).parents[2] / "plugins" / "right_side.py").read_text()
    (tmp_path / "heavy.py").write_text(re.sub(r"\n\nfrom duetbench", "\nimport polars\nfrom duetbench", text, count=1))
    plugin = Plugins([tmp_path], environ={}).get("reward", "right_side").cls
    assert _failed(CONFORMANCE["reward"], plugin) == {"import_is_light"}
