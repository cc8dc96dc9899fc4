"""Runs a strategy's stages in order on an engine and parses the completions into one `Profiles` per request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from duetbench.engines.complete import complete
from duetbench.interfaces import Engine, Stage, Strategy
from duetbench.parsing import failure_status
from duetbench.types import Completion, Profile, Profiles, Prompt, Request, Sampling, Side, Status


@dataclass(frozen=True, slots=True)
class ParsedCompletion:
    """A completion with its prompt's key and the profiles parsed from it: one line of the run's log."""

    key: str
    """The prompt's key."""
    stage: str
    side: Side
    text: str
    """The full completion, parsed or not."""
    status: Status
    """`ok` if it was parsed, else the reason why not."""
    profiles: tuple[Profile, ...]
    """The parsed profiles; () unless status is ok."""
    for_requests: tuple[int, ...]
    """Positions of the requests that it serves."""
    prompt_tokens: int
    completion_tokens: int
    dropped_history: int
    """History lines left out so that the prompt fits."""
    cached: bool
    """True if it came from the request store."""
    truncated_slots: int = 0
    """Slots of a response template that ended at their token limit instead of at their stop string."""
    error: str = ""


@dataclass(frozen=True)
class WrittenProfiles:
    """The profiles that a strategy wrote for a list of requests."""

    profiles: list[Profiles]
    """One per request, same order; `failed` holds the reason if a profile is missing."""
    answers: list[ParsedCompletion]
    """One per unique prompt, in the order of generation."""
    measures: Mapping[str, float | None] = field(default_factory=dict)
    """The strategy's own measurements of its profiles, such as a rate of invented items; None: no data."""

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of completions per status; a status that did not occur has no entry."""
        return dict(Counter(answer.status for answer in self.answers))

    @cached_property
    def stage_counts(self) -> dict[str, dict[str, int]]:
        """The number of completions per stage and status."""
        counters: dict[str, Counter[str]] = {}
        for answer in self.answers:
            counters.setdefault(answer.stage, Counter())[answer.status] += 1
        return {stage: dict(counter) for stage, counter in counters.items()}

    @cached_property
    def extra(self) -> dict[str, float | None]:
        """Extra values of the record: the strategy's measures, counts of each of several stages, truncated slots."""
        values = dict(self.measures)
        if len(self.stage_counts) > 1:
            for stage, counts in self.stage_counts.items():
                values |= {f"{stage}_asked": sum(counts.values()), f"{stage}_readable": counts.get("ok", 0)}
        n_truncated = sum(answer.truncated_slots for answer in self.answers)
        return values | ({"truncated_slots": n_truncated} if n_truncated else {})


def write_profiles(
    strategy: Strategy,
    requests: Sequence[Request],
    engine: Engine,
    sampling: Sampling,
    *,
    stage_engines: Mapping[str, Engine] | None = None,
    on_done: Callable[[int], None] | None = None,
) -> WrittenProfiles:
    """The profiles that a strategy writes for these requests.

    Args:
        strategy: Builds the prompts; one without stages generates nothing and leaves all profiles empty.
        requests: They carry no label.
        engine: Receives each unique prompt once.
        sampling: Temperature, seed and so on; the stage sets `max_tokens` and `stop`.
        stage_engines: Engines to use instead of `engine`, by stage name.
        on_done: Called after each stage with the number of its prompts.

    Returns:
        A completion that was truncated, refused or failed is not parsed. A request lacks a profile (`failed`) if a
        completion that serves it could not be parsed; an unreadable `note` alone does not fail it.
    """
    profiles = [Profiles() for _ in requests]
    answers: list[ParsedCompletion] = []
    earlier: dict[str, Sequence[Profile]] = {}
    for stage in strategy.stages():
        stage_answers = _run_stage(stage, requests, earlier, (stage_engines or {}).get(stage.name, engine), sampling)
        for answer in stage_answers:
            _assign_profiles(answer, profiles)
        earlier |= {answer.key: answer.profiles for answer in stage_answers if answer.status == "ok"}
        answers += stage_answers
        if on_done:
            on_done(len(stage_answers))
    profiles = [
        replace(written, line_notes=strategy.line_notes(request, earlier))
        for written, request in zip(profiles, requests, strict=True)
    ]
    return WrittenProfiles(profiles, answers, strategy.measures(requests, profiles))


def parse_completion(stage: Stage, prompt: Prompt, completion: Completion) -> ParsedCompletion:
    """A completion with the profiles that the stage parses from it."""
    is_readable = completion.status == "ok" or (completion.status == "truncated" and stage.reads_truncated)
    profiles = stage.parse(prompt, completion.text) if is_readable else None
    return ParsedCompletion(
        key=prompt.key,
        stage=stage.name,
        side=prompt.side,
        text=completion.text,
        status="ok" if profiles is not None else failure_status(completion, prefill=prompt.prefill),
        profiles=tuple(profiles or ()),
        for_requests=prompt.for_requests,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        dropped_history=completion.dropped_history,
        cached=completion.cached,
        truncated_slots=completion.truncated_slots,
        error=completion.error,
    )


def _run_stage(
    stage: Stage,
    requests: Sequence[Request],
    earlier: Mapping[str, Sequence[Profile]],
    engine: Engine,
    sampling: Sampling,
) -> list[ParsedCompletion]:
    prompts = stage.prompts(requests, earlier)
    limits = replace(sampling, max_tokens=stage.max_tokens, stop=stage.stop)
    completions = complete(engine, prompts, limits)
    return [
        parse_completion(stage, prompt, completion) for prompt, completion in zip(prompts, completions, strict=True)
    ]


def _assign_profiles(answer: ParsedCompletion, profiles: list[Profiles]) -> None:
    """Sets the parsed profiles, or the reason of the failure, of every request that the completion serves."""
    for position in answer.for_requests:
        if answer.status == "ok":
            for profile in answer.profiles:
                profiles[position] = profiles[position].with_profile(profile)
        elif answer.side != "note" and profiles[position].failed is None:
            profiles[position] = replace(profiles[position], failed=answer.status)
