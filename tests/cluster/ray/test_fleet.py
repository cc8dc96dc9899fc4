"""A fleet on a real cluster of three nodes, whose workers are killed at random."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from grid_making import make_model_folder
from ray_making import add_node, kill_some_worker

from duetbench.cluster.jobs import PluginPlaces
from duetbench.cluster.ray.connection import RayCluster
from duetbench.cluster.ray.engine import FleetEngine
from duetbench.cluster.ray.fleet import Fleet
from duetbench.cluster.ray.options import RayOptions
from duetbench.cluster.ray.worker import EngineSpec, make_engine
from duetbench.engines.store.database import RequestStore
from duetbench.engines.store.stored_engine import StoredEngine
from duetbench.errors import ConfigError, EngineError
from duetbench.interfaces import Engine
from duetbench.models import resolve
from duetbench.plugins import Plugins
from duetbench.prompts import prompt_key
from duetbench.runner.planning.cells import PluginChoice
from duetbench.types import Message, Prompt, Sampling

pytestmark = pytest.mark.xdist_group("ray")  # one cluster for all tests
PLUGIN = Path(__file__).parent / "fleet_plugin.py"
LABELS = ("1", "2", "3", "4", "5")
SAMPLING = Sampling(temperature=0.7, seed=3)


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., EngineSpec]:
    """The engine of fleet_plugin.py with a log in the test's folder."""

    def made(**options: Any) -> EngineSpec:
        (tmp_path / "processes").mkdir(exist_ok=True)
        plugins = Plugins([PLUGIN], environ={})
        registered = plugins.get("engine", "slow")
        config = registered.cls.Config(log=str(tmp_path / "log"), processes=str(tmp_path / "processes"), **options)
        choice = PluginChoice(registered, config)
        model = resolve(f"path:{make_model_folder(tmp_path / 'model')}")
        return EngineSpec("slow", asdict(config), str(choice.describe()["code"]), model, PluginPlaces.of(plugins))

    return made


@pytest.fixture
def fleet(cluster: Any) -> Iterator[Fleet]:
    with closing(Fleet(RayCluster("auto"), RayOptions(attempts=100), lambda _line: None)) as made:
        yield made


def _prompts(n: int) -> list[Prompt]:
    chats = [(Message("user", f"{number}: describe <profile>the user</profile>"),) for number in range(n)]
    return [Prompt(prompt_key(messages), "user", messages) for messages in chats]


def _stored(engine: Engine, store: RequestStore) -> StoredEngine:
    return StoredEngine(engine, store)


def _answers(engine: Engine, n: int) -> tuple[list[str], list[tuple[float, ...]]]:
    texts = [completion.text for completion in engine.generate(_prompts(n), SAMPLING)]
    return texts, [read.logprobs for read in engine.label_logprobs(_prompts(n), "Rating: ", LABELS)]


def _without_pause(spec: EngineSpec, tmp_path: Path) -> Engine:
    """The same engine in this process, faster and with another log."""
    return make_engine(replace(spec, options={**spec.options, "pause": 0.0, "log": str(tmp_path / "local.log")}))


class Killer:
    """Kills a random worker again and again, until it has killed `n`."""

    def __init__(self, folder: Path, n: int, *, every: float) -> None:
        self.killed: list[int] = []
        self._folder, self._n, self._every = folder, n, every
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def is_done(self) -> bool:
        return len(self.killed) >= self._n

    def _run(self) -> None:
        random = Random(0)
        while not (self.is_done or self._is_over.is_set()):
            time.sleep(self._every)
            pid = kill_some_worker([int(path.name) for path in self._folder.iterdir()], random)
            self.killed += [pid] if pid else []


def _survives(fleet: Fleet, spec: EngineSpec, tmp_path: Path, *, n_kills: int) -> None:
    """All answers are those of the local engine, and no kill costs more than one batch."""
    store = RequestStore(tmp_path / "fleet.sqlite")
    engine = _stored(FleetEngine(make_engine(spec), spec, fleet), store)
    engine.generate(_prompts(1), SAMPLING)
    rounds: list[Any] = []
    with Killer(tmp_path / "processes", n_kills, every=0.3) as killer:
        n = 24
        while not killer.is_done:
            rounds.append((n, _answers(engine, n)))
            n += 24
    log = (tmp_path / "log").read_text().splitlines()
    repeated = sum(count - 1 for count in Counter(log).values())
    local = _stored(_without_pause(spec, tmp_path), RequestStore(tmp_path / "local.sqlite"))
    assert repeated <= len(killer.killed) == n_kills
    assert all(answers == _answers(local, n) for n, answers in rounds)


