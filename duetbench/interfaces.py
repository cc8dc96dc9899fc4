"""The kinds of plugins, as abstract classes. A plugin is a class with a `name`; its options are its `Config`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

from duetbench.errors import ConfigError
from duetbench.options import option as option  # plugins import it from here
from duetbench.options import option_faults
from duetbench.progress import Progress
from duetbench.types import (
    Completion,
    Decision,
    Domain,
    EngineInfo,
    Example,
    Interaction,
    LabelLogprobs,
    MetricValues,
    ModelRef,
    Prediction,
    Profile,
    Profiles,
    Prompt,
    Request,
    Rollout,
    Sampling,
    Side,
    TrainedModels,
)

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from duetbench.evaluation.conventions import Convention

Kind = Literal["dataset", "engine", "strategy", "scorer", "reward", "trainer", "metric", "control"]

PLURALS: dict[Kind, str] = {
    "dataset": "datasets",
    "engine": "engines",
    "strategy": "strategies",
    "scorer": "scorers",
    "reward": "rewards",
    "trainer": "trainers",
    "metric": "metrics",
    "control": "controls",
}


class Plugin(ABC):
    """Base of all kinds of plugins.

    Raises:
        ConfigError: an option is outside its bounds, or set although it has no effect.
    """

    name: ClassVar[str]
    """Its name on the command line: lower case, digits, `-` and `_`; unique within its kind."""
    summary: ClassVar[str] = ""
    """One line: what it does."""
    source: ClassVar[str] = ""
    """The paper that it implements; empty if none."""

    @dataclass(frozen=True)
    class Config:
        """Options: scalars, literals, tuples of scalars, or None; each with a default. See `option`.

        A method `without_effect() -> dict[str, str]` may name the options that have no effect given the others, and
        why: setting one of them to another value than its default is then an error.
        """

    def __init__(self, config: Any = None) -> None:
        self.config: Any = self.Config() if config is None else config
        faults = option_faults(self.config)
        if faults:
            raise ConfigError([f"{self.name}.{fault}" for fault in faults])

    @classmethod
    def resolved_options(cls, config: Any) -> dict[str, Any]:
        """Every option by name, with the value that is used: placeholders such as `preset` are replaced.

        The result is part of the cell's id and of its record. Values that depend on the machine or on the data (`auto`)
        stay as they are; an engine reports what it chose in `EngineInfo.settings`, a trainer in `settings.json`.
        """
        return asdict(config)

    @classmethod
    def missing(cls) -> str | None:
        """Why it cannot run here, such as a package that is not installed; None if it can.

        A run that needs such a plugin is refused before it begins, such a scorer is not among its baselines, and
        `duetbench list` shows the reason.
        """
        return None

    @classmethod
    def missing_for(cls, config: Any) -> str | None:
        """Why it cannot run here with these options, such as a device that is absent; None if it can."""
        return cls.missing()


ITEM_KIND = "item: "
"""Prefix of kinds in `Tables.counts` that count rows of items."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Canonical tables that a dataset reads from its raw files.

    `interactions`: user_id str, item_id str, rating f64, timestamp i64 (seconds, UTC), review str, summary str;
    rows in file order; and, if the source comes split already, split str (train, valid, test). `items`: item_id str
    (unique), title str, categories list[str], description str; an item without metadata may be missing. Texts are
    never null: an absent text is an empty string.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows left out while reading, by kind: `malformed line`, ...; of items: `item: malformed line`, ..."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """Unusual rows that were kept, by kind: `empty review`, `markup in a title`, ..."""
    locations: Mapping[str, str] = field(default_factory=dict)
    """The first dropped row of each kind in `counts`, as `FILE line N`."""


class Dataset(Plugin):
    """A source of interactions. The core applies the steps, the split and the histories.

    An option `raw` names the folder of the raw files; it is not part of the data's fingerprint.
    """

    version: ClassVar[int] = 1
    """Increase it when the result of `read` changes: prepared data is then computed again."""
    generates_raw_files: ClassVar[bool] = False
    """Whether `raw_files` writes files that are missing, so that options of the run's section `data` about raw files
    have no effect on it."""

    @abstractmethod
    def domain(self) -> Domain:
        """What is rated, and on which scale; its noun appears in every prompt."""

    @abstractmethod
    def raw_files(self, folder: Path) -> dict[str, Path]:
        """The raw files by role (`reviews`, `items`), found in `folder`.

        Raises:
            MissingRawFiles: the message names the file, its source and the folder where it belongs.
        """

    @abstractmethod
    def read(self, files: Mapping[str, Path]) -> Tables:
        """The canonical tables.

        Raises:
            DataError: a file is damaged, or too many of its rows are malformed.
        """

    def read_parts(self, files: Mapping[str, Path]) -> Iterator[Tables]:
        """The canonical tables in parts of bounded size, in file order, for files larger than memory.

        An item may occur twice; its first row with a title is used. `counts`, `notes` and `locations` cover one part.
        """
        yield self.read(files)

    def has_times(self) -> bool:
        """False if the source has no times: a row's timestamp is then its position in the file, from 0.

        Everything computed from such data is marked as not safe against leakage from the future.
        """
        return True

    def expected(self) -> Mapping[str, int]:
        """Published sizes: some of train, valid, test, users, items; {} if none are published."""
        return {}

    def caveats(self) -> str:
        """Unknown details of the preprocessing behind the published sizes; empty if none are published."""
        return ""

    def default_steps(self) -> tuple[str, ...]:
        """The preprocessing steps of the paper, as far as known, in order, each `name` or `name:argument`."""
        return ("dedupe", "sort", "split_count:0.8/0.1/0.1", "drop_cold")

    def default_folder(self) -> Path | None:
        """Folder of the raw files if the user names none; None if the user must name one."""
        return None


class Stage(ABC):
    """One round of prompts of a strategy. The last stage is the one that is trained."""

    name: str = "profile"
    max_tokens: int = 256
    """Maximum length of one completion, in tokens."""
    stop: tuple[str, ...] = ()
    """Texts that end a completion; `parse` must accept completions with and without them."""
    reads_truncated: bool = False
    """Whether a completion that was cut at `max_tokens` is parsed too, instead of counting as truncated."""

    @abstractmethod
    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """The prompts of this stage, each distinct prompt once.

        Args:
            requests: All requests of the run.
            earlier: Parsed output of earlier stages, by prompt key; unreadable completions have no entry.
        """

    @abstractmethod
    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The profiles in a completion; None if it cannot be parsed. Must not guess."""


