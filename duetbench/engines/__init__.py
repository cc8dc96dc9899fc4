"""Built-in engines, the base class of engines for local weights, and the request store that wraps any engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Engine


@hookimpl
def duetbench_register_engines() -> list[type[Engine]]:
    """The built-in engines."""
    from duetbench.engines.openai.engine import OpenAIEngine
    from duetbench.engines.transformers.engine import TransformersEngine
    from duetbench.engines.vllm.engine import VllmEngine

    return [OpenAIEngine, TransformersEngine, VllmEngine]
