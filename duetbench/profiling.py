"""Asks a strategy's stages in order, through any engine, and reads the answers into one `Profiles` per request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from duetbench.engines.complete import complete
from duetbench.interfaces import Engine, Stage, Strategy
from duetbench.parsing import why_unreadable
from duetbench.types import Completion, Profile, Profiles, Prompt, Request, Sampling, Side, Status


@dataclass(frozen=True, slots=True)
class ParsedCompletion:
    """One question, what came back and what was read from it: a line of the run's log."""

    key: str
    """The prompt's key."""
    stage: str
    side: Side
    text: str
    """The whole answer, read or not."""
    status: Status
    """`ok` if it was read, else why not."""
    profiles: tuple[Profile, ...]
    """What was read; () unless status is ok."""
    for_requests: tuple[int, ...]
    """Positions of the requests that it serves."""
    prompt_tokens: int
    completion_tokens: int
    dropped_history: int
    """History lines left out so that the prompt fits."""
    cached: bool
    """True if it came from the request store."""
    truncated_slots: int = 0
    """Gaps of a form that ended at their length, not at their tag."""
    error: str = ""


@dataclass(frozen=True)
class WrittenProfiles:
    """What a strategy wrote for a list of requests."""

    profiles: list[Profiles]
    """One per request, same order; `failed` tells why one that should be there is not."""
    answers: list[ParsedCompletion]
    """One per distinct question, in the order of asking."""
    measures: Mapping[str, float | None] = field(default_factory=dict)
    """What the strategy says of its own profiles, such as a rate of invented items; None: no data."""

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many answers ended in which status; a status that did not occur has no entry."""
        return dict(Counter(answer.status for answer in self.answers))

    @cached_property
    def stage_counts(self) -> dict[str, dict[str, int]]:
        """The same for each stage apart."""
        counts: dict[str, Counter[str]] = {}
        for answer in self.answers:
            counts.setdefault(answer.stage, Counter())[answer.status] += 1
        return {stage: dict(counted) for stage, counted in counts.items()}

    @cached_property
    def extra(self) -> dict[str, float | None]:
        """For the record: the strategy's measures, each of several stages apart, and cut gaps if there were any."""
        found = dict(self.measures)
        if len(self.stage_counts) > 1:
            for stage, counts in self.stage_counts.items():
                found |= {f"{stage}_asked": sum(counts.values()), f"{stage}_readable": counts.get("ok", 0)}
        n_cut = sum(answer.truncated_slots for answer in self.answers)
        return found | ({"truncated_slots": n_cut} if n_cut else {})


def write_profiles(
    strategy: Strategy,
    requests: Sequence[Request],
    engine: Engine,
    sampling: Sampling,
    *,
    others: Mapping[str, Engine] | None = None,
    on_done: Callable[[int], None] | None = None,
) -> WrittenProfiles:
    """The profiles for these requests.

    Args:
        strategy: Says what to ask; one without stages leaves all profiles empty and asks nothing.
        requests: They carry no label.
        engine: Each distinct question reaches it once.
        sampling: Temperature, seed and so on; the stage sets the answer's length and where it stops.
        others: Who is asked instead of `engine`, by stage name.
        on_done: Called after each stage with the number of its prompts.

    Returns:
        An answer that the engine cut off, refused or failed is not read at all. A request lacks a profile (`failed`)
        if an answer that serves it could not be read; an unreadable `note` alone does not fail it.
    """
    profiles = [Profiles() for _ in requests]
    answers: list[ParsedCompletion] = []
    earlier: dict[str, Sequence[Profile]] = {}
    for stage in strategy.stages():
        asked = _ask(stage, requests, earlier, (others or {}).get(stage.name, engine), sampling)
        for answer in asked:
            _hand_out(answer, profiles)
        earlier |= {answer.key: answer.profiles for answer in asked if answer.status == "ok"}
        answers += asked
        if on_done:
            on_done(len(asked))
    return WrittenProfiles(profiles, answers, strategy.measures(requests, profiles))


def parse_completion(stage: Stage, prompt: Prompt, completion: Completion) -> ParsedCompletion:
    """A completion with what the stage reads from it."""
    found = stage.parse(prompt, completion.text) if completion.status == "ok" else None
    return ParsedCompletion(
        key=prompt.key,
        stage=stage.name,
        side=prompt.side,
        text=completion.text,
        status="ok" if found is not None else why_unreadable(completion, prefill=prompt.prefill),
        profiles=tuple(found or ()),
        for_requests=prompt.for_requests,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        dropped_history=completion.dropped_history,
        cached=completion.cached,
        truncated_slots=completion.truncated_slots,
        error=completion.error,
    )


def _ask(
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


def _hand_out(answer: ParsedCompletion, profiles: list[Profiles]) -> None:
    for position in answer.for_requests:
        if answer.status == "ok":
            for profile in answer.profiles:
                profiles[position] = profiles[position].with_profile(profile)
        elif answer.side != "note" and profiles[position].failed is None:
            profiles[position] = replace(profiles[position], failed=answer.status)