def test_answers_and_keys_are_those_of_the_local_engine(
    fleet: Fleet, spec: Callable[..., EngineSpec], tmp_path: Path
) -> None:
    store = RequestStore(tmp_path / "store.sqlite")
    made = spec()
    answers = _answers(_stored(FleetEngine(make_engine(made), made, fleet), store), 20)
    n_batches = len((tmp_path / "log").read_text().splitlines())
    assert _answers(StoredEngine(make_engine(made), store), 20) == answers
    assert len((tmp_path / "log").read_text().splitlines()) == n_batches == 10  # all from the store: the keys are equal
    assert _answers(make_engine(made), 20) == answers


def test_workers_are_spread_over_the_nodes(fleet: Fleet, spec: Callable[..., EngineSpec], tmp_path: Path) -> None:
    made = spec(pause=0.5)
    _answers(_stored(FleetEngine(make_engine(made), made, fleet), RequestStore(tmp_path / "s.sqlite")), 40)
    assert fleet.share.workers == 3
    assert len(list((tmp_path / "processes").iterdir())) == 3 + 1  # and this process, which counts tokens


def test_killed_workers_cost_their_batch_only(fleet: Fleet, spec: Callable[..., EngineSpec], tmp_path: Path) -> None:
    _survives(fleet, spec(pause=0.1), tmp_path, n_kills=4)


@pytest.mark.slow
def test_a_hundred_killed_workers_lose_no_answer(fleet: Fleet, spec: Callable[..., EngineSpec], tmp_path: Path) -> None:
    _survives(fleet, spec(pause=0.1), tmp_path, n_kills=100)


@pytest.mark.slow
def test_a_lost_node_costs_the_batches_of_its_workers(
    cluster: Any, fleet: Fleet, spec: Callable[..., EngineSpec], tmp_path: Path
) -> None:
    node = add_node(cluster)
    made = spec(pause=0.3)
    with closing(Fleet(RayCluster("auto"), RayOptions(attempts=100), lambda _line: None)) as larger:
        engine = _stored(FleetEngine(make_engine(made), made, larger), RequestStore(tmp_path / "s.sqlite"))
        engine.generate(_prompts(40), SAMPLING)
        removal = threading.Timer(0.5, cluster.remove_node, [node])
        removal.start()
        answers = _answers(engine, 160)
        removal.join()
    assert answers == _answers(_without_pause(made, tmp_path), 160)
    repeated = Counter((tmp_path / "log").read_text().splitlines())
    assert larger.share.workers == 4
    assert sum(count - 1 for count in repeated.values()) <= 1


def test_an_engine_error_is_an_error_of_the_call_and_no_lost_worker(
    fleet: Fleet, spec: Callable[..., EngineSpec]
) -> None:
    made = spec()
    engine = FleetEngine(make_engine(made), EngineSpec("none", {}, "", made.model, made.places), fleet)
    with pytest.raises(EngineError, match="no engine named 'none'"):
        engine.info()


def test_a_batch_that_kills_every_worker_fails_in_the_end(
    cluster: Any, spec: Callable[..., EngineSpec], tmp_path: Path
) -> None:
    made = spec(pause=30.0)
    with (
        closing(Fleet(RayCluster("auto"), RayOptions(workers=1, attempts=2), lambda _line: None)) as small,
        Killer(tmp_path / "processes", 100, every=0.5),
        pytest.raises(EngineError, match="2 Ray workers in a row were lost"),
    ):
        small.call(made, "generate", _prompts(1), SAMPLING)


def test_more_engines_than_the_cluster_has_room_for_are_an_error(cluster: Any) -> None:
    with pytest.raises(ConfigError, match=r"has room for 3: its nodes have 1 CPUs"):
        Fleet(RayCluster("auto"), RayOptions(workers=4), lambda _line: None)
    with pytest.raises(ConfigError, match="has room for 0"):
        Fleet(RayCluster("auto"), RayOptions(gpus=1), lambda _line: None)
