"""A sandbox for Jinja templates that also bounds time and memory.

Jinja's sandbox keeps a template from reaching Python, but lets it compute: `'x' * 10**10`, nested loops, macros that
call themselves. Here every operation that makes a value or takes a step is charged to the budget of the rendering, and
operations whose result may be far larger than their arguments are checked before they run. Memory is therefore bounded
by the budget, and no single operation runs long before the deadline is checked again.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2 import TemplateRuntimeError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_SIZE = 20_000_000
"""Characters that one rendering may make; 1,000 long reviews need a third. Entries and steps cost as below."""

_ENTRY = 10
_STEP = 20
"""An entry of a list and an iteration in characters, by the time they take: about 20 characters per microsecond."""

_CHECK_INTERVAL = 2_000
"""Characters after which the time is checked."""

MAX_SECONDS = 10.0
"""Time of one rendering; the largest prompts of this project need milliseconds."""

MAX_COUNT = 100_000
"""Largest number that says how often or how wide: widths, repetitions, steps of `range` (Jinja's own bound)."""

_MAX_BITS = 10_000
"""Size of an integer; Python needs quadratic time to write one."""

_WIDTH = re.compile(r"\d{5,}|\{[^{}]*\{")
"""A format with a width of 10,000 characters or more, or of `str.format` with a width that is an argument."""

_VALUES_NOT_COUNTS = frozenset(
    {"format", "default", "d", "int", "float", "select", "selectattr", "reject", "rejectattr", "map", "get", "index"}
)
"""Filters and methods whose integer arguments are values; in all others they may say how much to produce."""

_MULTIPLYING = frozenset({"replace", "join", "indent", "expandtabs", "wordwrap", "translate"})
"""Filters and methods that insert an argument once per entry or character."""


class TooExpensive(TemplateRuntimeError):
    """A template exceeds its budget."""


class _Budget:
    def __init__(self) -> None:
        self.left = MAX_SIZE
        self._next_check = MAX_SIZE - _CHECK_INTERVAL
        self._deadline = time.monotonic() + MAX_SECONDS

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < self._next_check:
            self._next_check = self.left - _CHECK_INTERVAL
            if self.left < 0:
                raise TooExpensive(f"makes more than {MAX_SIZE:,} characters and steps")
            if time.monotonic() > self._deadline:
                raise TooExpensive(f"runs longer than {MAX_SECONDS:.0f} s")


_BUDGET: ContextVar[_Budget] = ContextVar("budget")


@contextmanager
def budget() -> Iterator[None]:
    """Everything that templates compute inside has one budget; outside of it, no template can be used."""
    token = _BUDGET.set(_Budget())
    try:
        yield
    finally:
        _BUDGET.reset(token)


def charge(value: Any) -> Any:
    """The value, its size charged to the budget; a value that occurs several times in it counts each time."""
    current = _BUDGET.get()
    current.spend(len(value) + 1 if isinstance(value, str) else _expanded_size(value, current.left))
    return value


def _expanded_size(value: Any, limit: int) -> int:
    """Entries, characters and bytes of a value; counting ends beyond `limit`."""
    total, pending = 0, [value]
    while pending and total <= limit:
        part = pending.pop()
        total += 1
        if isinstance(part, str | bytes):
            total += len(part)
        elif isinstance(part, int):
            total += part.bit_length() // 8
        elif isinstance(part, list | tuple | set | frozenset | dict):
            total += _ENTRY * (1 + len(part))
            pending.extend(part)
            pending.extend(part.values() if isinstance(part, dict) else ())
    return total


def _check_product(*sizes: int) -> None:
    product = 1
    for size in sizes:
        product *= max(size, 1)
    if product > _BUDGET.get().left:
        raise TooExpensive(f"makes a value of {product:,} characters or entries, more than {MAX_SIZE:,} in all")


def _check_call(name: str, arguments: tuple[Any, ...]) -> None:
    """Refuses a filter or method of a built-in type that would make a huge value from small arguments."""
    if name not in _VALUES_NOT_COUNTS:
        for argument in arguments:
            if isinstance(argument, int) and abs(argument) > MAX_COUNT:
                raise TooExpensive(f"{name}: the argument {str(argument)[:30]} is larger than {MAX_COUNT:,}")
    if name in _MULTIPLYING:
        _check_product(*(_extent(argument) for argument in arguments))
    if name == "format" and isinstance(arguments[0], str):
        _check_format(arguments[0], arguments[1:])
    if name == "sum" and any(isinstance(argument, list | tuple | str) for argument in arguments[2:]):
        raise TooExpensive("sum: adds numbers only")


def _extent(argument: Any) -> int:
    if isinstance(argument, int):
        return abs(argument)
    if hasattr(argument, "__next__"):
        return MAX_COUNT
    return len(argument) if isinstance(argument, str | bytes | list | tuple | dict | range) else 1


def _check_format(text: str, arguments: Iterable[Any] = ()) -> None:
    has_wide = "*" in text and any(isinstance(value, int) and abs(value) > MAX_COUNT for value in arguments)
    if has_wide or _WIDTH.search(text):
        raise TooExpensive(f"format {text[:40]!r}: a width must be a number of at most 4 digits")


def _bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    # The first argument of some filters is Jinja's own context, which no check takes for a value.
    @functools.wraps(function)  # also copies the mark that such a filter has
    def bounded(*args: Any, **kwargs: Any) -> Any:
        if len(args) > 1 or kwargs:
            _check_call(name, (*args, *kwargs.values()))
        return charge(function(*args, **kwargs))

    return bounded


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox in which all work is charged to the current `budget`; templates cannot change their values."""

    intercepted_binops = frozenset(("*", "**", "%", "+"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters = {
            name: _bounded_filter(name, function)
            for name, function in self.filters.items()
            if name not in ("pprint", "random", "urlize", "xmlattr")  # for HTML, for debugging, or not reproducible
        }
        self.globals.pop("lipsum", None)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = super()._parse(source, name, filename)
        visited: nodes.Template = _Charged().visit(template)
        return visited.set_environment(self)  # type: ignore[return-value]

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """The result of an operator, which is checked before it is computed."""
        if isinstance(left, int) and isinstance(right, int):
            bits = {"*": left.bit_length() + right.bit_length(), "**": left.bit_length() * max(right, 0)}
            if bits.get(operator, 0) > _MAX_BITS:
                raise TooExpensive(f"a {operator} makes an integer of {bits[operator]:,} bits")
        elif operator == "*":
            _check_product(_extent(left), _extent(right))
        elif operator == "%" and isinstance(left, str):
            _check_format(left, right if isinstance(right, tuple) else (right,))
        return charge(super().call_binop(context, operator, left, right))

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """The result of a call: of a macro, a method or a function."""
        owner = getattr(__obj, "__self__", None)
        if owner is __self:  # one of the methods below
            return __obj(*args)
        if isinstance(owner, str | bytes | int | float | list | tuple | dict):
            _check_call(getattr(__obj, "__name__", ""), (owner, *args, *kwargs.values()))
        return charge(super().call(__context, __obj, *args, **kwargs))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may read an attribute; only methods can change a value, and few attributes are methods."""
        if not callable(value):
            return SandboxedEnvironment.is_safe_attribute(self, obj, attr, value)
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Any:
        """The safe variant of `str.format`; None if the value is something else."""
        wrapped = super().wrap_str_format(value) if callable(value) else None
        if wrapped is not None:
            _check_format(value.__self__)
        return wrapped

    def charge_step(self, n_characters: int) -> str:
        """Charges one iteration with the characters that the template itself writes in it."""
        _BUDGET.get().spend(_STEP + n_characters)
        return ""

    def charge_value(self, value: Any) -> Any:
        """The value of a list, tuple or mapping that a template writes out."""
        return charge(value)

    def concatenate(self, *values: Any) -> str:
        """What the operator `~` makes."""
        return "".join(charge(str(value)) for value in values)


class _Charged(NodeTransformer):
    """Inserts calls of `BoundedEnvironment` where a template loops or makes a value without calling anything."""

    def _in_steps(self, node: Any) -> Any:
        self.generic_visit(node)
        n_characters = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        node.body.insert(0, nodes.ExprStmt(_call("charge_step", [nodes.Const(n_characters)], node), lineno=node.lineno))
        return node

    visit_For = visit_Macro = visit_CallBlock = _in_steps

    def _written_out(self, node: Any) -> Any:
        self.generic_visit(node)
        is_target = getattr(node, "ctx", "load") != "load"
        return node if is_target else _call("charge_value", [node], node)

    visit_List = visit_Tuple = visit_Dict = _written_out

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:
        self.generic_visit(node)
        return _call("concatenate", node.nodes, node)


def _call(method: str, arguments: list[nodes.Expr], node: nodes.Node) -> nodes.Call:
    function = nodes.EnvironmentAttribute(method, lineno=node.lineno)
    return nodes.Call(function, arguments, [], None, None, lineno=node.lineno)


def line_of(error: BaseException, first_line: int) -> int | None:
    """The line of a template's file at which an error occurred; None if it is unknown.

    Args:
        error: What compiling or rendering raised.
        first_line: The line of the file at which the template's source begins.
    """
    line = error.lineno if isinstance(error, TemplateSyntaxError) else None
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return first_line + line - 1 if line else None
