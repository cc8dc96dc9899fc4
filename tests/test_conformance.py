"""Every built-in plugin passes the conformance checks of third-party plugins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints
from unittest import SkipTest

import pytest

from duetbench import prompts
from duetbench.config import build_config
from duetbench.interfaces import PLURALS, DistillationStage, Kind, Strategy
from duetbench.plugins import Plugins, RegisteredPlugin
from duetbench.testing import CONFORMANCE, Conformance, ScorerConformance, StrategyConformance, small_world
from duetbench.types import Message, Prompt

_PLUGINS = Plugins(environ={"DUETBENCH_DISABLE_PLUGINS": ""})
_ALL = [registered for kind in PLURALS for registered in _PLUGINS.of_kind(kind).values()]
_CASES = [(registered, check) for registered in _ALL for check in CONFORMANCE[registered.kind].checks()]
_PROMPT_CHECKS = {
    "strategy": (
        "test_prompts_are_well_formed",
        "test_prompts_contain_no_label_and_no_markup",
        "test_prompts_do_not_depend_on_other_requests",
        "test_malformed_answers_are_not_guessed",
        "test_blank_answers_are_unreadable",
        "test_stages_work_without_earlier_profiles",
    ),
    "scorer": ("test_prompts_are_well_formed_and_without_leaks", "test_garbage_answers_are_unreadable"),
}


def _choices(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return (True, False) if hint is bool else ()


def _variants(registered: RegisteredPlugin) -> Iterator[dict[str, Any]]:
    """Each choice of each option, for each prompt set if there are several."""
    hints = get_type_hints(registered.cls.Config)
    sets = [{"prompt_set": name} for name in get_args(hints["prompt_set"])] if "prompt_set" in hints else [{}]
    for shared in sets:
        yield shared
        for name, hint in hints.items():
            for choice in _choices(hint) if name != "prompt_set" else ():
                options = {**shared, name: choice}
                if not build_config(registered.cls.Config, options, path="")[1]:  # some choices exclude each other
                    yield options


_VARIANTS = [
    (registered, options)
    for registered in _ALL
    for options in (_variants(registered) if registered.kind in _PROMPT_CHECKS else ())
]


def _id(value: object) -> str:
    if isinstance(value, RegisteredPlugin):
        return f"{value.kind}-{value.cls.name}"
    return "-".join(f"{name}={choice}" for name, choice in value.items()) if isinstance(value, dict) else str(value)


def _conformance(kind: Kind, plugin: type, options: dict[str, Any]) -> Conformance:
    return type("Checked", (CONFORMANCE[kind],), {"plugin": plugin, "options": options})()


def _run(conformance: Conformance, check: str) -> None:
    try:
        getattr(conformance, check)()
    except SkipTest as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize(("registered", "check"), _CASES, ids=_id)
def test_built_in_plugin_conforms(registered: RegisteredPlugin, check: str) -> None:
    _run(_conformance(registered.kind, registered.cls, {}), check)


@pytest.mark.parametrize(("registered", "options"), _VARIANTS, ids=_id)
def test_prompts_conform_for_every_choice_of_options(registered: RegisteredPlugin, options: dict[str, Any]) -> None:
    conformance = _conformance(registered.kind, registered.cls, options)
    for check in _PROMPT_CHECKS[registered.kind]:
        try:
            getattr(conformance, check)()
        except SkipTest:  # it has no prompts
            continue


def _render_hints(strategy: Strategy) -> None:
    """Renders the hinted prompts of a strategy's training stages."""
    example = small_world().examples[0]
    for stage in strategy.training_stages():
        if isinstance(stage, DistillationStage) and stage.check:
            stage.check.hint(Prompt("key", "pair", (Message("user", "why?"),)), example)


def test_every_prompt_file_is_used_by_a_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[str] = set()
    original = prompts.template_path
    monkeypatch.setattr(
        prompts,
        "template_path",
        lambda name, prompt_set: used.add(f"{prompt_set}/{name}") or original(name, prompt_set),
    )
    for registered, options in _VARIANTS:
        conformance = _conformance(registered.kind, registered.cls, options)
        if isinstance(conformance, StrategyConformance):
            conformance.test_prompts_contain_no_label_and_no_markup() if conformance.make().stages() else None
            _render_hints(conformance.make())
        elif isinstance(conformance, ScorerConformance) and registered.cls.needs_engine:
            conformance.test_prompts_are_well_formed_and_without_leaks()
    files = {f"{path.parent.name}/{path.name.removesuffix('.md.jinja')}" for path in prompts.FOLDER.glob("*/*.jinja")}
    assert files - used == set()
