"""Applies the control of a cell to what its scorer reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from duetbench.errors import DataError, PluginError
from duetbench.interfaces import Control, ControlContext, ControlledInput, Engine, Scorer
from duetbench.profiling import ParsedCompletion
from duetbench.runner.planning.cells import Cell, ControlSpec
from duetbench.types import Profiles, Request

CHARS_PER_TOKEN = 4
"""Approximate, for English text; toy-lm has one token per word and needs fewer."""


def apply_control(
    cell: Cell, requests: Sequence[Request], profiles: Sequence[Profiles], count_tokens: Callable[[str], int]
) -> ControlledInput:
    """What the scorer reads under the cell's control; without one, the requests and profiles as they are.

    Raises:
        DataError: the control is impossible with these requests, or changes no prompt.
        PluginError: it did not return one request and one value of profiles per request, or changed which ones failed.
    """
    spec, writing = cell.control, cell.writing
    if spec is None or writing is None:
        return ControlledInput(requests, profiles)
    control: Control = spec.choice.make()
    plain: Scorer = cell.scorer.make()
    scorer: Scorer = spec.scorer.make()
    context = ControlContext(writing.strategy.make(), scorer, plain, cell.seed, count_tokens)
    result = control.apply(requests, profiles, context)
    _check_result(spec.name, requests, profiles, result)
    if spec.needs != "training" and (spec.needs != "nothing" or spec.changed):
        _check_effect(
            spec, scorer.prompts(*_readable(result)), plain.prompts(*_readable(ControlledInput(requests, profiles)))
        )
    return result


def token_counter(engine: Engine, answers: Sequence[ParsedCompletion]) -> Callable[[str], int]:
    """Counts tokens with the engine's tokenizer; without one, by the length of this model's completions so far."""
    chars = sum(len(answer.text) for answer in answers)
    tokens = sum(answer.completion_tokens for answer in answers)
    chars_per_token = chars / tokens if tokens and chars else CHARS_PER_TOKEN

    def count(text: str) -> int:
        number = engine.count_tokens(text)
        return round(len(text) / chars_per_token) if number is None else number

    return count


def _readable(given: ControlledInput) -> tuple[list[Request], list[Profiles]]:
    """The requests that reach a scorer, and their profiles."""
    pairs = [
        (request, written)
        for request, written in zip(given.requests, given.profiles, strict=True)
        if written.failed is None
    ]
    return [request for request, _ in pairs], [written for _, written in pairs]


def _check_result(
    name: str, requests: Sequence[Request], profiles: Sequence[Profiles], result: ControlledInput
) -> None:
    ids = [request.request_id for request in requests]
    if [request.request_id for request in result.requests] != ids or len(result.profiles) != len(ids):
        raise PluginError(
            f"control '{name}' did not return one request and its profiles for each of {len(ids)} requests"
        )
    if [written.failed for written in result.profiles] != [written.failed for written in profiles]:
        raise PluginError(f"control '{name}' changed for which requests the profiles failed")


def _check_effect(spec: ControlSpec, prompts: Sequence[object], plain: Sequence[object]) -> None:
    """Refuses a control under which the scorer reads the same as without it."""
    if plain and list(prompts) == list(plain):
        raise DataError(
            f"control '{spec.name}' changes no prompt of scorer '{spec.scorer.name}': it has no effect here"
        )
