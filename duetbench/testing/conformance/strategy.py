"""Checks for strategies."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from duetbench.interfaces import Stage, Strategy
from duetbench.profiling import write_profiles
from duetbench.testing.conformance.base import Conformance
from duetbench.testing.conformance.checks import is_beginning, require, skip
from duetbench.testing.conformance.prompts import check_no_leaks, check_prompts
from duetbench.testing.conformance.record_parts import check_part
from duetbench.testing.dummy import GARBAGE, DummyEngine, GarbageEngine
from duetbench.testing.small_world import HOSTILE, small_world
from duetbench.types import Interaction, Profile, Prompt, Request, Sampling

_BLANK = ("", " ", "\n\n\t", "\u200b")
_SIDES = ("user", "item", "pair", "note")
_MAX_SECONDS = 2.0


@dataclass(frozen=True)
class StageRun:
    """The prompts of one stage, with an answer to each and the profiles parsed from it."""

    stage: Stage
    prompts: list[Prompt]
    answers: list[str]
    profiles: list[list[Profile] | None]


class StrategyConformance(Conformance):
    """Checks for a strategy: its prompts, and how it parses answers."""

    def make(self) -> Strategy:
        """A fresh instance with the options."""
        strategy: Strategy = super().make()
        return strategy

    def answer(self, stage: Stage, prompt: Prompt) -> str:
        """A well-formed answer to this prompt; override it if the dummy engine's answers lack the required format."""
        return DummyEngine().generate([prompt], Sampling(max_tokens=stage.max_tokens, stop=stage.stop))[0].text

    def run_stages(self, requests: Sequence[Request]) -> list[StageRun]:
        """All stages on these requests, with well-formed answers."""
        runs: list[StageRun] = []
        earlier: dict[str, Sequence[Profile]] = {}
        for stage in self.make().stages():
            prompts = stage.prompts(requests, earlier)
            answers = [self.answer(stage, prompt) for prompt in prompts]
            parsed = [stage.parse(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
            runs.append(StageRun(stage, prompts, answers, parsed))
            pairs = zip(prompts, parsed, strict=True)
            earlier |= {prompt.key: profiles for prompt, profiles in pairs if profiles is not None}
        return runs

    def record_parts(self) -> dict[str, Any]:
        """The digests of its prompt files, and its measures of readable and of unreadable profiles."""
        strategy, requests = self.make(), small_world().requests
        good = write_profiles(strategy, requests, DummyEngine(), Sampling())
        bad = write_profiles(strategy, requests, GarbageEngine(), Sampling())
        readable, unreadable = (strategy.measures(requests, written.profiles) for written in (good, bad))
        names = [sorted(readable), sorted(unreadable)]
        require(names[0] == names[1], f"measures() has other names without readable profiles: {names}")
        check_part("measures", unreadable)
        return {"prompts": strategy.prompt_digests(), "measures": readable}

    def _runs(self) -> list[StageRun]:
        runs = self.run_stages(small_world().requests)
        if not runs:
            skip("it writes no profile: stages() is empty")
        return runs

    def _runs_with_prompts(self) -> list[StageRun]:
        """The stages with at least one prompt; a stage may need none for these requests."""
        return [run for run in self._runs() if run.prompts]

    def test_stages_are_well_formed(self) -> None:
        """`stages()` returns the same stages on every call, with distinct names and max_tokens > 0."""
        stages = self.make().stages()
        require(isinstance(stages, tuple), f"stages() must return a tuple, got a {type(stages).__name__}")
        require(all(isinstance(stage, Stage) for stage in stages), "stages() must contain only Stage instances")
        names = [stage.name for stage in stages]
        require(len(set(names)) == len(names), f"two stages have the same name: {', '.join(names)}")
        require(all(stage.max_tokens > 0 for stage in stages), "max_tokens of a stage must be > 0")
        require([stage.name for stage in self.make().stages()] == names, "a second call gives other stages")

    def test_prompts_are_well_formed(self) -> None:
        """Each distinct prompt occurs once, with its own key, for requests that exist."""
        n_requests = len(small_world().requests)
        for run in self._runs():
            check_prompts(run.prompts, n_requests)

    def test_every_request_has_a_prompt(self) -> None:
        """Every request has a prompt, also those of users and items without a history."""
        requests = small_world().requests
        served = {n for run in self._runs() for prompt in run.prompts for n in prompt.for_requests}
        missing = [request.request_id for n, request in enumerate(requests) if n not in served]
        require(not missing, f"there is no prompt for {', '.join(missing)}")

    def test_no_requests_no_prompts(self) -> None:
        """Without requests there are no prompts."""
        require(all(not stage.prompts([], {}) for stage in self.make().stages()), "it returns prompts without requests")

    def test_writer_view_is_part_of_the_request(self) -> None:
        """`writer_view` returns the request with some of its interactions and averages, cut or rounded, or whole."""
        strategy = self.make()
        for request in small_world().requests:
            view = strategy.writer_view(request)
            whole = replace(
                view,
                user_history=request.user_history,
                item_history=request.item_history,
                user_average=request.user_average,
                item_average=request.item_average,
            )
            require(whole == request, f"the view of {request.request_id} has another user, item or time")
            known = (*request.user_history, *request.item_history)
            lines = (*view.user_history, *view.item_history)
            added = [line for line in lines if not any(_is_cut_review(line, whole) for whole in known)]
            require(not added, f"the view of {request.request_id} has interactions that the request lacks")
            pairs = ((view.user_average, request.user_average), (view.item_average, request.item_average))
            is_known = all(seen is None or (mean is not None and abs(seen - mean) <= 0.5) for seen, mean in pairs)
            require(is_known, f"the view of {request.request_id} has averages that the request lacks")

    def test_line_notes_are_on_the_histories(self) -> None:
        """`line_notes` has texts only on interactions of the request's histories."""
        requests = small_world().requests
        written = write_profiles(self.make(), requests, DummyEngine(), Sampling())
        for request, profiles in zip(requests, written.profiles, strict=True):
            lines = profiles.line_notes.keys() - {*request.user_history, *request.item_history}
            require(not lines, f"line_notes of {request.request_id} are on interactions outside its histories")

    def test_writes_names_the_sides_of_its_profiles(self) -> None:
        """`writes()` names the sides of the profiles that well-formed answers give to the scorer."""
        profiles = [profile for run in self._runs() for parsed in run.profiles for profile in parsed or ()]
        written = {profile.side for profile in profiles} - {"note"}
        if not written:
            skip("the dummy engine's answers do not have the required format: override `answer`")
        named = set(self.make().writes())
        require(named == written, f"writes() names {sorted(named)}, its profiles are of {sorted(written)}")

    def test_prompts_are_deterministic(self) -> None:
        """The same requests give the same prompts."""
        is_same = [a.prompts == b.prompts for a, b in zip(self._runs(), self._runs(), strict=True)]
        require(all(is_same), "two runs on the same requests have different prompts: draw only from Random(seed)")

    def test_prompts_do_not_depend_on_the_order(self) -> None:
        """Requests in another order have the same prompts."""
        requests = small_world().requests
        forward = _prompt_keys(self._runs(), requests)
        backward = _prompt_keys(self.run_stages(requests[::-1]), requests[::-1])
        require(forward == backward, "requests in reverse order have other prompts")

    def test_prompts_do_not_depend_on_other_requests(self) -> None:
        """The prompts of a request are the same alone and among other requests."""
        requests = small_world().requests
        together = _prompt_keys(self._runs(), requests)
        for request in requests:
            name, alone = request.request_id, _prompt_keys(self.run_stages([request]), [request])
            require(alone[name] == together[name], f"{name} has other prompts alone than among other requests")

    def test_equal_requests_share_prompts(self) -> None:
        """A second request with the same content adds no prompt."""
        requests = small_world().requests
        repeated = [*requests, replace(requests[0], request_id="test:2000")]
        counts = [len(run.prompts) for run in self._runs()]
        require([len(run.prompts) for run in self.run_stages(repeated)] == counts, "equal requests have two prompts")

    def test_prompts_contain_no_label_and_no_markup(self) -> None:
        """No prompt contains a word that only the target's review has, or unescaped markup from a review."""
        for run in self._runs():
            check_no_leaks(run.prompts, small_world())

    def test_stages_work_without_earlier_profiles(self) -> None:
        """A later stage has valid prompts if all earlier answers were unreadable."""
        for stage in self.make().stages():
            check_prompts(stage.prompts(small_world().requests, {}), len(small_world().requests))

    def test_well_formed_answers_are_parsed(self) -> None:
        """Well-formed answers are parsed into profiles with a side and a text."""
        for run in self._runs_with_prompts():
            parsed = [profile for profiles in run.profiles if profiles is not None for profile in profiles]
            if not parsed:
                skip(f"the dummy engine's answers lack the format of stage '{run.stage.name}': override `answer`")
            for profile in parsed:
                _check_profile(profile)

    def test_parsing_is_deterministic(self) -> None:
        """The same answer gives the same profiles on every call."""
        for run in self._runs_with_prompts():
            second = [run.stage.parse(p, answer) for p, answer in zip(run.prompts, run.answers, strict=True)]
            require(second == run.profiles, f"stage '{run.stage.name}' parses the same answer differently")

    def test_stop_text_does_not_change_the_profiles(self) -> None:
        """Answers are parsed alike with and without the stop text, which some servers include."""
        for run in self._runs_with_prompts():
            prompt, answer, profiles = run.prompts[0], run.answers[0], run.profiles[0]
            for stop in run.stage.stop:
                is_same = stop in answer or run.stage.parse(prompt, answer + stop) == profiles
                require(is_same, f"{stop!r} at the end of an answer changes its profiles")

    def test_blank_answers_are_unreadable(self) -> None:
        """Empty and blank answers are unreadable."""
        for run in self._runs_with_prompts():
            for answer in _BLANK:
                profiles = run.stage.parse(run.prompts[0], answer)
                require(profiles is None, f"stage '{run.stage.name}' parses {profiles!r} from the answer {answer!r}")

    def test_malformed_answers_are_not_guessed(self) -> None:
        """Garbage, truncated and altered answers are unreadable, or give profiles with their words; never an error."""
        for run in self._runs_with_prompts():
            for answer in _malformed(run.answers[0]):
                profiles = run.stage.parse(run.prompts[0], answer)
                require(profiles is None or profiles, f"stage '{run.stage.name}' returns []: return None instead")
                for profile in profiles or ():
                    _check_profile(profile)
                    _check_words(profile, answer)

    def test_parsing_is_fast(self) -> None:
        """Very long and deeply nested answers are parsed in less than 2 seconds."""
        for run in self._runs_with_prompts():
            for answer in (run.answers[0] * 2000, "<profile>" * 20_000, "{" * 50_000, "<" * 100_000):
                start = time.process_time()
                run.stage.parse(run.prompts[0], answer)
                seconds = time.process_time() - start
                require(seconds < _MAX_SECONDS, f"parsing {len(answer)} characters took {seconds:.1f} s")


def _prompt_keys(runs: Sequence[StageRun], requests: Sequence[Request]) -> dict[str, set[str]]:
    """The keys of the prompts of each request, by request id."""
    keys: dict[str, set[str]] = {request.request_id: set() for request in requests}
    for run in runs:
        for prompt in run.prompts:
            for n in prompt.for_requests:
                keys[requests[n].request_id].add(prompt.key)
    return keys


def _is_cut_review(line: Interaction, whole: Interaction) -> bool:
    return is_beginning(line.review, whole.review) and line == replace(whole, review=line.review)


def _malformed(answer: str) -> list[str]:
    """Variants of an answer: truncated, duplicated, fenced, upper case, reversed; and garbage and hostile answers."""
    cuts = [answer[: len(answer) * n // 8] for n in range(8)]
    fenced = f"```xml\n{answer}\n```"
    thinking = f"<think>{answer[: len(answer) // 2]}"
    return [*GARBAGE, *cuts, answer * 2, fenced, thinking, answer.upper(), answer[::-1], *HOSTILE]


def _check_profile(profile: Profile) -> None:
    require(isinstance(profile, Profile), f"expected a Profile, got a {type(profile).__name__}")
    require(profile.side in _SIDES, f"the side of a profile must be one of {_SIDES}, got {profile.side!r}")
    require(isinstance(profile.text, str) and profile.text.strip(), "a profile has no text: return None instead")
    notes = [*profile.notes.keys(), *profile.notes.values()]
    require(all(isinstance(note, str) for note in notes), "the notes of a profile must be text")


def _check_words(profile: Profile, answer: str) -> None:
    """Requires that at least half of the profile's words are in the answer; the rest may be fixed headings."""
    known = set(re.findall(r"\w+", answer.casefold()))
    words = re.findall(r"\w+", profile.text.casefold())
    share = sum(word in known for word in words) / len(words) if words else 1.0
    require(share >= 0.5, f"the profile {profile.text[:60]!r} is not from the answer {answer[:60]!r}")
