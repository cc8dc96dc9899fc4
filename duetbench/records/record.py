"""The types of a record: the result of one cell, with everything needed to interpret and to repeat it.

The JSON Schema in registry/schemas is generated from these types (`duetbench schema record --write`): the docstring
under a field becomes its description, a default makes it optional, and `Limits` adds bounds and patterns. A new field
with a default keeps `VERSION`; any other change raises it and needs a migration of older records.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from duetbench.types import Decision, MetricValues

if TYPE_CHECKING:
    from duetbench.types import EngineInfo, ModelRef

VERSION: Final = 1
"""Version of the record's shape."""

JsonValue = Any
"""Any JSON value; plugins decide what is in it."""

FLATTENED = "flattened"
"""Metadata key of the one field of a class whose entries are stored among the keys of the class itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Constraints of a value beyond its type. None: no such limit."""

    minimum: float | None = None
    """Lower bound of a number."""
    maximum: float | None = None
    """Upper bound of a number."""
    pattern: str | None = None
    """Regular expression that a text must match."""
    forbidden: str | None = None
    """Regular expression that a text must not match."""
    min_length: int | None = None
    """Minimum number of characters of a text."""
    min_items: int | None = None
    """Minimum number of entries of a list."""
    required: tuple[str, ...] = ()
    """Keys that a mapping must have."""


