"""The six kinds of plugin, as abstract classes. A plugin is a class with a `name`; its options are its `Config`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from duetbench.errors import ConfigError
from duetbench.options import bound_faults
from duetbench.options import option as option  # plugins import it from here
from duetbench.types import (
    Completion,
    Domain,
    EngineInfo,
    Example,
    LabelLogprobs,
    ModelRef,
    Prediction,
    Profile,
    Profiles,
    Prompt,
    Request,
    Rollout,
    Sampling,
    TrainedModels,
)

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["dataset", "engine", "strategy", "scorer", "reward", "trainer"]

PLURALS: dict[Kind, str] = {
    "dataset": "datasets",
    "engine": "engines",
    "strategy": "strategies",
    "scorer": "scorers",
    "reward": "rewards",
    "trainer": "trainers",
}


class Plugin(ABC):
    """What all kinds share."""

    name: ClassVar[str]
    """How users call it: lower case, digits, `-` and `_`; unique among its kind."""
    summary: ClassVar[str] = ""
    """One line: what it does."""
    source: ClassVar[str] = ""
    """The paper that it comes from; empty if none."""

    @dataclass(frozen=True)
    class Config:
        """Options: scalars, literals, tuples of scalars, or None; each with a default. See `option`."""

    def __init__(self, config: Any = None) -> None:
        self.config: Any = self.Config() if config is None else config
        faults = bound_faults(self.config)
        if faults:
            raise ConfigError([f"{self.name}.{fault}" for fault in faults])


ITEM_KIND = "item: "
"""What kinds in `Tables.counts` begin with if they speak of the items' rows."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Canonical tables, as a dataset reads them from its raw files.

    `interactions`: user_id str, item_id str, rating f64, timestamp i64 (seconds, UTC), review str, summary str;
    rows in file order; and, if the source comes split already, split str (train, valid, test). `items`: item_id str
    (unique), title str, categories list[str], description str; an item without metadata may be missing. Texts are
    never null: nothing is an empty string.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows left out while reading, by kind: `malformed line`, ...; of items: `item: malformed line`, ..."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """Rows kept that are worth knowing, by kind: `empty review`, `markup in a title`, ..."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where the first row of a kind in `counts` stands, as `FILE line N`."""


class Dataset(Plugin):
    """Where interactions come from. The core does the steps, the split and the histories.

    An option `raw` says where the raw files lie and nothing else: it is no part of the data's fingerprint.
    """

    version: ClassVar[int] = 1
    """Raise it when `read` changes what it returns: prepared data is then made anew."""

    @abstractmethod
    def domain(self) -> Domain:
        """What is rated; its noun stands in every prompt."""

    @abstractmethod
    def raw_files(self, folder: Path) -> dict[str, Path]:
        """The raw files by role (`reviews`, `items`), found in `folder`.

        Raises:
            MissingRawFiles: says which file, where to get it and where to put it.
        """

    @abstractmethod
    def read(self, files: Mapping[str, Path]) -> Tables:
        """The canonical tables.

        Raises:
            DataError: a file is damaged beyond the tolerated share.
        """

    def read_parts(self, files: Mapping[str, Path]) -> Iterator[Tables]:
        """The canonical tables in parts of bounded size, in file order, for files larger than memory.

        An item may come twice; its first row with a title counts. `counts`, `notes` and `places` speak of their part.
        """
        yield self.read(files)

    def expected(self) -> Mapping[str, int]:
        """Published sizes to compare with: some of train, valid, test, users, items; {} if none are known."""
        return {}

    def caveats(self) -> str:
        """What cannot be known of how the published sizes came about; empty if nothing is published."""
        return ""

    def default_steps(self) -> tuple[str, ...]:
        """The steps that fit the paper best, in order, each `name` or `name:argument`."""
        return ("dedupe", "sort", "split_count:0.8/0.1/0.1", "drop_cold")

    def default_folder(self) -> Path | None:
        """Where the raw files lie if the user names no folder; None if the user has to."""
        return None


class Stage(ABC):
    """One round of prompts of a strategy. The last stage is the one that is trained."""

    name: str = "profile"
    max_tokens: int = 256
    """Upper bound of one answer's length."""
    stop: tuple[str, ...] = ()
    """Where an answer ends at the latest; `parse` must read it with and without this text."""

    @abstractmethod
    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """What to ask, each question once.

        Args:
            requests: All requests of the round.
            earlier: What earlier stages read, by prompt key; an unreadable answer has no entry.
        """

    @abstractmethod
    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """What the answer says; None if it could not be read. Never a guess."""


@dataclass(frozen=True)
class TrainingStage:
    """One of several trainings of a strategy: a model of its own, on its own share of the training rows."""

    name: str
    share: tuple[float, float] = (0.0, 1.0)
    """From where to where in the shuffled training rows, as parts of the whole."""
    rows: int | None = None
    """Of these at most so many; None: all."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The trainer's settings that its paper prints."""


@dataclass(frozen=True)
class TargetFilter:
    """Which of a teacher's answers are learned from: those that do not lead the judge astray."""

    predictor: str
    """The lesson whose model predicts; the untrained model if that lesson was not given."""
    tau: float
    """The judge's error with the answer may exceed that without it by less than this."""
    retries: int
    """How often the teacher is asked again, with a hint."""
    hint: Callable[[Prompt, Example], Prompt]
    """The question with the true rating in it. It is never learned from: the answer is learned with the question."""
    forbidden: tuple[str, ...]
    """What no answer to a hinted question may hold: it would give the rating away. In lower case."""


@dataclass(frozen=True)
class DistillationStage(TrainingStage):
    """A stage learns to answer as a teacher does."""

    stage: str = ""
    """Who learns."""
    temperature: float = 0.0
    """The teacher's."""
    check: TargetFilter | None = None
    """None: every answer that can be read is learned from."""


