"""Edge cases that the code released with DUET reads as the option `parse: official` does, and those that differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from request_making import ScriptedEngine, request

from duetbench.config import build_config
from duetbench.parsing import parse_official_fields
from duetbench.profiling import parse_completion
from duetbench.scorers.rating_text import RatingText
from duetbench.strategies.duet import Duet
from duetbench.types import Completion, Domain, Profiles

GOLDEN = Path(__file__).parent / "official_golden"
Rule = Literal["strict", "official"]
RULES: tuple[Rule, ...] = ("strict", "official")


def expected(kind: str) -> dict[str, dict[str, Any]]:
    cases: dict[str, dict[str, Any]] = yaml.safe_load((GOLDEN / kind / "expected.yaml").read_text(encoding="utf-8"))
    return cases


def text_of(kind: str, name: str) -> str:
    return (GOLDEN / kind / f"{name}.txt").read_text(encoding="utf-8")


def read_profiles(text: str, rule: Rule) -> list[str] | None:
    stage = Duet(Duet.Config(parse=rule)).stages()[0]
    profiles = stage.parse(stage.prompts([request()], {})[0], text)
    return [profile.text for profile in profiles] if profiles is not None else None


def read_rating(text: str, rule: Rule) -> float | None:
    scorer = RatingText(RatingText.Config(parse=rule))
    return scorer.score([request()], [Profiles()], ScriptedEngine(lambda _prompt: text))[0].value


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", expected("profiles"))
def test_profiles_are_read_as_the_golden_file_says(name: str, rule: Rule) -> None:
    assert read_profiles(text_of("profiles", name), rule) == expected("profiles")[name][rule]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", expected("ratings"))
def test_ratings_are_read_as_the_golden_file_says(name: str, rule: Rule) -> None:
    assert read_rating(text_of("ratings", name), rule) == expected("ratings")[name][rule]


@pytest.mark.parametrize(("kind", "n", "n_different"), [("profiles", 13, 5), ("ratings", 11, 4)])
def test_the_rules_differ_in_these_classes_only(kind: str, n: int, n_different: int) -> None:
    cases = expected(kind)
    assert sorted(path.stem for path in (GOLDEN / kind).glob("*.txt")) == sorted(cases)
    assert len(cases) == n
    assert sum(case["strict"] != case["official"] for case in cases.values()) == n_different


def test_official_ignores_fields_outside_blocks_and_an_unclosed_field() -> None:
    text = "<profile>outside</profile><user_profile><profile>open <profile>a</profile></user_profile>"
    assert parse_official_fields(text, ["profile"], ["user_profile"]) == {
        "user_profile": {"profile": "open <profile>a"}
    }
    assert parse_official_fields("<user_profile><profile>open", ["profile"], ["user_profile"]) is None


def test_official_reads_without_a_stop_string_so_that_later_blocks_can_count() -> None:
    assert Duet(Duet.Config(parse="official")).stages()[0].stop == ()
    engine = ScriptedEngine(lambda _prompt: "<rating>4.00</rating>")
    RatingText(RatingText.Config(parse="official")).score([request()], [Profiles()], engine)
    assert engine.samplings[0].stop == ()


def test_official_reads_completions_that_were_cut_after_the_last_field() -> None:
    text = text_of("profiles", "as_requested")
    for rule, status in (("strict", "truncated"), ("official", "ok")):
        stage = Duet(Duet.Config(parse=rule)).stages()[0]  # type: ignore[arg-type]
        prompt = stage.prompts([request()], {})[0]
        assert parse_completion(stage, prompt, Completion(text, status="truncated")).status == status


def test_official_ratings_need_the_scale_1_to_5() -> None:
    scorer = RatingText(RatingText.Config(parse="official"))
    fault = scorer.fault(Domain("film", "films", tuple(range(1, 11))), None)
    assert fault is not None
    assert "10" in fault
    assert scorer.fault(Domain("film", "films"), None) is None


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (RatingText.Config, {"parse": "official", "decimals": "any"}),
        (Duet.Config, {"show_averages": False, "average_decimals": 1}),
    ],
)
def test_an_option_without_effect_is_refused(config: type, values: dict[str, Any]) -> None:
    assert "has no effect" in build_config(config, values, path="p")[1][0]