@dataclass(frozen=True)
class TrainingStage:
    """One of several trainings of a strategy: a separate model, trained on its share of the training rows."""

    name: str
    share: tuple[float, float] = (0.0, 1.0)
    """First and last position in the shuffled training rows, as fractions in [0, 1]."""
    rows: int | None = None
    """Maximum number of rows from this share; None: all."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The trainer's settings as published."""


@dataclass(frozen=True)
class TargetFilter:
    """Selects the teacher's completions to learn from: those that do not increase a predictor's error."""

    predictor: str
    """Name of the training stage whose model predicts; the untrained model if that stage did not run."""
    tau: float
    """A completion is kept if the predictor's absolute error with it exceeds that without it by less than this."""
    retries: int
    """How often the teacher is prompted again, with a hint."""
    hint: Callable[[Prompt, Example], Prompt]
    """Adds the true rating to a prompt. The student never sees it: it learns the completion of the original prompt."""
    forbidden: tuple[str, ...]
    """Lower-case texts that a completion to a hinted prompt must not contain, since they reveal the rating."""


@dataclass(frozen=True)
class DistillationStage(TrainingStage):
    """A stage of the strategy learns to imitate a teacher."""

    stage: str = ""
    """Name of the strategy's stage that is trained."""
    temperature: float = 0.0
    """Sampling temperature of the teacher."""
    check: TargetFilter | None = None
    """None: all completions that can be parsed are used."""


@dataclass(frozen=True)
class RatingStage(TrainingStage):
    """The scorer learns to predict the true rating."""

    evidence: Literal["review", "written"] = "written"
    """What the scorer reads as the pair's rationale: the row's own review (training rows only), or the generated
    profiles."""
    scorer: str | None = None
    """Name of the scorer that it trains: the stage runs only where this scorer evaluates. None: its model only filters
    the targets of other stages."""


