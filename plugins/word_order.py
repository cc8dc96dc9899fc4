"""A control: the words of each profile in random order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Control, ControlContext, ControlledInput
from duetbench.types import Profile, Profiles, Request


class WordOrder(Control):
    """The same words without their sentences: what remains of an effect is due to the vocabulary alone."""

    name = "word_order"
    summary = "the scorer reads the words of each profile in random order"
    source = "Sinha et al., Unnatural Language Inference, ACL 2021"
    needs = "profiles"

    def apply(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
    ) -> ControlledInput:
        return ControlledInput(requests, [self._permuted(written, context.seed) for written in profiles])

    def _permuted(self, written: Profiles, seed: int) -> Profiles:
        for profile in (written.user, written.item, written.pair):
            if profile is not None:
                written = written.with_profile(_permuted_words(profile, seed))
        return written


def _permuted_words(profile: Profile, seed: int) -> Profile:
    """The same order for the same text, so that equal profiles stay equal."""
    words = profile.text.split()
    Random(f"{seed} {profile.text}").shuffle(words)
    return replace(profile, text=" ".join(words))


@hookimpl
def duetbench_register_controls() -> list[type[Control]]:
    return [WordOrder]