Count = Annotated[int, Limits(minimum=0)]
Seconds = Annotated[float, Limits(minimum=0)]
Share = Annotated[float, Limits(minimum=0, maximum=1)]
Sha256 = Annotated[str, Limits(pattern="^[0-9a-f]{64}$")]
Timestamp = Annotated[str, Limits(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Fill = Annotated[str, Limits(pattern="^(train_mean|user_mean|worst|middle|official|constant:.+)$")]
Population = Annotated[str, Limits(pattern="^(readable|train_mean|user_mean|worst|middle|official|constant:.+)$")]
Rule = Annotated[str, Limits(pattern="^(mean|median|mode)$")]
RelativePath = Annotated[str, Limits(pattern=r"^[^/\\].*$", forbidden=r"(^|/)\.\.(/|$)")]


@dataclass(frozen=True, kw_only=True)
class ErrorRecord:
    """Why a cell failed."""

    type: str
    """Class of the exception."""
    message: str
    """Message of the exception, in one line."""


@dataclass(frozen=True, kw_only=True)
class CellSpec:
    """The cell's coordinates in the grid and its settings."""

    strategy: str | None
    """Name of the strategy; None for a scorer that uses no model."""
    trainer: str | None
    """Name of the trainer; None for a scorer that uses no model."""
    dataset: str
    """Name of the dataset."""
    model: str | None
    """Name of the model; None for a scorer that uses no model."""
    engine: str | None
    """Name of the engine; None for a scorer that uses no model."""
    scorer: str
    """Name of the scorer."""
    seed: int
    """Seed of the cell."""
    label: str | None = None
    """Label of the grid that the cell belongs to; None if it has none."""
    control: str | None = None
    """Name of the control that changed what the scorer reads, or how the writer was trained; None: the strategy itself,
    and in records of earlier versions."""
    split: Literal["valid", "test"]
    """Split that is predicted."""
    limit: Count | None
    """Maximum number of pairs sampled from the split; None: all pairs."""
    options: Mapping[str, Mapping[str, JsonValue]]
    """Value of every option, defaults included and presets resolved, by plugin or section and then by name; `KIND.NAME`
    for the later of two plugins that share a name, in the order dataset, scorer, strategy, trainer, engine, control,
    then those of the training. Options that depend on the machine keep what was set: see `engine.settings` and
    `training.settings` for what they became."""

    def options_of(self, kind: Literal["dataset", "scorer", "strategy", "engine"]) -> Mapping[str, JsonValue]:
        """Options of the cell's own plugin of a kind, whatever other plugins of its name there are; {} without any."""
        earlier = itertools.takewhile(lambda other: other != kind, ("dataset", "scorer", "strategy", "trainer"))
        name = str(getattr(self, kind))
        is_shared = name in [getattr(self, other) for other in earlier]
        return self.options.get(f"{kind}.{name}" if is_shared else name, {})


@dataclass(frozen=True, kw_only=True)
class DomainRecord:
    """What is rated, and on which scale."""

    noun: str
    """Singular noun for what is rated."""
    plural: str
    """Plural noun for what is rated."""
    labels: Annotated[tuple[float, ...], Limits(min_items=2)]
    """Rating scale of the data, ascending; metrics are computed on it."""
    prompt_labels: tuple[float, ...] = ()
    """Scale that prompts state and models answer on, if the ratings were mapped to another one; empty: `labels`."""


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """Size of one split after a step."""

    rows: Count
    """Number of interactions."""
    users: Count
    """Number of users."""
    items: Count
    """Number of items."""


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One preparation step and the size of the data after it."""

    step: str
    """Name and argument of the step."""
    rows: Count
    """Number of interactions after the step."""
    users: Count
    """Number of users after the step."""
    items: Count
    """Number of items after the step."""
    splits: Mapping[str, SplitCounts] = field(default_factory=dict)
    """Sizes by split, reported with the last step; empty for the others."""


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """The prepared data."""

    fingerprint: str
    """SHA-256 over raw files, dataset and its options, steps, and format version."""
    domain: DomainRecord
    """What is rated."""
    steps: tuple[StepRecord, ...]
    """Preparation steps in order."""
    counts: Mapping[str, Count]
    """Number of raw rows left out while reading, by reason."""
    n_train: Count
    """Number of training interactions."""
    temporal_leakage: tuple[str, ...] = ()
    """Why the data is not safe against leakage from the future, such as a random split or rows without times; empty if
    it is, and in records of earlier versions."""


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """Weights of one model."""

    name: str
    """Name of the model card, `path:DIR`, `hf:ORG/NAME` or `served:NAME`."""
    digest: str
    """SHA-256 over the weight files; empty for a served model, and if the cell failed before the weights were read."""
    adapter: str | None
    """Folder of the adapter; None without an adapter."""
    adapter_digest: str | None
    """SHA-256 of the adapter's weights; None without an adapter."""
    template_args: Mapping[str, JsonValue]
    """Arguments of the chat template."""
    context_length: Count | None
    """Context length in tokens that the model card declares; None: the model's own configuration decides."""
    merge_system: bool = False
    """Whether the system turn was put at the beginning of the user turn."""
    revision: str | None = None
    """Commit of the hub's repository that the weights are from; None: they are not from the hub, or a card names it."""

    @classmethod
    def of(cls, model: ModelRef) -> ModelRecord:
        """The record of a model reference; the folder of its weights is left out."""
        return cls(
            name=model.name,
            digest=model.digest,
            adapter=model.adapter,
            adapter_digest=model.adapter_digest,
            template_args=model.template_args,
            context_length=model.context_length,
            merge_system=model.merge_system,
            revision=model.revision,
        )


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """The engine as it reported itself."""

    name: str
    """Name of the engine."""
    versions: Mapping[str, str]
    """Versions of the libraries that compute, by name."""
    dtype: str
    """Data type of the weights during computation."""
    template_digest: str
    """SHA-256 of the chat template and its arguments."""
    context_length: Count
    """Context length in use, in tokens."""
    labels: Literal["exact", "top_k", "text_only"]
    """How probabilities of labels can be read."""
    adapters: bool
    """Whether the engine can load adapters."""
    prefix_cache: bool
    """Whether common beginnings of prompts are computed once."""
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    """Values that the engine chose for options left to it (`auto`, None), such as the device; empty if it reports
    none."""

    @classmethod
    def of(cls, info: EngineInfo) -> EngineRecord:
        """The record of what an engine reports; its model is recorded separately."""
        return cls(
            name=info.name,
            versions=info.versions,
            dtype=info.dtype,
            template_digest=info.template_digest,
            context_length=info.context_length,
            labels=info.labels,
            adapters=info.adapters,
            prefix_cache=info.prefix_cache,
            settings=info.settings,
        )


@dataclass(frozen=True, kw_only=True)
class PluginRecord:
    """One plugin."""

    name: str
    """Name of the plugin."""
    origin: str
    """Where it was found: `built-in`, `package NAME VERSION` or `file PATH`."""
    code: str | None = None
    """SHA-256 over all modules of a plugin from a file or package; None for a built-in plugin, whose version is that of
    duetbench. Records of earlier versions have that of the class's source file."""
    modules: Mapping[str, Sha256] = field(default_factory=dict)
    """SHA-256 of each module that `code` covers, by its path in the package, or next to the file; empty for a built-in
    plugin, and in records of earlier versions."""


@dataclass(frozen=True, kw_only=True)
class StatusCounts:
    """Counts by status; only `ok` has a value."""

    ok: Count
    """Number of answers that were read."""
    unreadable: Count
    """Number of complete answers that could not be parsed."""
    truncated: Count
    """Number of answers that ended at the maximum length and could not be parsed."""
    refused: Count
    """Number of refusals."""
    empty: Count
    """Number of empty answers."""
    error: Count
    """Number of calls that failed."""


@dataclass(frozen=True, kw_only=True)
class OutcomeCounts:
    """Counts of pairs by outcome; the five numbers add up to `n`."""

    right_answer: Count
    """Number of readable predictions that equal the true rating after rounding half up."""
    wrong_answer: Count
    """Number of other readable predictions."""
    unreadable_profile: Count
    """Number of pairs without a prediction because a profile could not be read."""
    unreadable_rating: Count
    """Number of pairs with profiles whose rating could not be read."""
    failed_call: Count
    """Number of pairs for which the engine failed to answer a prompt for a profile or a rating."""


@dataclass(frozen=True, kw_only=True)
class FailureCounts:
    """Missing predictions by the phase that failed."""

    profile: StatusCounts
    """Statuses of the pairs whose profiles failed."""
    rating: StatusCounts
    """Statuses of the pairs whose rating failed."""


@dataclass(frozen=True, kw_only=True)
class RatingDistribution:
    """Number of occurrences of each label."""

    truth: Mapping[str, Count]
    """Counts among the true ratings."""
    predicted: Mapping[str, Count]
    """Counts among the readable predictions, rounded half up."""


@dataclass(frozen=True, kw_only=True)
class PopulationMetrics:
    """All metrics over one population of pairs; in JSON the metrics are keys next to `n`."""

    n: Count
    """Number of pairs."""
    values: Mapping[str, MetricValues] = field(metadata={FLATTENED: True})
    """Values of each metric, by the metric's name."""


@dataclass(frozen=True, kw_only=True)
class MetricsRecord:
    """Everything computed from the predictions; see `duetbench.evaluation`."""

    n: Count
    """Number of pairs to predict."""
    n_readable: Count
    """Number of pairs with a readable prediction."""
    coverage: Share | None
    """n_readable / n; None if n is 0."""
    pairs: Sha256
    """SHA-256 over the pairs and their true ratings; only cells with the same digest can be compared."""
    fill: Fill
    """Value that replaces missing predictions in the headline metrics."""
    train_mean: float | None
    """Mean of the training ratings; None: they are unknown, and there are no metrics with this fill."""
    counts: OutcomeCounts
    """Number of pairs by outcome."""
    statuses: StatusCounts
    """Number of predictions by status."""
    failures: FailureCounts
    """Number of missing predictions by the phase that failed, then by status."""
    label_mass: Share | None
    """Mean probability of all labels together at the position of the rating; None if no labels were read."""
    distribution: RatingDistribution
    """Number of occurrences of each label."""
    over: Annotated[Mapping[Population, PopulationMetrics], Limits(required=("readable",))]
    """Metrics over the `readable` predictions alone, and over all pairs with each fill. Where predictions are means,
    classes by equality of numbers (`exact_float`) have no value: a mean is almost never a label."""
    decision: Decision | None = None
    """Decision rule by which predictions follow from their label probabilities; if not every readable prediction has
    probabilities, the one that the scorer declares. None: no rule, or the record is of an earlier version."""
    decisions: Mapping[Rule, Mapping[Population, PopulationMetrics]] | None = None
    """Metrics as in `over` under each decision rule, computed from the label probabilities; empty unless every readable
    prediction has probabilities; None in records of earlier versions."""
    off_scale: Count | None = None
    """Number of readable predictions below or above the scale; None in records of earlier versions."""


@dataclass(frozen=True, kw_only=True)
class ForeignRecord:
    """Predictions that were made elsewhere and read from a file."""

    origin: str
    """Where they come from, in the user's words."""
    file: str
    """Name of the file."""
    sha256: Sha256
    """SHA-256 of the file."""
    columns: Mapping[str, str]
    """The file's column by canonical column, as used."""
    rows: Count
    """Number of rows of the file that are not empty, those that were left out included."""
    dropped: Mapping[str, Count]
    """Number of rows left out, by reason."""
    noted: Mapping[str, Count]
    """Number of rows that were used but noted, by kind."""
    repeated: Literal["first", "last", "mean"]
    """Which prediction of a repeated pair counts."""


@dataclass(frozen=True, kw_only=True)
class PhaseUsage:
    """Cost of one phase of a cell."""

    prompts: Count
    """Number of distinct prompts."""
    calls: Count
    """Number of prompts that a model computed."""
    cached: Count
    """Number of prompts answered from the request store."""
    prompt_tokens: Count
    """Tokens of all prompts, cached ones included."""
    completion_tokens: Count
    """Tokens of all completions, cached ones included."""
    dropped_history: Count
    """Number of history lines dropped so that prompts fit the context."""
    seconds: Seconds
    """Wall-clock time in seconds."""
    damaged: Count = 0
    """Number of prompts that were computed again because their answer in the request store was damaged."""
    redone: Count = 0
    """Number of prompts that were computed again because a worker of a cluster was lost before their answer arrived."""


@dataclass(frozen=True, kw_only=True)
class UsageRecord:
    """Cost of a cell by phase."""

    profiles: PhaseUsage
    """Cost of writing profiles."""
    scoring: PhaseUsage
    """Cost of predicting ratings."""


@dataclass(frozen=True, kw_only=True)
class TrainedRecord:
    """Weights of a training in addition to the writer's."""

    stages: Mapping[str, str]
    """SHA-256 of the weights that wrote each earlier stage, by the stage's name."""
    scorer: str | None
    """SHA-256 of the weights that predicted; None: the untrained model."""


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """The training that produced the writer's weights."""

    training_id: Sha256
    """Digest of everything that defines the training; cells with the same one share it."""
    base_digest: str
    """SHA-256 of the weights that the training started from; empty for a served model."""
    train_examples: Count
    """Number of training examples given to the trainer."""
    valid_examples: Count
    """Number of validation examples given to the trainer."""
    scorer_model: ModelRecord | None
    """Model that the scorer used during training; None: the untrained weights."""
    settings: Mapping[str, JsonValue]
    """Value of every setting in effect, as the trainer reported it, with choices such as `precision: auto` resolved;
    where a strategy has several training stages, by stage. Empty if the trainer reports none."""
    dropped_for_history: Count = 0
    """Number of training rows that were left out because their user has fewer earlier interactions than the option
    `training.min_user_history`."""


@dataclass(frozen=True, kw_only=True)
class BudgetRecord:
    """Cost of the training."""

    steps: Count
    """Number of optimizer steps."""
    tokens: Count
    """Number of tokens generated and trained on."""
    seconds: Seconds
    """Wall-clock time in seconds."""


@dataclass(frozen=True, kw_only=True)
class ValidationRecord:
    """Errors of a scorer without a model on the validation rows, by which the baseline of a leaderboard is chosen."""

    n: Count
    """Number of validation rows."""
    mae: float | None
    """Mean absolute error of the raw predictions; None if there are no rows."""


@dataclass(frozen=True, kw_only=True)
class ProfilesRecord:
    """The profiles that the strategy wrote."""

    asked: Count
    """Number of distinct prompts for profiles."""
    readable: Count
    """Number of completions that the strategy could parse."""
    statuses: StatusCounts
    """Number of completions by status."""
    empty_windows: Share | None = None
    """Share of the requests whose user has earlier interactions of which the writer sees none; None: not measured."""
    extra: Mapping[str, float | str | bool | None] = field(default_factory=dict)
    """Measures that the strategy takes of its own profiles, by name; None: no data."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentRecord:
    """The machine and the software that computed the cell."""

    python: str
    """Version of Python."""
    platform: str
    """Operating system, release and architecture."""
    cpu: str | None
    """Name of the processor; None if unknown."""
    cores: Count | None
    """Number of usable processor cores; None if unknown."""
    packages: Mapping[str, str]
    """Installed versions of the packages that can change a result."""
    git_commit: str | None
    """Commit of the duetbench checkout; None if not run from a checkout."""
    git_dirty: bool | None
    """Whether the checkout had uncommitted changes; None if unknown."""


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One file of the cell."""

    sha256: Sha256
    """SHA-256 of the file."""
    bytes: Count
    """Size in bytes."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """The result of one cell, which is one dataset, strategy, trainer, model, scorer and seed, with everything needed
    to interpret and to repeat it."""

    schema_version: Literal[1]
    """Version of this schema."""
    duetbench: str
    """Version of duetbench that wrote the record."""
    status: Literal["done", "failed"]
    """Whether the cell was completed."""
    error: ErrorRecord | None
    """Why the cell failed; None if it is done."""
    cell_id: Annotated[str, Limits(min_length=1)]
    """Digest of everything that defines the cell."""
    cell: CellSpec
    """The cell's coordinates in the grid and its settings."""
    dataset: DatasetRecord | None
    """The prepared data; None if the cell failed before they were ready."""
    model: ModelRecord | None
    """Weights that wrote the profiles; None for a scorer that uses no model."""
    engine: EngineRecord | None
    """Engine that ran the writer; None for a scorer that uses no model, and if it was never loaded."""
    plugins: Mapping[str, PluginRecord | tuple[PluginRecord, ...]]
    """Plugins of the cell by kind, rewards as a list; `trained_on` is the scorer used during training."""
    prompts: Mapping[str, Sha256]
    """SHA-256 of each prompt template in use, by name."""
    metrics: MetricsRecord | None
    """Everything computed from the predictions; None if the cell failed."""
    usage: UsageRecord | None
    """Cost by phase; None if no model was used."""
    trained: TrainedRecord | None = None
    """Weights of a training in addition to the writer's; None if there are none."""
    training: TrainingRecord | None = None
    """The training that produced the writer's weights; None if nothing was trained, and in records and trainings of
    earlier versions."""
    budget: BudgetRecord | None
    """Cost of the training; None if nothing was trained."""
    first_failure: str | None = None
    """Why the first pair without a prediction has none, and what to do; None if every pair has one, if the cell failed
    before its predictions, and in records of earlier versions."""
    validation: ValidationRecord | None = None
    """Errors on the validation rows of a scorer without a model; None for other cells, and in records of earlier
    versions."""
    profiles: ProfilesRecord | None
    """The profiles that the strategy wrote; None if it writes none."""
    seeds: Mapping[str, int]
    """Seeds in use, by what they determine."""
    environment: EnvironmentRecord
    """The machine and the software that computed the cell."""
    started: Timestamp
    """Start, as UTC in ISO 8601 with seconds."""
    finished: Timestamp
    """End, as UTC in ISO 8601 with seconds."""
    seconds: Seconds
    """Wall-clock time of the cell in seconds, a training that it ran included."""
    training_seconds: Seconds | None = None
    """Part of `seconds` that the cell spent on its training; close to 0 if the training had finished before, see
    `budget.seconds`. None if nothing was trained, and in records of earlier versions."""
    files: Mapping[RelativePath, FileEntry]
    """Files of the cell, by path relative to the record."""
    foreign: ForeignRecord | None = None
    """Where predictions that were made elsewhere come from; None if duetbench made them."""
    identity: Mapping[str, JsonValue] = field(default_factory=dict)
    """Everything that determines the result, whose digest is `cell_id`; empty in records of earlier versions."""
    digest: Sha256 | None = field(default=None, compare=False)
    """SHA-256 over all other fields in canonical JSON, and so over the digests of `files`: shows that the record was
    changed after it had been written. Not a signature: whoever changes a record can compute it again. None in records
    of earlier versions."""

    @property
    def is_done(self) -> bool:
        """Whether the cell was completed."""
        return self.status == "done"

    @property
    def has_llm(self) -> bool:
        """False for a scorer that uses no model."""
        return self.cell.model is not None

    @property
    def evaluation_seconds(self) -> float | None:
        """Wall-clock time without that of the training; None: it was trained, and how long that took is unknown."""
        if self.training_seconds is None:
            return self.seconds if self.budget is None else None
        return max(0.0, self.seconds - self.training_seconds)
