"""Plain values that the parts of duetbench exchange."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from duetbench.scales import label_text, mapped, nearest, normalized, scale_text, step_of, steps_text

Side = Literal["user", "item", "pair", "note"]
"""What a text describes: a user, an item, or their pair. A `note` is intermediate output that no scorer reads."""

Status = Literal["ok", "unreadable", "truncated", "refused", "empty", "error"]
"""How a model call ended. Only `ok` carries a value; every other status is counted separately."""

Split = Literal["train", "valid", "test"]

TEMPORALLY_UNSAFE = "not safe against leakage from the future"
"""How data is marked whose splits or histories do not follow time; see `Prepared.temporal_leakage`."""

Decision = Literal["mean", "median", "mode"]
"""Which value of the label probabilities is the predicted rating; see `duetbench.evaluation.decision`."""

MetricValues = Mapping[str, float | Mapping[str, float | None] | None]
"""Values of one metric by variant, such as the rounding of predictions; where a variant has variants of its own, such
as averages over classes, a mapping of those. None: there is no data to compute the value from."""


@dataclass(frozen=True, slots=True)
class Domain:
    """What is rated, and on which scale."""

    noun: str
    """Singular, as prompts name it: `business`, `album`, `book`."""
    plural: str
    """Plural of `noun`."""
    labels: tuple[float, ...] = (1, 2, 3, 4, 5)
    """The rating scale, ascending, of any numbers; its ends bound every prediction. Whole ones become int."""
    original: tuple[float, ...] = ()
    """The scale of the data, if `labels` is another one that its ratings were mapped to: metrics are computed on the
    original scale. Empty: `labels` is the scale of the data."""

    def __post_init__(self) -> None:
        """Makes whole numbers int."""
        object.__setattr__(self, "labels", normalized(self.labels))
        object.__setattr__(self, "original", normalized(self.original))

    @property
    def rating_range(self) -> float:
        """The largest possible distance between two ratings (M in Definition 2 of the paper)."""
        return self.labels[-1] - self.labels[0]

    @property
    def label_texts(self) -> tuple[str, ...]:
        """The labels as prompts and answers write them: decimals only where they exist."""
        return tuple(map(label_text, self.labels))

    @property
    def step(self) -> float | None:
        """The distance between neighbouring labels; None if it is not the same everywhere."""
        return step_of(self.labels)

    @property
    def steps(self) -> str:
        """What a prompt adds to the ends of the scale: ` in steps of 0.5`; empty for steps of 1."""
        return steps_text(self.labels)

    @property
    def scale(self) -> str:
        """The scale in words: `1 to 5`, `0.5 to 5 in steps of 0.5`."""
        return scale_text(self.labels)

    @property
    def is_whole(self) -> bool:
        """Whether all labels are whole numbers."""
        return all(isinstance(label, int) for label in self.labels)

    @property
    def answer_form(self) -> str:
        """How prompts write a rating with two decimals: `d.dd`; `d.dd or dd.dd` up to 10; `-d.dd or d.dd` from -5."""
        signs = dict.fromkeys("-" if label < 0 else "" for label in self.labels)
        digits = sorted({len(str(int(abs(label)))) for label in self.labels})
        return " or ".join(f"{sign}{'d' * n}.dd" for sign in signs for n in digits)

    @property
    def has_stars(self) -> bool:
        """Whether prompts may call ratings stars: the scale ends at five, and begins at one or at half a star."""
        return self.labels[-1] == 5 and self.labels[0] in (0.5, 1)

    def nearest(self, rating: float) -> float:
        """The nearest label; in the middle between two, the upper one."""
        return nearest(rating, self.labels)

    def rating_text(self, rating: float) -> str:
        """A rating or a mean of ratings with at most two decimals: `4`, `3.5`, `3.67`."""
        return f"{round(rating, 2):g}"

    def rated(self, rating: float) -> str:
        """A rating with what it is out of: `4 stars`; `7 of 10` where ratings are no stars."""
        return f"{self.rating_text(rating)} {'stars' if self.has_stars else f'of {label_text(self.labels[-1])}'}"

    @property
    def of_data(self) -> Domain:
        """The domain with the scale of the data, on which metrics are computed."""
        return Domain(self.noun, self.plural, self.original or self.labels)

    def to_original(self, value: float) -> float:
        """A value on this scale as one on the scale of the data."""
        return mapped(value, self.labels, self.original) if self.original else value

    def from_original(self, value: float) -> float:
        """A value on the scale of the data as one on this scale."""
        return mapped(value, self.original, self.labels) if self.original else value

    def sentiment(self, rating: float) -> Literal["negative", "neutral", "positive"]:
        """The rating as one of three classes.

        Neutral is the middle quarter of the scale, ends included: from 2.5 to 3.5 on the scale 1..5. The papers that
        use sentiments do not print their thresholds; this mapping is the same everywhere.
        """
        relative = (rating - self.labels[0]) / self.rating_range
        if relative < 0.375:
            return "negative"
        return "neutral" if relative <= 0.625 else "positive"


@dataclass(frozen=True, slots=True)
class Item:
    """An item with its metadata; nothing in it depends on ratings."""

    item_id: str
    title: str
    categories: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One user's rating of one item at a time, with an optional review."""

    user_id: str
    item: Item
    rating: float
    timestamp: int
    """Seconds since 1970, UTC."""
    review: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """The input of a strategy: a (user, item) pair with both histories. It carries no label."""

    request_id: str
    """`SPLIT:ROW`, stable for one prepared dataset."""
    user_id: str
    item: Item
    asked_at: int
    """Seconds since 1970, UTC. Both histories end strictly before it (with `history.tie=stable`: or earlier in file
    order)."""
    domain: Domain
    user_history: tuple[Interaction, ...] = ()
    """Earlier interactions of the user, oldest first."""
    item_history: tuple[Interaction, ...] = ()
    """Earlier interactions of other users with the item, oldest first."""
    user_average: float | None = None
    """Mean of the user's earlier ratings; None without any."""
    item_average: float | None = None
    """Mean of other users' earlier ratings of the item; None without any."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request with its true rating."""

    request: Request
    rating: float
    review: str = ""
    """The review of this rating; empty in test rows. Only trainers may use it, never in a prompt for the writer."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str
    droppable: tuple[tuple[int, int], ...] = ()
    """Spans (start, end) of `content` that may be dropped, in this order, when the prompt is too long."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of a response template: literal text, then what the model generates up to `stop`.

    The stop text itself is the beginning of the next slot's literal.
    """

    literal: str
    stop: str
    max_tokens: int
    """0: the slot is the literal alone, without generation, such as a last closing tag."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that is sent to a model once, for one or more requests."""

    key: str
    """Digest of the content: equal keys mean equal prompts."""
    side: Side
    messages: tuple[Message, ...]
    for_requests: tuple[int, ...] = ()
    """Positions, in the list of requests, of the requests that share this prompt."""
    prefill: str = ""
    """Beginning of the completion, given to the model and counted as part of its completion."""
    response_template: tuple[Slot, ...] = ()
    """If not empty, the completion is generated slot by slot between these literals, so no tag can be missing."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling parameters of a completion."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    """The completion ends before the first of these texts, which are not part of it."""
    seed: int = 0
    sample_index: int = 0
    """Index of this sample among several of one prompt; part of the random seed and of the request store's key."""
    is_slot: bool = False
    """A slot of a response template: it may stay empty, and `max_tokens` ends it like a stop text."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model generated for one prompt."""

    text: str
    """Prefill and generated text."""
    status: Status = "ok"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    dropped_history: int = 0
    """Number of droppable spans that were removed so that the prompt fits."""
    error: str = ""
    cached: bool = False
    """True if it came from the request store."""
    was_damaged: bool = False
    """True if the request store held a damaged answer, which this one replaces."""
    truncated_slots: int = 0
    """Number of slots that ended at `max_tokens` instead of at a stop text."""
    lost_workers: int = 0
    """Number of times that its batch was computed again, since a worker of a cluster was lost."""