@dataclass(frozen=True)
class RatingStage(TrainingStage):
    """The scorer learns to name the true rating."""

    evidence: Literal["review", "written"] = "written"
    """What stands for the pair's rationale: the row's own review (train rows alone), or what the writers write."""
    scorer: str | None = None
    """Name of the scorer that it trains: the stage runs only where this scorer evaluates. None: its model only filters
    the targets of other stages."""


class Strategy(Plugin):
    """Says what to ask the model and how to read the answer. The core does the asking."""

    default_trainer: ClassVar[str] = "none"

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """The rounds in order; () if nothing is written."""

    def measures(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> dict[str, float | None]:
        """What the record says of the profiles beyond their counts, such as a rate of invented items; None: no data.

        Args:
            requests: All that were asked.
            profiles: What was written for each, same order.
        """
        return {}

    def training_stages(self) -> tuple[TrainingStage, ...]:
        """Its trainings in order, where one of the last stage is not all; the trainer `sft` gives them.

        (): the last stage alone is trained, on its own candidates.
        """
        return ()

    def history_needed(self) -> int:
        """How many of the latest interactions of a history it looks at; longer histories are not built for it."""
        return int(getattr(self.config, "history_k", 0))

    def prompt_digests(self) -> dict[str, str]:
        """SHA-256 of every prompt file that it uses, by name; stands in the record."""
        return {}


class Engine(Plugin):
    """Runs a model. One that renders prompts itself and runs local weights subclasses `LocalEngine`."""

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config)
        self.model = model

    @abstractmethod
    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt, same order. A prompt that cannot be served gets status `error`.

        A prompt that does not fit loses its droppable spans one by one; one that still does not fit is an error.
        """

    @abstractmethod
    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """For each prompt, the log-probability of each label as the token after `answer_prefix`.

        Raises:
            EngineError: the labels are not distinct single tokens there.
        """

    @abstractmethod
    def info(self) -> EngineInfo:
        """The properties of the engine that can change a completion, and what it supports."""

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        """Positions of the prompts, call by call. Each call's results are stored as soon as it returns.

        The batches of what is left after some of them are the remaining ones: a resumed run computes the same batches.
        """
        return [list(range(start, min(start + 32, len(prompts)))) for start in range(0, len(prompts), 32)]

    def uncached(self) -> Engine:
        """The engine that computes: this one, or the one that this one answers for from a store."""
        return self

    def with_model(self, model: ModelRef) -> Engine:
        """An engine of the same kind with the same options for another model, behind the same store if there is one.

        Raises:
            ModelError: its options or its kind do not allow that model.
        """
        return type(self)(self.config, model=model)

    def close(self) -> None:
        """Frees what the engine holds."""
        return


class Scorer(Plugin):
    """Turns (request, profiles) into a predicted rating."""

    needs_engine: ClassVar[bool] = True
    """False: it reads no profile and asks no model, and is run once per dataset beside every grid."""

    def fit(self, train: pl.DataFrame, domain: Domain) -> None:
        """Learns from the training interactions alone; most scorers have nothing to learn."""
        return

    @abstractmethod
    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request, same order. Requests whose profiles failed never get here."""

    def target(self, rating: float, domain: Domain) -> str | None:
        """The answer that means this rating, for a model that learns to predict; None: it cannot be learned."""
        return None

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        """What would be asked, for estimates and for people; () if no model is asked."""
        return []

    def history_needed(self) -> int:
        """How many of the latest interactions of a history it looks at; longer histories are not built for it."""
        return int(getattr(self.config, "history_k", 0))

    def prompt_digests(self) -> dict[str, str]:
        """SHA-256 of every prompt file that it uses, by name; stands in the record."""
        return {}


class Reward(Plugin):
    """Turns rollouts into numbers for training."""

    @abstractmethod
    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """One number per rollout, same order; None: does not apply."""


@dataclass(frozen=True)
class PolicyOptions:
    """The options of an engine that apply to the weights that a trainer trains."""

    engine: str
    """Name of the engine."""
    names: tuple[str, ...]
    """Those of its options that have an effect in a training."""


@dataclass(frozen=True)
class TrainingJob:
    """All that a trainer needs. Training rows come from train, the choice of a checkpoint from valid alone."""

    strategy: Strategy
    train: Sequence[Example]
    valid: Sequence[Example]
    scorer: Scorer
    rewards: Sequence[tuple[Reward, float]]
    """Each with its weight."""
    model: ModelRef
    engine: Engine
    """Runs `model`; frozen."""
    workdir: Path
    """Belongs to this job alone and survives a restart: checkpoints, curves. What a trainer leaves there as
    `budget.json` (`steps`, `tokens`, `seconds`) stands in the records of all cells that use the training."""
    seed: int
    scorer_engine: Engine | None = None
    """What the scorer asks while the training goes on, if not the untrained `model`: another model, or a server."""
    policy_config: Any = None
    """Options of the engine that the trainer's `policy_options` name; None: that engine's defaults."""


class Trainer(Plugin):
    """A lifecycle that improves the writer of a strategy."""

    trains: ClassVar[bool] = True
    """False: it hands back the model as it is, and is given neither examples nor an engine."""
    policy_options: ClassVar[PolicyOptions | None] = None
    """The engine options that `fit` receives as `TrainingJob.policy_config`; None: it receives none."""

    @abstractmethod
    def fit(self, job: TrainingJob) -> ModelRef | TrainedModels:
        """The model to evaluate; `job.model` itself if nothing was trained.

        One model writes the last stage; earlier ones are left to the untrained model. Several: see `TrainedModels`.
        """