class Strategy(Plugin):
    """Builds the prompts and parses the completions. The core runs the generation."""

    default_trainer: ClassVar[str] = "none"
    training_options: ClassVar[tuple[str, ...]] = ()
    """Options that have an effect only in its `training_stages`."""
    writes_line_notes: ClassVar[bool] = False
    """Whether `line_notes` returns texts."""
    omitted: ClassVar[tuple[str, ...]] = ()
    """Parts of the published method that it does not have, one line each."""

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order; () if no profile is written."""

    def line_notes(self, request: Request, earlier: Mapping[str, Sequence[Profile]]) -> Mapping[Interaction, str]:
        """Texts of its stages on single interactions of the request's histories, for scorers that read them.

        Args:
            request: Only interactions of its histories may be keys.
            earlier: Parsed output of all stages, by prompt key.
        """
        return {}

    def measures(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> dict[str, float | None]:
        """Statistics of the profiles for the record, such as a rate of invented items; None: no data.

        Args:
            requests: All requests.
            profiles: One value per request, same order.
        """
        return {}

    def training_stages(self) -> tuple[TrainingStage, ...]:
        """Several trainings in order, run by a trainer that `runs_training_stages`.

        (): only the last stage is trained, on its own sampled candidates.
        """
        return ()

    def history_needed(self) -> int:
        """How many of the latest interactions of a history it uses; longer histories are not built for it."""
        return int(getattr(self.config, "history_k", 0))

    def writes(self) -> tuple[Side, ...]:
        """The sides of the profiles that a scorer receives: some of user, item and pair. Controls depend on it."""
        return ("user", "item") if self.stages() else ()

    def writer_view(self, request: Request) -> Request:
        """The request with exactly those interactions and averages that its writer reads; an average not shown is None.

        Reviews are as long as its prompts show them, followed by `...` where they are cut, and empty where they are
        not shown; averages are rounded as there. The default keeps the last `history_needed()` interactions of both
        histories. A strategy that reads less must override it: the control that shows raw evidence and the rate of
        empty windows are computed from it.
        """
        n_unread = [max(len(history) - self.history_needed(), 0) for history in _histories(request)]
        user, item = (history[start:] for history, start in zip(_histories(request), n_unread, strict=True))
        return replace(request, user_history=user, item_history=item)

    def prompt_digests(self) -> dict[str, str]:
        """SHA-256 of every prompt file that it uses, by name; part of the record."""
        return {}


def _histories(request: Request) -> tuple[tuple[Interaction, ...], tuple[Interaction, ...]]:
    return (request.user_history, request.item_history)


class Engine(Plugin):
    """Runs a model: generates text, computes label probabilities. Engines on local weights subclass `LocalEngine`."""

    renders_prompts: ClassVar[bool] = False
    """Whether it applies the chat template itself, as the model reference says; if not, `merge_system` is refused."""

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config)
        self.model = model

    @abstractmethod
    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt, same order. A prompt that cannot be served gets status `error`.

        From a prompt that exceeds the context, droppable spans are removed one by one; if it still does not fit, its
        status is `error`.
        """

    @abstractmethod
    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """Log-probabilities of the labels after `answer_prefix`, one value per prompt.

        The probability of a label is that of a completion which begins with it and not with a longer label: `1` on a
        scale with `10` is a 1 that no 0 follows, and the probabilities sum to at most 1. A label of several tokens has
        the product of their probabilities; what follows a label is not read where no longer label begins with it.

        Raises:
            EngineError: `label_fault` is not None.
        """

    def label_fault(self, answer_prefix: str, labels: Sequence[str]) -> str | None:
        """Why the probabilities of these labels cannot be read after this prefix; None if they can.

        Loads no weights, but may load the tokenizer or ask a server.
        """
        return f"engine '{self.name}' has no label probabilities" if self.info().labels == "text_only" else None

    @abstractmethod
    def info(self) -> EngineInfo:
        """Identity and abilities of this engine."""

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        """Positions of the prompts, batch by batch. The results of a batch are stored as soon as it returns.

        The batches must be stable: after removing complete batches, the remaining prompts form the remaining batches,
        so that a resumed run computes the same batches.
        """
        return [list(range(start, min(start + 32, len(prompts)))) for start in range(0, len(prompts), 32)]

    def parallel_batches(self) -> int:
        """Number of batches that may be computed at the same time, by calls from several threads."""
        return 1

    def count_tokens(self, text: str) -> int | None:
        """Number of tokens of a text without special tokens; None: the engine has no tokenizer here."""
        return None

    def uncached(self) -> Engine:
        """The engine without the request store: this one, or the one that it wraps."""
        return self

    def with_model(self, model: ModelRef) -> Engine:
        """An engine of the same kind with the same options for another model, behind the same store if there is one.

        Raises:
            ModelError: its options or its kind do not allow that model.
        """
        return type(self)(self.config, model=model)

    def close(self) -> None:
        """Frees the engine's memory."""
        return


