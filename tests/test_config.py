"""Options from YAML and the command line: coerced, never guessed, all faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from duetbench.config import build_config, coerce, options_of, parse_settings
from duetbench.errors import ConfigError
from duetbench.interfaces import option


@dataclass(frozen=True)
class Sample:
    n: int = option(3, "a count")
    share: float = option(0.5, "a share")
    mode: Literal["fast", "no"] = option("fast", "a mode")
    k: Literal[1, 2] = option(1, "one of two numbers")
    on: bool = option(False, "a switch")
    file: str | None = option(None, "a file")
    limit: int | None = option(None, "a limit")
    layers: tuple[int, ...] = option((1, 2), "several numbers")
    names: tuple[str, ...] = option((), "several names")

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError("n must be >= 0")


@pytest.mark.parametrize(
    ("hint", "given", "wanted"),
    [
        (int, "3", 3),
        (int, 3, 3),
        (float, "0.5", 0.5),
        (float, 2, 2.0),
        (float, "1e-3", 1e-3),
        (float, "2e5", 2e5),
        (int, "010", 10),
        (Literal["1", "2"], "2", "2"),
        (bool, "true", True),
        (bool, "off", False),
        (str, "no", "no"),
        (str, "1.0", "1.0"),
        (str | None, "none", None),
        (str | None, "null", None),
        (str | None, "~/x.jinja", "~/x.jinja"),
        (str | None, "2024", "2024"),
        (str | None, None, None),
        (int | None, "null", None),
        (int | None, "none", None),
        (int | None, "7", 7),
        (float | None, "0.5", 0.5),
        (Literal["fast", "no"], "no", "no"),
        (Literal[1, 2], "2", 2),
        (tuple[int, ...], "1,2,3", (1, 2, 3)),
        (tuple[int, ...], "[1, 2]", (1, 2)),
        (tuple[int, ...], 5, (5,)),
        (tuple[int, ...], "5", (5,)),
        (tuple[int, ...], [], ()),
        (tuple[str, ...], "a, b", ("a", "b")),
        (tuple[str, ...], "1,2", ("1", "2")),
        (tuple[str, ...], "[no, yes]", ("no", "yes")),
        (tuple[str, ...], ["a", "b"], ("a", "b")),
        (tuple[str, ...], "", ()),
    ],
)
def test_value_becomes_the_type_wanted(hint: Any, given: Any, wanted: Any) -> None:
    found = coerce(given, hint)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("hint", "given"),
    [
        (int, "3.5"),
        (int, 3.0),
        (int, True),
        (int, "many"),
        (int, None),
        (float, "half"),
        (float, True),
        (float, ".nan"),
        (float, "inf"),
        (bool, "maybe"),
        (bool, 1),
        (str, 3),
        (str, None),
        (Literal["fast", "no"], "slow"),
        (Literal[1, 2], "3"),
        (Literal[1, 2], True),
        (int, "1:30"),
        (int, ""),
        (str | None, 3),
        (int | None, "many"),
        (tuple[int, ...], "1,x"),
        (tuple[int, ...], "{a: 1}"),
        (int, "[1"),
        (tuple[int, ...], {"a": 1}),
        (float, [1]),
    ],
)
def test_ill_typed_value_is_refused(hint: Any, given: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        coerce(given, hint)


def test_all_faults_come_at_once_with_their_paths() -> None:
    config, faults = build_config(Sample, {"n": "x", "shaer": 1, "mode": "slow"}, path="sample")
    assert config is None
    assert [fault.partition(":")[0] for fault in faults] == ["sample.n", "sample.shaer", "sample.mode"]
    assert "did you mean 'share'?" in faults[1]


def test_values_that_do_not_fit_together_are_a_fault() -> None:
    assert build_config(Sample, {"n": -1}, path="sample") == (None, ["sample: n must be >= 0"])


def test_no_values_give_the_defaults() -> None:
    assert build_config(Sample, {}, path="sample") == (Sample(), [])


def test_options_tell_type_default_and_meaning() -> None:
    output = {each.name: (each.type, each.default, each.meaning) for each in options_of(Sample)}
    assert output["mode"] == ("fast | no", "fast", "a mode")
    assert output["file"] == ("str | none", None, "a file")
    assert output["layers"] == ("list of int", (1, 2), "several numbers")


def test_later_settings_win() -> None:
    assert parse_settings(("duet.n=1", "duet.n = 2")) == {"duet.n": " 2"}


def test_setting_may_hold_an_equals_sign() -> None:
    assert parse_settings(("duet.prompt=a=b",)) == {"duet.prompt": "a=b"}


def test_malformed_settings_are_reported_all_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        parse_settings(("duet.n", "n=1", ".n=1", "duet.=1", "duet.n=1"))
    assert len(error.value.faults) == 4


def test_key_that_is_no_text_is_a_fault() -> None:
    _, faults = build_config(Sample, {True: 1}, path="sample")  # YAML reads the key `on` as True
    assert faults[0].startswith("sample.True: no such option")


@dataclass(frozen=True)
class Dependent:
    on: bool = True
    size: int = option(1, "size")

    def without_effect(self) -> dict[str, str]:
        return {} if self.on else {"size": "on=false"}


def test_a_set_option_without_effect_is_a_fault() -> None:
    assert build_config(Dependent, {"on": False, "size": 2}, path="x")[1] == [
        "x.size has no effect: on=false; leave it out"
    ]
    assert build_config(Dependent, {"on": False, "size": 1}, path="x") == (Dependent(on=False), [])


def test_a_suggested_option_without_effect_is_left_out() -> None:
    assert build_config(Dependent, {"on": False}, path="x", suggested={"size": 2}) == (Dependent(on=False), [])
    assert build_config(Dependent, {}, path="x", suggested={"size": 2}) == (Dependent(size=2), [])


@dataclass(frozen=True)
class Named:
    args: Mapping[str, bool | int | str | None] | None = option(None, "names with values")


def test_entries_of_a_mapping_are_set_one_by_one() -> None:
    values = {"args": {"a": 1, "b": "2"}, "args.a": "false", "args.c": "none", "args.d": "x"}
    assert build_config(Named, values, path="p") == (Named({"a": False, "b": "2", "c": None, "d": "x"}), [])


def test_a_mapping_with_other_values_is_a_fault() -> None:
    assert build_config(Named, {"args": {"a": []}}, path="p")[1] == [
        "p.args: expected names with values | none, got {'a': []}"
    ]
