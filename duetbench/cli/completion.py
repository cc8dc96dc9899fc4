"""Arguments that a shell completes with names; what they are is looked up when the shell asks."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from duetbench.cli.context import Settings

if TYPE_CHECKING:
    from duetbench.interfaces import Kind

F = TypeVar("F", bound=Callable[..., Any])

Candidates = Callable[[click.Context], Iterable[CompletionItem]]
"""All names that are possible, given the arguments before."""


class CompletedText(click.ParamType):  # type: ignore[type-arg]  # not generic in older versions of click
    """A text that the shell completes; any other text is accepted too, and checked where it is used.

    Args:
        name: What it names.
        candidates: Yields the possible names.
        also: `file` or `dir`: the shell also completes paths.
    """

    def __init__(self, name: str, candidates: Candidates, *, also: str = "") -> None:
        self.name = name
        self._candidates = candidates
        self._also = also

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names that begin with what was typed."""
        output = io.StringIO()  # what plugins print must not become part of the user's command line
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            try:
                items = [item for item in self._candidates(ctx) if item.value.startswith(incomplete)]
            except Exception:  # a fault is reported by the command, a completion stays silent
                items = []
        return [*items, CompletionItem(incomplete, type=self._also)] if self._also else items


def names_option(option: str, parameter: str, type_: CompletedText, text: str) -> Callable[[F], F]:
    """An option that takes a name and may be given several times."""
    return click.option(option, parameter, multiple=True, type=type_, metavar="NAME", help=text)


def plugin_name(kind: Kind, *, also: str = "") -> CompletedText:
    """The name of a plugin of a kind."""
    return CompletedText("name", lambda context: _plugins(context, kind), also=also)


def any_plugin_name() -> CompletedText:
    """The name of a plugin of the kind that `--kind` or KIND names, else of any kind."""
    return CompletedText("name", _plugins_of_the_kind)


def kind_name(*others: str) -> CompletedText:
    """A kind of plugin, or one of other words."""
    return CompletedText("kind", lambda _context: [CompletionItem(name) for name in (*others, *_kinds())])


def model_name() -> CompletedText:
    """The name of a model card, or `path:` for a folder."""
    return CompletedText("name", _models)


def shown_name() -> CompletedText:
    """What `duetbench show KIND` shows."""
    return CompletedText("name", _shown)


def words(list_words: Callable[[], Iterable[str]], *, also: str = "") -> CompletedText:
    """One of some words, which are listed when the shell asks."""
    return CompletedText("text", lambda _context: map(CompletionItem, list_words()), also=also)


def run_name() -> CompletedText:
    """The name of a folder in `runs`, or the path of another one."""
    return CompletedText("run", lambda _context: map(CompletionItem, _runs()), also="dir")


def _plugins(context: click.Context, kind: Kind) -> Iterator[CompletionItem]:
    for name, registered in context.ensure_object(Settings).plugins.of_kind(kind).items():
        yield CompletionItem(name, help=registered.cls.summary)


def _plugins_of_the_kind(context: click.Context) -> Iterator[CompletionItem]:
    chosen = str(context.params.get("kind") or "").lower()
    for singular, plural in _kinds().items():
        if chosen in ("", singular, plural):
            yield from _plugins(context, singular)


def _kinds() -> dict[Kind, str]:
    from duetbench.interfaces import PLURALS

    return dict(PLURALS)


def _models(_context: click.Context) -> Iterator[CompletionItem]:
    from duetbench.models import card_names
    from duetbench.models.hub.repository import local_names

    yield from map(CompletionItem, card_names())
    yield CompletionItem("path:", help="a local model folder")
    yield CompletionItem("hf:", help="a model on the Hugging Face hub")
    yield from map(CompletionItem, local_names())


def _shown(context: click.Context) -> Iterable[CompletionItem]:
    from duetbench.runner.config.presets import preset_names
    from duetbench.runner.config.sections import SECTION_NAMES

    kind = context.params.get("kind")
    if kind == "prompt":
        return _plugins(context, "strategy")
    others: dict[str | None, Callable[[], Iterable[str]]] = {"preset": preset_names, "options": lambda: SECTION_NAMES}
    return map(CompletionItem, others[kind]()) if kind in others else _plugins_of_the_kind(context)


def _runs() -> list[str]:
    return sorted(path.parent.name for path in Path("runs").glob("*/plan.json"))
