"""Prompt templates that never end, or fill the memory, are errors of one line with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from duetbench.errors import ConfigError
from duetbench.prompts import bounded, render, render_text

GROW = (
    "{{% set s = namespace(x={start}) %}}{{% for n in range(60) %}}{{% set s.x = {step} %}}{{% endfor %}}{{{{ s.x }}}}"
)
FAULTS = {
    "{{ 1/0 }}": "ZeroDivisionError: division by zero",
    "{{ 5 // 0 }}": "ZeroDivisionError",
    "{{ 3 is divisibleby 0 }}": "ZeroDivisionError",
    "{% for n in range(10**9) %}x{% endfor %}": "Range too big",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": "RecursionError",
    "{% block a %}{{ self.a() }}{% endblock %}": "RecursionError",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}": "RecursionError",
    "{{ 'x' * 10**10 }}": "makes a value of 10,000,000,000 characters",
    "{{ [0] * 10**10 }}": "makes a value of 10,000,000,000",
    "{{ 10 ** (10 ** 5) }}": "an integer of 400,000 bits",
    "{{ (2 ** 9000) * (2 ** 9000) }}": "bits",
    "{{ 'x' | center(10**10) }}": "center: the argument 10000000000",
    "{{ 'x'.ljust(10**10) }}": "ljust: the argument",
    "{{ 'x' | attr('center')(10**10) }}": "center: the argument",
    "{{ '%99999999d' % 1 }}": "a width must be",
    "{{ '%99999999d' | format(1) }}": "a width must be",
    "{{ '%*d' | format(10**10, 1) }}": "a width must be",
    "{{ '{:>99999999}'.format(1) }}": "a width must be",
    "{{ '{:{}}'.format(1, 10**10) }}": "a width must be",
    "{{ [1] | batch(10**10, 0) | list }}": "batch: the argument",
    "{{ range(99999) | join('x' * 99999) }}": "makes a value of",
    "{{ ('x' * 999999) | replace('x', 'y' * 999999) }}": "makes a value of",
    "{{ range(99999) | map('center', 99999) | list }}": "makes more than 20,000,000",
    "{{ (5).to_bytes(10**10, 'big') }}": "to_bytes: the argument",
    "{{ 1.5 | round(10**9) }}": "round: the argument",
    GROW.format(start="'x'", step="s.x ~ s.x"): "makes more than 20,000,000",
    GROW.format(start="'x'", step="s.x + s.x"): "makes more than 20,000,000",
    "{% for n in range(99999) %}" + "y" * 1_000 + "{% endfor %}": "makes more than 20,000,000",
    "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}": "RecursionError",
    "{% for a in [1] %}" * 30 + "{% endfor %}" * 30: "too many statically nested blocks",
    "{{ " + "1" * 5_001 + " }}": "ValueError",
    "{{ words.append('x') }}": "unsafe",
    "{% include 'x' %}": "no loader",
}


@pytest.mark.parametrize(("template", "fault"), FAULTS.items(), ids=range(len(FAULTS)))
def test_a_template_that_cannot_end_is_an_error_with_its_line(template: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        render_text(f"[[system]]\nWords.\n[[user]]\n{template}", words=["a"])
    assert fault in str(caught.value)
    assert "line 4" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 450


def test_the_line_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("[[system]]\nWords.\n\n[[user]]\n\n\nMore.\n{{ 1/0 }}\n")
    with pytest.raises(ConfigError, match=r"mine\.jinja: line 8: ZeroDivisionError"):
        render(str(path), "default")


@pytest.mark.parametrize("step", ["[s.x, s.x]", "(s.x, s.x)", "{'a': s.x, 'b': s.x}", "dict(a=s.x, b=s.x)"])
def test_values_inside_values_count_each_time(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_SIZE", 100_000)
    with pytest.raises(ConfigError, match="makes more than"):
        render_text("[[user]]\n" + GROW.format(start="[1]", step=step))


def test_loops_without_output_are_stopped_by_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_SECONDS", 0.05)
    loops = "{% for a in range(99999) %}{% for b in range(99999) if false %}{% endfor %}{% endfor %}"
    with pytest.raises(ConfigError, match="runs longer than"):
        render_text("[[user]]\n" + loops)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ '%.*f' | format(2, 3.14159) }} {{ '%d' | format(1300000000) }}", "3.14 1300000000"),
        ("{{ 'a' ~ 1 ~ (words | join(', ')) }} {{ [1, 2] + [3] }}", "a1x, y [1, 2, 3]"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{{ loop.index }}{% endfor %}", "a11"),
        ("{% set a, b = 1, 2 %}{{ a + b }} {{ (1, 2) | length }} {{ {'c': 5}.get('d', 7000000) }}", "3 2 7000000"),
        ("{% macro m(x) %}{{ x }}!{% endmacro %}{{ m('a') }}{{ m(x='b') }}", "a!b!"),
        ("{% filter upper %}a{{ 'b' * 3 }}{% endfilter %}", "ABBB"),
        ("{{ words | map('upper') | list | length }} {{ missing | default(5000000) }}", "2 5000000"),
    ],
)
def test_ordinary_templates_render_as_before(template: str, text: str) -> None:
    assert render_text("[[user]]\n" + template, words=["x", "y"])[0].content == text


def test_a_long_history_is_within_the_bounds() -> None:
    reviews = ["a long review " * 150] * 1_000
    source = "[[user]]\n{% for review in reviews %}\n- {{ review | cut(2000) }}\n{% endfor %}"
    assert len(render_text(source, reviews=reviews)[0].content) > 2_000_000
