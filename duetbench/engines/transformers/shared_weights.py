"""Weights that the engines of a process share: a base model is loaded once, however many adapters run on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

from duetbench.engines.token_runner import TokenizedPrompt
from duetbench.engines.transformers.loading import DevicePlacement, load_model, with_adapter
from duetbench.engines.transformers.model_runner import ModelRunner
from duetbench.types import Completion, LabelLogprobs, ModelRef, Sampling

_Key = tuple[str, str, DevicePlacement]
"""Folder, digest (a folder whose content was replaced is another model), device and precision."""

_loaded: WeakValueDictionary[_Key, SharedWeights] = WeakValueDictionary()
"""Those that a runner holds."""
_lock = Lock()


class SharedWeights:
    """A base model, on which at most one adapter is active. Loaded when it is first used.

    Args:
        model: The weights; an adapter is ignored.
        placement: Where and in which precision they run.
    """

    def __init__(self, model: ModelRef, placement: DevicePlacement) -> None:
        self._reference, self._placement = model.base, placement
        self._base: Any = None
        self._adapted: Any = None
        self._adapter: str | None = None

    def model(self, adapter: str | None) -> Any:
        """The model with this adapter and no other; None: without any. A result of an earlier call is invalid.

        Raises:
            ModelError: the weights or the adapter cannot be loaded.
        """
        if self._adapted is not None and adapter != self._adapter:
            self._base = self._adapted.unload()
            self._adapted = self._adapter = None
        if self._base is None:
            self._base = load_model(self._reference, self._placement)
        if adapter is not None and self._adapted is None:
            self._adapted, self._adapter = self._add(Path(adapter)), adapter
        return self._base if adapter is None else self._adapted

    def _add(self, folder: Path) -> Any:
        try:
            adapted = with_adapter(self._base, folder)
        except BaseException:
            self._base = None  # its layers may have been replaced: loaded again if needed
            raise
        adapted.requires_grad_(False)
        return adapted


def shared_weights(model: ModelRef, placement: DevicePlacement) -> SharedWeights:
    """The weights of a model, the same object for all that hold it in this process; freed when no one holds it."""
    key = (model.path, model.digest, placement)
    with _lock:
        weights = _loaded.get(key) or SharedWeights(model, placement)
        _loaded[key] = weights
        return weights


class SharedModelRunner(ModelRunner):
    """Runs a model, with or without an adapter, whose weights other runners use as well.

    Args:
        model: The weights and the adapter.
        placement: Where and in which precision they run.
        arguments: See `ModelRunner`.
    """

    def __init__(self, model: ModelRef, placement: DevicePlacement, **arguments: Any) -> None:
        self._weights: SharedWeights | None = shared_weights(model, placement)
        self._adapter = model.adapter
        super().__init__(self._weights.model(model.adapter), **arguments)

    def complete(self, prompts: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        self._activate()
        return super().complete(prompts, sampling)

    def label_logprobs(
        self, prompts: Sequence[TokenizedPrompt], label_ids: Sequence[Sequence[int]]
    ) -> list[LabelLogprobs]:
        self._activate()
        return super().label_logprobs(prompts, label_ids)

    def close(self) -> None:
        self._weights = None  # before the memory of weights that no one holds is returned to the device
        super().close()

    def _activate(self) -> None:
        """Uses the model as it is with this adapter: another runner may have changed it since the last call."""
        assert self._weights is not None
        self.model = self._weights.model(self._adapter)
