"""A base model is loaded once for all engines that run it, with and without adapters."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

import pytest
from engine_making import make_prompt
from weights_making import save_adapter

from duetbench.engines.transformers import shared_weights
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import ModelError
from duetbench.models import resolve
from duetbench.types import LabelLogprobs, ModelRef

pytest.importorskip("peft")
PROMPT = make_prompt("some people like jazz")


@pytest.fixture(autouse=True)
def _nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines of other tests may hold the same weights."""
    monkeypatch.setattr(shared_weights, "_loaded", WeakValueDictionary())


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that are loaded."""
    names: list[str] = []
    load = shared_weights.load_model

    def counted(model: ModelRef, placement: object) -> object:
        names.append(model.name)
        return load(model, placement)  # type: ignore[arg-type]

    monkeypatch.setattr(shared_weights, "load_model", counted)
    return names


def label_of(engine: TransformersEngine) -> LabelLogprobs:
    return engine.label_logprobs([PROMPT], "", ("1", "2"))[0]


def engines(folder: Path, *adapters: Path) -> list[TransformersEngine]:
    """The engine without an adapter, and those with."""
    references = [resolve(f"path:{folder}", adapter=str(each) if each else None) for each in (None, *adapters)]
    return [TransformersEngine(model=reference) for reference in references]


def test_adapters_share_their_base(model_folder: Path, tmp_path: Path, loads: list[str]) -> None:
    adapters = [save_adapter(model_folder, tmp_path / str(scale), scale) for scale in (1.0, 2.0)]
    shared = engines(model_folder, *adapters)
    first = [label_of(engine) for engine in shared]
    again = [label_of(engine) for engine in reversed(shared)][::-1]
    assert loads == [f"path:{model_folder}"]
    assert first == again
    assert len({result.logprobs for result in first}) == 3


def test_weights_are_the_same_alone_and_shared(model_folder: Path, tmp_path: Path, loads: list[str]) -> None:
    adapter = save_adapter(model_folder, tmp_path, 1.0)
    plain, adapted = engines(model_folder, adapter)
    together = [label_of(adapted), label_of(plain)]
    for engine in (plain, adapted):
        engine.close()
    alone = []
    for engine in (adapted, plain):
        alone.append(label_of(engine))
        engine.close()
    assert alone == together
    assert len(loads) == 3


def test_the_last_engine_frees_the_weights(model_folder: Path) -> None:
    first, second = engines(model_folder)[0], engines(model_folder)[0]
    label_of(first), label_of(second)
    n_loaded = len(shared_weights._loaded)
    first.close()
    assert len(shared_weights._loaded) == n_loaded
    second.close()
    assert len(shared_weights._loaded) == n_loaded - 1


def test_an_adapter_that_fails_leaves_no_trace_in_the_base(model_folder: Path, tmp_path: Path) -> None:
    plain, broken = engines(model_folder, save_adapter(model_folder, tmp_path, 0.0))
    before = label_of(plain)
    with pytest.raises(ModelError, match="changes nothing"):
        label_of(broken)
    assert label_of(plain) == before
