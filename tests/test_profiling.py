"""A strategy's stages run in order, and each request gets the profiles that were parsed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from request_making import ScriptedEngine, request

from duetbench.interfaces import Stage, Strategy
from duetbench.profiling import WrittenProfiles, write_profiles
from duetbench.prompts import unique_prompts
from duetbench.strategies.duet import Duet
from duetbench.strategies.ten_h import TenHistory
from duetbench.types import Completion, Message, Profile, Profiles, Prompt, Request, Sampling, Side

GOOD = "<{0}_profile><cue>c</cue><constructed_prompt>p</constructed_prompt><profile>good {0}</profile></{0}_profile>"


class OneWordStage(Stage):
    """One prompt per user; parses any answer except `?`."""

    max_tokens = 7
    stop = ("END",)

    def __init__(self, name: str, side: Side) -> None:
        self.name, self.side = name, side
        self.earlier: Mapping[str, Sequence[Profile]] = {}

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        self.earlier = dict(earlier)
        return unique_prompts(
            self.side, ((n, (Message("user", f"{self.name} {r.user_id}"),)) for n, r in enumerate(requests))
        )

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        return None if text == "?" else [Profile(self.side, text)]


class TwoStages(Strategy):
    name = "two-stages"

    def __init__(self) -> None:
        super().__init__()
        self.both = (OneWordStage("first", "note"), OneWordStage("second", "user"))

    def stages(self) -> tuple[Stage, ...]:
        return self.both


def written(strategy: Strategy, engine: ScriptedEngine, requests: Sequence[Request]) -> WrittenProfiles:
    return write_profiles(strategy, requests, engine, Sampling())


def says(text: str | Completion) -> ScriptedEngine:
    return ScriptedEngine(lambda _: text)


def test_strategy_without_stages_generates_nothing() -> None:
    engine = says("x")
    assert written(TenHistory(), engine, [request()]) == WrittenProfiles([Profiles()], [])
    assert engine.prompts == []


def test_completion_serves_all_its_requests() -> None:
    engine = ScriptedEngine(lambda prompt: GOOD.format(prompt.side))
    result = written(Duet(Duet.Config(joint="cross")), engine, [request(1), request(2)])
    assert len(engine.prompts) == 3
    assert [profiles.user.text for profiles in result.profiles if profiles.user] == ["good user", "good user"]
    assert [profiles.item.text for profiles in result.profiles if profiles.item] == ["good item", "good item"]


def test_unreadable_side_fails_the_requests_that_it_serves() -> None:
    engine = ScriptedEngine(
        lambda prompt: "no tags" if "Album 901" in prompt.messages[-1].content else GOOD.format(prompt.side)
    )
    result = written(Duet(Duet.Config(joint="cross")), engine, [request(1), request(2)])
    assert [profiles.failed for profiles in result.profiles] == ["unreadable", None]
    assert result.counts == {"ok": 2, "unreadable": 1}


def test_statuses_are_counted_separately() -> None:
    answers = iter(
        [
            "no tags",
            "",
            "I'm sorry, I can't help.",
            Completion("<user_profile>", "truncated"),
            Completion("", "error", error="down"),
        ]
    )
    engine = ScriptedEngine(lambda _: next(answers))
    result = written(Duet(), engine, [request(n) for n in range(5)])
    assert result.counts == {"unreadable": 1, "empty": 1, "refused": 1, "truncated": 1, "error": 1}
    assert [profiles.failed for profiles in result.profiles] == ["unreadable", "empty", "refused", "truncated", "error"]
    assert result.answers[-1].error == "down"


def test_truncated_completion_is_not_parsed() -> None:
    result = written(Duet(), says(Completion(GOOD.format("user") + GOOD.format("item"), "truncated")), [request()])
    assert result.profiles == [Profiles(failed="truncated")]


def test_later_stages_receive_profiles_of_earlier_ones() -> None:
    strategy = TwoStages()
    written(strategy, says("a note"), [request()])
    assert [profile.text for profiles in strategy.both[1].earlier.values() for profile in profiles] == ["a note"]


def test_unreadable_note_has_no_entry_and_fails_no_request() -> None:
    strategy = TwoStages()
    engine = ScriptedEngine(lambda prompt: "?" if "first" in prompt.messages[0].content else "profile")
    result = written(strategy, engine, [request()])
    assert strategy.both[1].earlier == {}
    assert result.profiles == [Profiles(user=Profile("user", "profile"))]
    assert result.stage_counts == {"first": {"unreadable": 1}, "second": {"ok": 1}}


def test_stage_sets_length_and_stop_and_the_caller_the_rest() -> None:
    engine = says("x")
    write_profiles(TwoStages(), [request()], engine, Sampling(temperature=0.7, seed=3, max_tokens=999))
    assert engine.samplings[0] == Sampling(temperature=0.7, seed=3, max_tokens=7, stop=("END",))


def test_progress_counts_prompts() -> None:
    done: list[int] = []
    write_profiles(
        TwoStages(), [request(user="anna"), request(user="bert")], says("x"), Sampling(), on_done=done.append
    )
    assert done == [2, 2]


def test_answers_keep_tokens_and_dropped_history() -> None:
    completion = Completion("x", prompt_tokens=11, completion_tokens=2, dropped_history=3, cached=True)
    answer = written(TwoStages(), says(completion), [request()]).answers[0]
    assert (answer.prompt_tokens, answer.completion_tokens, answer.dropped_history, answer.cached) == (11, 2, 3, True)
    assert (answer.stage, answer.side, answer.text, answer.status) == ("first", "note", "x", "ok")


def test_extra_counts_each_stage() -> None:
    engine = ScriptedEngine(lambda prompt: "?" if "first" in prompt.messages[0].content else "profile")
    extra = written(TwoStages(), engine, [request()]).extra
    assert extra == {"first_asked": 1, "first_readable": 0, "second_asked": 1, "second_readable": 1}


def test_extra_counts_truncated_slots() -> None:
    answer = Completion(GOOD.format("user") + GOOD.format("item"), truncated_slots=2)
    assert written(Duet(), says(answer), [request()]).extra == {"truncated_slots": 2}


def test_no_requests_give_no_answers() -> None:
    assert written(Duet(), says("x"), []) == WrittenProfiles([], [])