@dataclass(frozen=True)
class FittingData:
    """What a scorer is fitted to: training rows, and validation rows for tuning only. Test rows are absent."""

    domain: Domain
    interactions: pl.DataFrame
    """The training rows of the prepared dataset, by time."""
    build: Callable[[Literal["train", "valid"]], Sequence[Example]] = field(repr=False)
    """Builds the examples of a split; called at most once per split."""

    def train(self) -> Sequence[Example]:
        """The training rows with the histories before each of them, which contain training rows only."""
        return self._train

    def valid(self) -> Sequence[Example]:
        """The validation rows with their histories; [] if there are none, or if they are what is predicted.

        A scorer may choose its settings by them, but must not learn from them.
        """
        return self._valid

    @cached_property
    def _train(self) -> Sequence[Example]:
        return self.build("train")

    @cached_property
    def _valid(self) -> Sequence[Example]:
        return self.build("valid")


class Scorer(Plugin):
    """Predicts a rating from a request and its profiles."""

    needs_engine: ClassVar[bool] = True
    """False: it uses neither profiles nor a model, and runs once per dataset in every grid, as a baseline."""
    reads_history: ClassVar[bool] = True
    """False: its predictions do not depend on the histories in requests, so that grids which differ only in the options
    of histories share its cell. Only used without a model."""

    def fault(self, domain: Domain, engine: Engine | None) -> str | None:
        """Why it cannot predict ratings on this scale with this engine; None if it can.

        Asked before any work is done.
        """
        return None

    def fit(self, data: FittingData) -> None:
        """Learns from the training rows. The default learns nothing."""
        return

    @abstractmethod
    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request, same order. Requests whose profiles failed are not passed in.

        A scorer that knows label probabilities has an option `decision` (mean, median or mode), predicts with
        `duetbench.evaluation.decision.decide`, and returns the probabilities as well: leaderboards then show the
        metrics under the other two rules without asking a model again.
        """

    def decision(self) -> Decision | None:
        """Which value of a rating's distribution it predicts; None: of none, such as an answer that a model writes.

        By default what the option `decision` says. A scorer that predicts expectations without label probabilities,
        such as the mean of ratings or a least-squares regression, returns `mean`: its records then have no classes by
        equality of numbers, since a mean is almost never exactly a label.
        """
        decision: Decision | None = getattr(self.config, "decision", None)
        return decision if decision in get_args(Decision) else None

    def reads_line_notes(self) -> bool:
        """Whether it uses `Profiles.line_notes`, which only some strategies write."""
        return False

    def target(self, rating: float, domain: Domain) -> str | None:
        """The completion that states this rating, as a training target; None: the scorer cannot be trained."""
        return None

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        """The prompts that `score` sends, for estimates and display; [] without a model."""
        return []

    def history_needed(self) -> int:
        """How many of the latest interactions of a history it uses; longer histories are not built for it."""
        return int(getattr(self.config, "history_k", 0))

    def prompt_digests(self) -> dict[str, str]:
        """SHA-256 of every prompt file that it uses, by name; part of the record."""
        return {}


class Reward(Plugin):
    """Maps rollouts to numbers that training maximizes."""

    @abstractmethod
    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """One reward per rollout, same order; None: the reward does not apply to it."""


@dataclass(frozen=True)
class PolicyOptions:
    """The options of an engine that apply to the weights that a trainer trains."""

    engine: str
    """Name of the engine."""
    names: tuple[str, ...]
    """Those of its options that have an effect in a training."""


@dataclass(frozen=True)
class TrainingJob:
    """The input of a trainer. Weights learn from `train`, checkpoints are chosen on `valid`; test rows are absent."""

    strategy: Strategy
    train: Sequence[Example]
    valid: Sequence[Example]
    scorer: Scorer
    rewards: Sequence[tuple[Reward, float]]
    """Rewards and their weights."""
    model: ModelRef
    engine: Engine
    """Runs `model`, frozen."""
    workdir: Path
    """Folder of this job only, kept across restarts: checkpoints, curves. Two files that a trainer may write there are
    copied into the records of all cells that use the training: `budget.json` (`steps`, `tokens`, `seconds`) and
    `settings.json` (the value of every setting in effect)."""
    seed: int
    scorer_engine: Engine | None = None
    """Engine of the scorer during training; None: the untrained `model`."""
    policy_config: Any = None
    """Options of the engine that the trainer's `policy_options` name; None: that engine's defaults."""
    progress: Progress = field(default_factory=Progress)
    """Receives messages, updates and evaluations, for display."""
    token_budget: int | None = None
    """Tokens that the training may generate; None: its own options decide. Only set for a trainer that
    `uses_token_budget`."""
    monitor_scorer: Scorer | None = None
    """A scorer outside the loop that is evaluated with the checkpoints, to detect reward hacking; None: none."""
    stop_on_alarm: bool = False
    """Whether a suspicion of reward hacking ends the training, instead of only being reported."""


class Trainer(Plugin):
    """A training lifecycle that improves the writer of a strategy."""

    trains: ClassVar[bool] = True
    """False: it returns the model unchanged, and `fit` is never called."""
    runs_training_stages: ClassVar[bool] = False
    """Whether it runs the `training_stages` of a strategy that has some."""
    policy_options: ClassVar[PolicyOptions | None] = None
    """The engine options that `fit` receives as `TrainingJob.policy_config`; None: it receives none."""
    uses_token_budget: ClassVar[bool] = False
    """Whether `fit` generates as many tokens as `TrainingJob.token_budget` says, if it is given."""
    uses_monitor_scorer: ClassVar[bool] = False
    """Whether `fit` compares its reward with `TrainingJob.monitor_scorer`; others do not receive one."""

    @abstractmethod
    def fit(self, job: TrainingJob) -> ModelRef | TrainedModels:
        """The trained model; `job.model` itself if no checkpoint improved on it.

        A single model generates the last stage, and earlier stages use the untrained model; for several models see
        `TrainedModels`.
        """

    def further_models(self) -> tuple[str, ...]:
        """Names of the models that it uses in addition to the trained one, such as those that write candidates.

        Their weights are part of a training's id.
        """
        return ()


class Metric(Plugin):
    """Turns predicted and true ratings into numbers.

    Every run computes every registered metric, and a number in a record must mean the same in all of them: a metric
    has no options. A choice that publications leave open is a variant; any other choice is another metric.
    """

    title: ClassVar[str]
    """Heading of its column on leaderboards, such as `MAE`."""
    lower_is_better: ClassVar[bool]
    optimal_decision: ClassVar[Decision | None] = None
    """The value of known label probabilities whose expected metric is best: the median for absolute errors, the mean
    for squared errors, the mode for the share of correct labels. None: there is none that can be computed pair by pair,
    as for F1, where the best label of one pair depends on the predictions of the others."""
    is_mean: ClassVar[bool] = False
    """Whether it is the mean of `pair_values` each of which depends on its own pair alone, as for the MAE. Intervals of
    other metrics are printed only where a sample is large enough to treat them as such a mean, which takes longer."""

    @abstractmethod
    def compute(self, predicted: NDArray[np.float64], truth: NDArray[np.float64], domain: Domain) -> MetricValues:
        """Values by variant, the same variants for any input; all None if there are no pairs.

        Args:
            predicted: One number per pair. May be off the scale: a convention may fill in 0 or -1 for a rating that
                could not be read. Read-only.
            truth: Labels of the domain, same order. Read-only.
            domain: The scale.
        """

    def select(self, values: Mapping[str, Any], convention: Convention) -> float | None:
        """The value that a leaderboard shows under a convention.

        Args:
            values: What `compute` returned, or its recorded form.
            convention: Names a variant for errors (`error`), for classes (`classes`) and for averages over classes
                (`f1`). By default the one for errors is shown.
        """
        value: float | None = values[convention.error]
        return value

    def pair_values(
        self, predicted: NDArray[np.float64], truth: NDArray[np.float64], domain: Domain, convention: Convention
    ) -> NDArray[np.float64] | None:
        """One value per pair, whose mean is what `select` returns and from which intervals are computed.

        For a mean over pairs they are its terms; for another smooth function of the pairs its value plus each pair's
        influence. None: they are computed by leaving out pairs, which is slower and right for smooth metrics only.

        Args:
            predicted: As in `compute`.
            truth: As in `compute`, at least one pair.
            domain: The scale.
            convention: As in `select`.
        """
        return None

    def part_values(
        self,
        predicted: NDArray[np.float64],
        truth: NDArray[np.float64],
        domain: Domain,
        convention: Convention,
        parts: NDArray[np.bool_],
    ) -> NDArray[np.float64] | None:
        """What `select` returns for each of some parts of the pairs, (parts,).

        None: they are computed part by part, which is slower.

        Args:
            predicted: As in `pair_values`.
            truth: As in `pair_values`.
            domain: The scale.
            convention: As in `select`.
            parts: (parts, pairs): which pairs are in each part; at least one.
        """
        return None

    def derive(self, recorded: Mapping[str, MetricValues]) -> MetricValues | None:
        """Its values from those of other metrics; None if they do not follow from them.

        For records that were written before this metric existed.

        Args:
            recorded: Values by metric.
        """
        return None


class ControlledInput(NamedTuple):
    """What the scorer reads under a control."""

    requests: Sequence[Request]
    """One per request, same order."""
    profiles: Sequence[Profiles]
    """One per request, same order; `failed` is that of the writer's own profiles."""
    measures: Mapping[str, float | None] = {}
    """Statistics of what was changed, for the record; None: no data."""