@dataclass(frozen=True, slots=True)
class LabelLogprobs:
    """Log-probabilities of the labels after one prompt."""

    logprobs: tuple[float, ...]
    """Natural logarithms over the whole vocabulary, one per label; empty unless status is ok."""
    status: Status = "ok"
    prompt_tokens: int = 0
    dropped_history: int = 0
    error: str = ""
    cached: bool = False
    was_damaged: bool = False
    lost_workers: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """The text written for a user, for an item, or a rationale for their pair."""

    side: Side
    text: str
    notes: Mapping[str, str] = field(default_factory=dict)
    """Intermediate output that led to it: cue, constructed prompt, cited items."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles for one request; a side that the strategy does not write is None."""

    user: Profile | None = None
    item: Profile | None = None
    pair: Profile | None = None
    failed: Status | None = None
    """Status of the completion from which a profile could not be read; None if nothing is missing."""
    line_notes: Mapping[Interaction, str] = field(default_factory=dict)
    """Texts of an earlier stage on single interactions of the histories, such as the aspects of their reviews."""

    @classmethod
    def of(cls, profiles: Iterable[Profile]) -> Profiles:
        """A value with these profiles; with several for one side, the last one counts."""
        result = cls()
        for profile in profiles:
            result = result.with_profile(profile)
        return result

    def with_profile(self, profile: Profile) -> Profiles:
        """A copy with this profile added; a `note` changes nothing."""
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
    """On the domain's scale, not rounded; None unless `status` is `ok`."""
    status: Status = "ok"
    failed_at: Literal["profile", "rating"] | None = None
    """The step that failed; None if none did."""
    text: str = ""
    """The completion it was read from; empty if none was generated."""
    probabilities: tuple[float, ...] = ()
    """One per label, summing to 1; empty unless the scorer knows label probabilities. `value` is then their mean,
    median or mode, as the scorer's option `decision` says."""
    label_mass: float | None = None
    """Total next-token probability of the labels before normalisation, in [0, 1]: low values mean that the model would
    not have answered with a label."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A reference to weights: a plain value that can be recorded."""

    name: str
    """Card name, `path:DIR`, `hf:ORG/NAME` or `served:NAME`."""
    path: str
    """Folder with config, tokenizer and safetensors; for an HTTP engine the name of the served model."""
    digest: str
    """SHA-256 over the weight files; empty for a served model."""
    adapter: str | None = None
    """Folder of a peft adapter."""
    adapter_digest: str | None = None
    template_args: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the chat template, from the model's card or the user (such as Qwen3's `enable_thinking`)."""
    context_length: int | None = None
    """Tokens, from the model's card; None: the model's own config decides."""
    merge_system: bool = False
    """Whether the system turn is put at the beginning of the user turn, for chat templates without one."""
    revision: str | None = None
    """Commit of the hub's repository that the weights are from; None: they are not from the hub."""

    @property
    def base(self) -> ModelRef:
        """The same weights without the adapter."""
        return replace(self, adapter=None, adapter_digest=None) if self.adapter else self


@dataclass(frozen=True, slots=True)
class TrainedModels:
    """The result of a training of several models."""

    writer: ModelRef
    """Generates the last stage."""
    stages: Mapping[str, ModelRef] = field(default_factory=dict)
    """Models of earlier stages, by stage name; stages without an entry use the untrained model."""
    scorer: ModelRef | None = None
    """Model that the scorer uses; None: the untrained model."""


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
    are not part of the store's keys: answers do not depend on them beyond rounding."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled completion with everything that a reward may use."""

    example: Example
    completion: str
    profiles: Profiles
    """Profiles parsed from the completion, and the partner's profile where both sides are sampled separately."""
    prediction: Prediction
    readable: bool = True
    """False if the strategy could not parse the completion."""
