"""Checks for strategies."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from duetbench.interfaces import Stage, Strategy
from duetbench.profiling import write_profiles
from duetbench.testing.conformance import Conformance, require, skip
from duetbench.testing.dummy import GARBAGE, DummyEngine, GarbageEngine
from duetbench.testing.prompts import check_prompts, check_safe
from duetbench.testing.record_parts import check_part
from duetbench.testing.small_world import HOSTILE, small_world
from duetbench.types import Profile, Prompt, Request, Sampling

_BLANK = ("", " ", "\n\n\t", "\u200b")
_SIDES = ("user", "item", "pair", "note")
_MOST_SECONDS = 2.0


@dataclass(frozen=True)
class StageRound:
    """One stage's round: what was asked, answered and read."""

    stage: Stage
    prompts: list[Prompt]
    answers: list[str]
    read: list[list[Profile] | None]


class StrategyConformance(Conformance):
    """Checks for a strategy: what it asks, and how it reads answers."""

    def make(self) -> Strategy:
        """A fresh instance with the options."""
        strategy: Strategy = super().make()
        return strategy

    def answer(self, stage: Stage, prompt: Prompt) -> str:
        """A good answer to this prompt; override it if the dummy engine cannot guess the form."""
        return DummyEngine().generate([prompt], Sampling(max_tokens=stage.max_tokens, stop=stage.stop))[0].text

    def ask(self, requests: Sequence[Request]) -> list[StageRound]:
        """All rounds over these requests, answered in good form."""
        rounds: list[StageRound] = []
        earlier: dict[str, Sequence[Profile]] = {}
        for stage in self.make().stages():
            prompts = stage.prompts(requests, earlier)
            answers = [self.answer(stage, prompt) for prompt in prompts]
            read = [stage.parse(prompt, text) for prompt, text in zip(prompts, answers, strict=True)]
            rounds.append(StageRound(stage, prompts, answers, read))
            earlier |= {prompt.key: found for prompt, found in zip(prompts, read, strict=True) if found is not None}
        return rounds

    def record_parts(self) -> dict[str, Any]:
        """The digests of its prompts, and what it measures of profiles, readable and unreadable ones."""
        strategy, requests = self.make(), small_world().requests
        good = write_profiles(strategy, requests, DummyEngine(), Sampling())
        bad = write_profiles(strategy, requests, GarbageEngine(), Sampling())
        measures = [strategy.measures(requests, written.profiles) for written in (good, bad)]
        names = [sorted(measured) for measured in measures]
        require(names[0] == names[1], f"measures() has other names where nothing was read: {names}")
        check_part("measures", measures[1])
        return {"prompts": strategy.prompt_digests(), "measures": measures[0]}

    def _rounds(self) -> list[StageRound]:
        rounds = self.ask(small_world().requests)
        if not rounds:
            skip("it writes nothing: stages() is empty")
        return rounds

    def _answered(self) -> list[StageRound]:
        """The rounds in which something was asked; a stage may find that it needs to ask nothing."""
        return [asked for asked in self._rounds() if asked.prompts]

    def test_stages_are_well_formed(self) -> None:
        """Stages come as a tuple, the same each time, with distinct names and a bound on the answer's length."""
        stages = self.make().stages()
        require(isinstance(stages, tuple), f"stages() returns a {type(stages).__name__}, not a tuple")
        require(all(isinstance(stage, Stage) for stage in stages), "stages() holds something that is no Stage")
        names = [stage.name for stage in stages]
        require(len(set(names)) == len(names), f"two stages share a name: {', '.join(names)}")
        require(all(stage.max_tokens > 0 for stage in stages), "a stage's max_tokens is not positive")
        require([stage.name for stage in self.make().stages()] == names, "the next instance has other stages")

    def test_prompts_are_well_formed(self) -> None:
        """Each question is asked once, under its own key, for requests that exist."""
        n_requests = len(small_world().requests)
        for asked in self._rounds():
            check_prompts(asked.prompts, n_requests)

    def test_every_request_is_served(self) -> None:
        """Every request is served by some prompt, newcomers without any history too."""
        requests = small_world().requests
        served = {n for asked in self._rounds() for prompt in asked.prompts for n in prompt.for_requests}
        left_out = [request.request_id for n, request in enumerate(requests) if n not in served]
        require(not left_out, f"no prompt serves {', '.join(left_out)}")

    def test_no_requests_ask_nothing(self) -> None:
        """No requests, no prompts."""
        require(all(not stage.prompts([], {}) for stage in self.make().stages()), "it asks something for nobody")

    def test_prompts_are_deterministic(self) -> None:
        """The same requests give the same prompts."""
        first, second = self._rounds(), self._rounds()
        same = [a.prompts == b.prompts for a, b in zip(first, second, strict=True)]
        require(all(same), "two runs over the same requests ask different things: draw from Random(seed) if at all")

    def test_prompts_do_not_depend_on_order(self) -> None:
        """Requests in another order are asked the same."""
        requests = small_world().requests
        self._rounds()
        require(
            _questions(self.ask(requests), requests) == _questions(self.ask(requests[::-1]), requests[::-1]),
            "requests in reverse order are asked something else",
        )

    def test_prompts_do_not_depend_on_neighbours(self) -> None:
        """A request alone is asked what it is asked among others: other requests are unknown to it."""
        requests = small_world().requests
        together = _questions(self._rounds(), requests)
        for request in requests:
            alone = _questions(self.ask([request]), [request])
            require(alone[request.request_id] == together[request.request_id], f"{request.request_id} differs alone")

    def test_equal_requests_share_prompts(self) -> None:
        """A second request with the same content adds no prompt."""
        requests = small_world().requests
        more = [*requests, replace(requests[0], request_id="test:2000")]
        counts = [len(asked.prompts) for asked in self._rounds()]
        require([len(asked.prompts) for asked in self.ask(more)] == counts, "equal requests are asked twice")

    def test_no_label_and_no_markup_reaches_a_prompt(self) -> None:
        """No prompt holds a word that only the target's review has, nor live markup from anybody's review."""
        for asked in self._rounds():
            check_safe(asked.prompts, small_world())

    def test_unreadable_earlier_answers_are_survived(self) -> None:
        """A later stage copes when no earlier answer could be read."""
        for stage in self.make().stages():
            check_prompts(stage.prompts(small_world().requests, {}), len(small_world().requests))

    def test_good_answers_are_read(self) -> None:
        """An answer in the form asked for is read into profiles with a side and a text."""
        for asked in self._answered():
            found = [profile for profiles in asked.read if profiles is not None for profile in profiles]
            if not found:
                skip(f"the dummy engine's answers do not fit stage '{asked.stage.name}': override `answer`")
            for profile in found:
                _check_profile(profile)

    def test_reading_is_deterministic(self) -> None:
        """The same answer is read the same way twice."""
        for asked in self._answered():
            again = [asked.stage.parse(p, text) for p, text in zip(asked.prompts, asked.answers, strict=True)]
            require(again == asked.read, f"stage '{asked.stage.name}' reads one answer in two ways")

    def test_answers_are_read_with_and_without_the_stop(self) -> None:
        """Engines leave the stop text out, other servers leave it in: both are read alike."""
        for asked in self._answered():
            prompt, text, read = asked.prompts[0], asked.answers[0], asked.read[0]
            for stop in asked.stage.stop:
                same = stop in text or asked.stage.parse(prompt, text + stop) == read
                require(same, f"{stop!r} at the end changes what is read")

    def test_nothing_is_read_from_nothing(self) -> None:
        """An empty or blank answer is unreadable."""
        for asked in self._answered():
            for text in _BLANK:
                read = asked.stage.parse(asked.prompts[0], text)
                require(read is None, f"stage '{asked.stage.name}' reads {read!r} from the blank answer {text!r}")

    def test_bad_answers_are_never_guessed(self) -> None:
        """Garbage, cut-off and twisted answers are unreadable, or read as words that stand in them; never an error."""
        for asked in self._answered():
            for text in _twisted(asked.answers[0]):
                read = asked.stage.parse(asked.prompts[0], text)
                require(read is None or read, f"stage '{asked.stage.name}' reads an empty list: return None instead")
                for profile in read or ():
                    _check_profile(profile)
                    _check_quoted(profile, text)

    def test_reading_is_fast(self) -> None:
        """Endless or deeply nested answers are read in no time."""
        for asked in self._answered():
            for text in (asked.answers[0] * 2000, "<profile>" * 20_000, "{" * 50_000, "<" * 100_000):
                start = time.process_time()
                asked.stage.parse(asked.prompts[0], text)
                seconds = time.process_time() - start
                require(seconds < _MOST_SECONDS, f"{len(text)} characters took {seconds:.1f} s to read")