@dataclass(frozen=True)
class ControlContext:
    """What a control may use in addition to requests and profiles. There are no ratings of the requests."""

    strategy: Strategy
    """The strategy whose profiles are controlled for."""
    scorer: Scorer
    """The scorer with the control's options, which reads the result."""
    plain_scorer: Scorer
    """The same scorer without the control's options, as in the row that is controlled for."""
    seed: int
    """The cell's seed."""
    count_tokens: Callable[[str], int]
    """Number of tokens of a text."""


class Control(Plugin):
    """A row that shows what a result is due to: the scorer reads something else, or the writer learned otherwise."""

    needs: ClassVar[Literal["nothing", "window", "profiles", "training"]] = "profiles"
    """What `apply` uses of the writer, and with it the number of rows. `nothing`: one per dataset, model, scorer and
    seed; `window`: also one per strategy, for the interactions that its writer sees; `profiles`: one per row that
    writes profiles; `training`: one per row whose trainer `retrained` replaces."""

    def obstacle(self, strategy: Strategy, scorer: Scorer) -> str | None:
        """Why it cannot have its effect on this strategy and scorer, as the end of a sentence; None: it can."""
        return None

    def scorer_options(self, strategy: Strategy, scorer: Scorer) -> Mapping[str, Any]:
        """Options of the scorer that differ from those of the controlled row; the scorer must have them all."""
        return {}

    def retrained(self, trainer: str) -> str | None:
        """The trainer that replaces this one with the same number of generated tokens; None: the row has no control.

        Only used if `needs` is `training`; the trainer must set `uses_token_budget`.
        """
        return None

    @abstractmethod
    def apply(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
    ) -> ControlledInput:
        """What the scorer reads instead of these requests and profiles.

        A request whose profiles failed must keep them, so that the same pairs have predictions as in the controlled
        row.

        Raises:
            DataError: the requests do not allow it, for instance because there is only one user.
        """
