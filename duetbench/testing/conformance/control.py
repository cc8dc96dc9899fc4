"""Checks for controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from duetbench.config import build_config
from duetbench.interfaces import Control, ControlContext, ControlledInput, Strategy
from duetbench.testing.conformance.base import Conformance
from duetbench.testing.conformance.checks import is_beginning, require, skip
from duetbench.testing.conformance.prompts import check_no_leaks, check_prompts
from duetbench.testing.conformance.record_parts import check_part
from duetbench.testing.minimal_plugins import MinimalStrategy
from duetbench.testing.probe_scorer import ProbeScorer
from duetbench.testing.small_world import sample_profiles, small_world
from duetbench.types import Interaction, Profile, Profiles, Request, Side

_NEEDS = ("nothing", "window", "profiles", "training")


class _Writer(MinimalStrategy):
    """Writes user and item profiles from five interactions of each history."""

    def writes(self) -> tuple[Side, ...]:
        return ("user", "item")

    def history_needed(self) -> int:
        return 5


class ControlConformance(Conformance):
    """Checks for a control: one result per request, no access to labels, no text of targets."""

    plugin: ClassVar[type[Control]]

    def make(self) -> Control:
        """A fresh instance with the options."""
        control: Control = super().make()
        return control

    def strategy(self) -> Strategy:
        """The strategy whose profiles are controlled for; override it if the control does not apply to this one."""
        return _Writer()

    def _context(self, seed: int = 0) -> ControlContext:
        control, strategy, plain = self.make(), self.strategy(), ProbeScorer()
        changed = dict(control.scorer_options(strategy, plain))
        config, faults = build_config(ProbeScorer.Config, changed, path="scorer")
        require(not faults, "; ".join(faults))
        return ControlContext(strategy, ProbeScorer(config), plain, seed, lambda text: len(text.split()))

    def _apply(self, requests: Sequence[Request], profiles: Sequence[Profiles], seed: int = 0) -> ControlledInput:
        return self.make().apply(requests, profiles, self._context(seed))

    def test_needs_is_known(self) -> None:
        """`needs` is one of nothing, window, profiles and training."""
        require(self.plugin.needs in _NEEDS, f"`needs` must be one of {', '.join(_NEEDS)}, got {self.plugin.needs!r}")

    def test_replaces_a_trainer_only_for_training(self) -> None:
        """`retrained` names a trainer for no trainer unless `needs` is training."""
        if self.make().needs != "training":
            require(self.make().retrained("grpo") is None, "`retrained` has no effect unless `needs` is training")

    def test_one_result_per_request(self) -> None:
        """Each request has a result, in the same order, and its failed profiles stay failed."""
        requests, profiles = self._world()
        result = self._apply(requests, profiles)
        ids = [request.request_id for request in requests]
        require(
            [request.request_id for request in result.requests] == ids, "the requests changed their order or number"
        )
        require(len(result.profiles) == len(ids), f"expected {len(ids)} values of profiles, got {len(result.profiles)}")
        failed = [written.failed for written in result.profiles]
        require(failed == [written.failed for written in profiles], "other requests have failed profiles than before")

    def test_changes_what_the_scorer_reads(self) -> None:
        """The scorer's prompts differ from those without the control."""
        context, (requests, profiles) = self._context(), self._world()
        if self.make().needs == "training" or (
            self.make().needs == "nothing" and context.scorer.config == ProbeScorer().config
        ):
            skip("it changes the training, or only leaves out the profiles")
        result = self.make().apply(requests, profiles, context)
        keys, plain = (
            {prompt.key for prompt in scorer.prompts(*given)}
            for scorer, given in (
                (context.scorer, (result.requests, result.profiles)),
                (context.plain_scorer, (requests, profiles)),
            )
        )
        require(keys != plain, "the scorer's prompts are the same as without the control")

    def test_is_deterministic(self) -> None:
        """The same requests, profiles and seed give the same result."""
        given = self._world()
        require(self._apply(*given, 1) == self._apply(*given, 1), "two calls with one seed give other results")

    def test_adds_no_interaction(self) -> None:
        """Histories hold only interactions that the request had, whole or with the beginning of their texts."""
        requests, profiles = self._world()
        for before, after in zip(requests, self._apply(requests, profiles).requests, strict=True):
            known = (*before.user_history, *before.item_history)
            shown = (*after.user_history, *after.item_history)
            added = [line for line in shown if not any(_is_cut(line, whole) for whole in known)]
            require(not added, f"{before.request_id} has interactions that it had not before")
            require(after.item == before.item, f"{before.request_id} is about another item")

    def test_prompts_contain_no_label_and_no_markup(self) -> None:
        """The scorer's prompts contain no word that only the target's review has, and no unescaped markup."""
        requests, profiles = self._world()
        context = self._context()
        result = self.make().apply(requests, profiles, context)
        prompts = context.scorer.prompts(result.requests, result.profiles)
        check_prompts(prompts, len(requests))
        check_no_leaks(prompts, small_world())

    def record_parts(self) -> dict[str, Any]:
        """Its measures."""
        measures = dict(self._apply(*self._world()).measures)
        check_part("measures", measures)
        return {"measures": measures}

    def _world(self) -> tuple[list[Request], list[Profiles]]:
        """Requests with profiles of all sides, some missing, and one that failed; without any if it reads none."""
        requests = small_world().requests
        if self.make().needs in ("nothing", "window"):
            return requests, [Profiles() for _ in requests]
        profiles = [_numbered(written, n) for n, written in enumerate(sample_profiles(requests))]
        return requests, [*profiles[:-1], Profiles(failed="unreadable")]


def _numbered(written: Profiles, n: int) -> Profiles:
    """The same profiles with a number, so that no two are equal."""
    present = [profile for profile in (written.user, written.item, written.pair) if profile]
    return Profiles.of(Profile(profile.side, f"{profile.text} No. {n}.") for profile in present)


def _is_cut(line: Interaction, whole: Interaction) -> bool:
    """Whether the line is the whole interaction, or one with the beginnings of its texts."""
    texts, item = (line.review, line.item.title), whole.item
    is_part = all(is_beginning(text, full) for text, full in zip(texts, (whole.review, item.title), strict=True))
    categories = line.item.categories
    if not is_part or categories != item.categories[: len(categories)]:
        return False
    return line == replace(whole, review=texts[0], item=replace(item, title=texts[1], categories=categories))