def _questions(rounds: Sequence[StageRound], requests: Sequence[Request]) -> dict[str, set[str]]:
    """The keys that serve each request."""
    found: dict[str, set[str]] = {request.request_id: set() for request in requests}
    for asked in rounds:
        for prompt in asked.prompts:
            for n in prompt.for_requests:
                found[requests[n].request_id].add(prompt.key)
    return found


def _twisted(answer: str) -> list[str]:
    """Bad answers: garbage, every kind of cut, duplicated, fenced, upper case, reversed, hostile."""
    cuts = [answer[: len(answer) * n // 8] for n in range(8)]
    fenced = f"```xml\n{answer}\n```"
    thinking = f"<think>{answer[: len(answer) // 2]}"
    return [*GARBAGE, *cuts, answer * 2, fenced, thinking, answer.upper(), answer[::-1], *HOSTILE]


def _check_profile(profile: Profile) -> None:
    require(isinstance(profile, Profile), f"{type(profile).__name__} is no Profile")
    require(profile.side in _SIDES, f"a profile's side is {profile.side!r}")
    require(isinstance(profile.text, str) and profile.text.strip(), "a profile's text is empty: return None instead")
    notes = [*profile.notes.keys(), *profile.notes.values()]
    require(all(isinstance(note, str) for note in notes), "a profile's notes hold something that is no text")


def _check_quoted(profile: Profile, answer: str) -> None:
    """At least half of the profile's words stand in the answer; fixed captions between them are fine."""
    known = set(re.findall(r"\w+", answer.casefold()))
    words = re.findall(r"\w+", profile.text.casefold())
    share = sum(word in known for word in words) / len(words) if words else 1.0
    require(share >= 0.5, f"the profile {profile.text[:60]!r} does not stand in the answer {answer[:60]!r}")
