"""Applies the control of a cell to what its scorer reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from duetbench.errors import DataError, NotApplicable, PluginError
from duetbench.interfaces import Control, ControlContext, ControlledInput, Engine, Scorer
from duetbench.profiling import ParsedCompletion, write_profiles
from duetbench.runner.planning.cells import Cell
from duetbench.types import Profiles, Prompt, Request, Sampling

CHARS_PER_TOKEN = 4
"""Approximate, for English text; toy-lm has one token per word and needs fewer."""
_N_DONORS = 3


def apply_control(
    cell: Cell, requests: Sequence[Request], profiles: Sequence[Profiles], count_tokens: Callable[[str], int]
) -> ControlledInput:
    """What the scorer reads under the cell's control; without one, the requests and profiles as they are.

    Raises:
        NotApplicable: the control is impossible with these requests, or the scorer shows nothing of what it changes.
        PluginError: it did not return one request and one value of profiles per request, or changed which ones failed.
    """
    spec, writing = cell.control, cell.writing
    if spec is None or writing is None:
        return ControlledInput(requests, profiles)
    control: Control = spec.choice.make()
    plain: Scorer = cell.scorer.make()
    scorer: Scorer = spec.scorer.make()
    context = ControlContext(writing.strategy.make(), scorer, plain, cell.seed, count_tokens)
    try:
        result = control.apply(requests, profiles, context)
    except DataError as error:
        raise NotApplicable(str(error)) from error
    _check_result(spec.name, requests, profiles, result)
    if spec.needs == "training":
        return result
    before = ControlledInput(requests, profiles)
    share = _changed_share(_prompt_keys(scorer, result), _prompt_keys(plain, before))
    if share == 0 and _read_values(result) != _read_values(before):
        same = "without the control" if spec.needs == "profiles" else "in the row of no_profile"
        raise NotApplicable(
            f"the prompts of scorer '{spec.scorer.name}' show nothing of what control '{spec.name}' changes: they are "
            f"the same as {same}"
        )
    return result._replace(measures={**result.measures, "changed_prompts": share})


def controlled_prompts(cell: Cell, requests: Sequence[Request], position: int, engine: Engine) -> list[Prompt]:
    """The prompts of the scorer for one request under the cell's control; the profiles that it needs are written first.

    A control that exchanges profiles gets those of a few other requests: which one it takes may differ from a run's.

    Args:
        cell: A cell with a control.
        requests: All requests of the split.
        position: The request.
        engine: Writes the profiles.

    Raises:
        DataError: the profiles of the request failed, or the control is impossible with these requests.
    """
    assert cell.control is not None
    assert cell.writing is not None
    chosen = [requests[position], *_others(requests, position)] if cell.writes_profiles else [requests[position]]
    profiles, answers = [Profiles() for _ in chosen], list[ParsedCompletion]()
    if cell.writes_profiles:
        spec = cell.writing.sampling
        sampling = Sampling(spec.temperature, spec.top_p, seed=cell.seed)
        written = write_profiles(cell.writing.strategy.make(), chosen, engine, sampling)
        profiles, answers = written.profiles, written.answers
        if profiles[0].failed:
            raise DataError(f"the profiles of {chosen[0].request_id} are {profiles[0].failed}: the scorer is not asked")
    result = apply_control(cell, chosen, profiles, token_counter(engine, answers))
    scorer: Scorer = cell.control.scorer.make()
    return scorer.prompts(result.requests[:1], result.profiles[:1])


def _others(requests: Sequence[Request], position: int) -> list[Request]:
    """Up to three requests of other users and items, as donors of profiles."""
    others: list[Request] = []
    users, items = {requests[position].user_id}, {requests[position].item.item_id}
    for request in requests:
        if request.user_id not in users and request.item.item_id not in items and len(others) < _N_DONORS:
            others.append(request)
            users.add(request.user_id)
            items.add(request.item.item_id)
    return others


def token_counter(engine: Engine, answers: Sequence[ParsedCompletion]) -> Callable[[str], int]:
    """Counts tokens with the engine's tokenizer; without one, by the length of this model's completions so far."""
    chars = sum(len(answer.text) for answer in answers)
    tokens = sum(answer.completion_tokens for answer in answers)
    chars_per_token = chars / tokens if tokens and chars else CHARS_PER_TOKEN

    def count(text: str) -> int:
        number = engine.count_tokens(text)
        return round(len(text) / chars_per_token) if number is None else number

    return count


def _prompt_keys(scorer: Scorer, given: ControlledInput) -> list[tuple[str, ...]]:
    """The keys of the prompts of each request that reaches the scorer."""
    pairs = [pair for pair in zip(given.requests, given.profiles, strict=True) if pair[1].failed is None]
    keys: list[tuple[str, ...]] = [() for _ in pairs]
    for prompt in scorer.prompts([request for request, _ in pairs], [written for _, written in pairs]):
        for position in prompt.for_requests:
            keys[position] += (prompt.key,)
    return keys


def _changed_share(keys: Sequence[tuple[str, ...]], plain: Sequence[tuple[str, ...]]) -> float | None:
    """The share of requests with other prompts; None: the scorer shows none.

    It is less than 1, and may be 0, where the writer writes the same text for several users or items.
    """
    if not any(plain):
        return None
    return sum(key != other for key, other in zip(keys, plain, strict=True)) / len(plain)


def _read_values(given: ControlledInput) -> list[tuple[object, ...]]:
    """What a scorer may read of each request: histories, averages and texts."""
    return [
        (
            request.user_history,
            request.item_history,
            request.user_average,
            request.item_average,
            *(profile.text if profile else None for profile in (written.user, written.item, written.pair)),
        )
        for request, written in zip(given.requests, given.profiles, strict=True)
    ]


def _check_result(
    name: str, requests: Sequence[Request], profiles: Sequence[Profiles], result: ControlledInput
) -> None:
    ids = [request.request_id for request in requests]
    if [request.request_id for request in result.requests] != ids or len(result.profiles) != len(ids):
        raise PluginError(f"control '{name}' must return each of the {len(ids)} requests and its profiles, in order")
    if [written.failed for written in result.profiles] != [written.failed for written in profiles]:
        raise PluginError(f"control '{name}' changed for which requests the profiles failed")
