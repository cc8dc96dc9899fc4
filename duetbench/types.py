"""The plain values that travel from one part to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Side = Literal["user", "item", "pair", "note"]
"""Whom a text speaks of; a `note` is working material that no scorer ever sees."""

Status = Literal["ok", "unreadable", "truncated", "refused", "empty", "error"]
"""How a call ended. Only `ok` carries a value; the others are counted apart and never guessed."""

Split = Literal["train", "valid", "test"]


@dataclass(frozen=True, slots=True)
class Domain:
    """What is rated, and on which scale."""

    noun: str
    """One of them, as prompts name it: `business`, `album`, `book`."""
    plural: str
    """Several of them."""
    labels: tuple[int, ...] = (1, 2, 3, 4, 5)
    """The scale, ascending; its ends are the bounds of every prediction."""

    @property
    def rating_range(self) -> int:
        """The largest possible distance between two ratings (M in Definition 2 of the paper)."""
        return self.labels[-1] - self.labels[0]


@dataclass(frozen=True, slots=True)
class Item:
    """What may be known of an item before anybody rates it."""

    item_id: str
    title: str
    categories: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One user's rating of one item at a time, as a line of a history."""

    user_id: str
    item: Item
    rating: float
    timestamp: int
    """Seconds since 1970, UTC."""
    review: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What a strategy may see. It carries no label: a strategy cannot leak what it is not given."""

    request_id: str
    """`SPLIT:ROW`, stable for one prepared dataset."""
    user_id: str
    item: Item
    asked_at: int
    """Seconds since 1970, UTC; both histories lie strictly before it (tie rule `stable`: or earlier in file order)."""
    domain: Domain
    user_history: tuple[Interaction, ...] = ()
    """What the user rated, oldest first."""
    item_history: tuple[Interaction, ...] = ()
    """Who else rated the item, oldest first; never the user of this request."""
    user_average: float | None = None
    """Mean over all that the user rated before; None if nothing."""
    item_average: float | None = None
    """Mean over all ratings of the item by others before; None if none."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request with its true rating."""

    request: Request
    rating: float
    review: str = ""
    """What the user wrote along with it; empty in test rows. For a trainer's judge alone: no writer may read it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str
    droppable: tuple[tuple[int, int], ...] = ()
    """Spans (start, end) of `content`, in the order in which they may be dropped when the prompt is too long."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One gap of a form: literal text, then what the model writes up to `stop`; the stop text is the next literal's."""

    literal: str
    stop: str
    max_tokens: int
    """0: the literal stands alone and the model is not asked; so a form can end with its last tag."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked, once, for one or more requests."""

    key: str
    """Same key, same messages: a digest of the content."""
    side: Side
    messages: tuple[Message, ...]
    for_requests: tuple[int, ...] = ()
    """Positions, in the list of requests, of those that the answer serves."""
    prefill: str = ""
    """The answer's beginning, given to the model and counted as part of its answer."""
    response_template: tuple[Slot, ...] = ()
    """If not empty, the answer is filled in gap by gap: tags are never the model's to forget."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a completion is drawn."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these; the stop text itself is kept out of it."""
    seed: int = 0
    sample_index: int = 0
    """Which of several samples for the same prompt this is; part of the draw and of the store's key."""
    is_slot: bool = False
    """A gap of a form: it may stay empty, and at `max_tokens` it ends like at a stop."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back for one prompt."""

    text: str
    """The prefill and what followed it."""
    status: Status = "ok"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    dropped_history: int = 0
    """How many history lines were left out so that the prompt fits."""
    error: str = ""
    cached: bool = False
    """True if it came from the request store."""
    truncated_slots: int = 0
    """How many gaps of a form ended at their length instead of at their stop."""


@dataclass(frozen=True, slots=True)
class LabelLogprobs:
    """The probabilities of the labels after one prompt."""

    logprobs: tuple[float, ...]
    """Natural logarithms over the whole vocabulary, one per label; empty unless status is ok."""
    status: Status = "ok"
    prompt_tokens: int = 0
    dropped_history: int = 0
    error: str = ""
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """The text written for a user, for an item, or a rationale for the pair."""

    side: Side
    text: str
    notes: Mapping[str, str] = field(default_factory=dict)
    """What led to it: cue, constructed prompt, cited items."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles that serve one request; a side that a strategy does not write is None."""

    user: Profile | None = None
    item: Profile | None = None
    pair: Profile | None = None
    failed: Status | None = None
    """Why a profile that should be there is not; None if nothing is missing."""

    @classmethod
    def of(cls, written: Iterable[Profile]) -> Profiles:
        """These profiles alone; the last one of a side counts."""
        found = cls()
        for profile in written:
            found = found.with_profile(profile)
        return found

    def with_profile(self, profile: Profile) -> Profiles:
        """These profiles with one more; a `note` changes nothing."""
        match profile.side:
            case "user":
                return replace(self, user=profile)
            case "item":
                return replace(self, item=profile)
            case "pair":
                return replace(self, pair=profile)
            case "note":
                return self


@dataclass(frozen=True, slots=True)
class Prediction:
    """A rating predicted for one request."""

    value: float | None
    """On the domain's scale, not rounded; None unless status is ok."""
    status: Status = "ok"
    failed_at: Literal["profile", "rating"] | None = None
    """Which step failed; None if none did."""
    text: str = ""
    """What the model answered, if it was asked for text."""
    probabilities: tuple[float, ...] = ()
    """One per label, summing to 1, if labels were read."""
    label_mass: float | None = None
    """Share of the next-token probability that fell on labels at all: a gauge of validity."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which weights: a plain value that can be recorded."""

    name: str
    """Card name, or `path:DIR`."""
    path: str
    """Folder with config, tokenizer and safetensors; or the served model's name for an HTTP engine."""
    digest: str
    """SHA-256 over the weight files; empty for a served model."""
    adapter: str | None = None
    """Folder of a peft adapter."""
    adapter_digest: str | None = None
    template_args: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the chat template, from the model's card (Qwen3: thinking off)."""
    context_length: int | None = None
    """From the card; None: what the model's own config says."""

    @property
    def base(self) -> ModelRef:
        """The same weights without the adapter."""
        return replace(self, adapter=None, adapter_digest=None) if self.adapter else self


@dataclass(frozen=True, slots=True)
class TrainedModels:
    """What a training of several models leaves."""

    writer: ModelRef
    """Writes the last stage."""
    stages: Mapping[str, ModelRef] = field(default_factory=dict)
    """Who writes earlier stages, by name; a stage that is missing is written by the untrained model."""
    scorer: ModelRef | None = None
    """Who predicts; None: the untrained model, as for everybody."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine is and can do; all of it but `settings` is part of every key of the request store."""

    name: str
    versions: Mapping[str, str]
    model: ModelRef
    dtype: str
    template_digest: str
    """SHA-256 of the chat template and its arguments."""
    context_length: int
    labels: Literal["exact", "top_k", "text_only"] = "exact"
    adapters: bool = False
    prefix_cache: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Values that the engine chose for options left to it (`auto`, None), such as the device. They are recorded, but
    are no part of the store's keys: answers do not depend on them beyond rounding."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled completion with all that a reward may look at."""

    example: Example
    completion: str
    profiles: Profiles
    """What the strategy read from the completion, and the partner's side where sides are asked apart."""
    prediction: Prediction
    readable: bool = True
    """False if the strategy could not read the completion."""
