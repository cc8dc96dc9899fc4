"""Against omissions: hooks, README, prompts, registry, layers, cheap listing."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from duetbench import hookspecs
from duetbench.cli import main
from duetbench.interfaces import PLURALS
from duetbench.plugins import BUILTIN
from duetbench.testing.conformance.base import HEAVY

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("duetbench_register_"))
COMMANDS = [
    line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line.strip()
]
UNWANTED = (*HEAVY, "vllm", "openai", "requests", "httpx", "huggingface_hub")


def _loaded(code: str) -> set[str]:
    """Names of the modules in a fresh interpreter after the code."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return set(done.stderr.split())


def _loaded_by(*arguments: str) -> set[str]:
    """The same after a command."""
    return _loaded(
        f"from duetbench.cli import main\ntry:\n    main({list(arguments)!r})\n"
        "except SystemExit as stop:\n    assert not stop.code"
    )


def _heavy(modules: set[str]) -> list[str]:
    return sorted(name for name in UNWANTED if name in modules)


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_is_documented(hook: str) -> None:
    base = {plural: kind.capitalize() for kind, plural in PLURALS.items()}[hook.removeprefix("duetbench_register_")]
    assert f"| `{hook}` | `{base}` |" in README
    assert vars(hookspecs)[hook].__doc__


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_has_a_test(hook: str) -> None:
    tests = (ROOT / "tests" / "test_plugins_register.py").read_text()
    assert f"def test_hook_{hook.removeprefix('duetbench_register_')}(" in tests


def test_there_is_a_hook_for_every_kind() -> None:
    assert {f"duetbench_register_{plural}" for plural in PLURALS.values()} == set(HOOKS)


def test_help_loads_no_plugin_machinery() -> None:
    modules = _loaded_by("--help")
    assert "pluggy" not in modules
    assert _heavy(modules) == []
    assert not any(name.startswith(BUILTIN) for name in modules)


def test_register_loads_nothing_heavy() -> None:
    modules = _loaded(
        "from duetbench.plugins import Plugins\nplugins = Plugins(environ={})\n"
        + "\n".join(f"plugins.of_kind({kind!r})" for kind in PLURALS)
    )
    assert _heavy(modules) == []


@pytest.mark.parametrize("arguments", [["list", "strategies"], ["list"], ["show", "strategy", "duet"]])
def test_listing_loads_nothing_heavy(arguments: list[str]) -> None:
    assert _heavy(_loaded_by(*arguments)) == []


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("duetbench ")])
def test_readme_command_exists(line: str) -> None:
    """Each word is a command or an option of it; values and names are left alone."""
    command: click.Command = main
    for word in shlex.split(line)[1:]:
        if isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
        elif word.startswith("-"):
            known = {name for parameter in command.params for name in parameter.opts}
            assert word in known, f"{command.name} has no option {word}"
    assert not isinstance(command, click.Group)


@pytest.mark.parametrize("line", [line for line in COMMANDS if not line.startswith("duetbench ")])
def test_readme_make_target_exists(line: str) -> None:
    tool, target = line.split()
    assert tool == "make"
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_readme_names_every_part_of_the_package() -> None:
    parts = [path.name for path in (ROOT / "duetbench").iterdir() if (path / "__init__.py").is_file()]
    assert [part for part in parts if f"{part}/`" not in README] == []


def test_readme_names_every_command() -> None:
    written = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"`duetbench [^`]*`", README)) + " ".join(COMMANDS)))
    assert [name for name in main.commands if name not in written] == []


def test_layers_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_layers_name_every_module() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = {part.strip() for layer in contracts[0]["layers"] for part in layer.split("|")}
    modules = {path.stem for path in (ROOT / "duetbench").iterdir() if path.suffix == ".py"} - {"__init__"}
    packages = {path.name for path in (ROOT / "duetbench").iterdir() if (path / "__init__.py").is_file()}
    assert named == modules | packages


@pytest.mark.parametrize(("file", "is_vllm"), [("constraints.txt", False), ("constraints-vllm.txt", True)])
def test_constraints_meet_the_bounds(file: str, is_vllm: bool) -> None:
    """The environment with vLLM has constraints of its own: vLLM needs another version of transformers."""
    from packaging.requirements import Requirement

    pinned = {
        name.lower(): version
        for name, _, version in (line.partition("==") for line in (ROOT / file).read_text().split() if "==" in line)
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    names = {"train", "data", "vllm", "vllm-cpu"} if is_vllm else extras.keys() - {"vllm", "vllm-cpu"}
    wanted = [*project["dependencies"], *(each for name in names for each in extras[name])]
    for requirement in (Requirement(each) for each in wanted if not each.startswith("duetbench[")):
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), requirement
    assert pinned["torch"] == "2.13.0"


def test_the_engine_vllm_accepts_what_its_extras_install() -> None:
    from duetbench.engines.vllm.distribution import TESTED

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert (extras["vllm"], extras["vllm-cpu"]) == ([f"vllm{TESTED}"], [f"vllm-cpu{TESTED}"])


@pytest.mark.parametrize("path", sorted((ROOT / "registry").rglob("*.yaml")), ids=lambda path: path.name)
def test_registry_yaml_is_a_mapping_with_a_summary(path: Path) -> None:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(values, dict)
    assert "licence" in values


@pytest.mark.parametrize("path", sorted((ROOT / "registry" / "models").glob("*.yaml")), ids=lambda path: path.stem)
def test_model_card_validates(path: Path) -> None:
    from duetbench.models import load_card

    assert load_card(path.stem).name == path.stem


@pytest.mark.parametrize("path", sorted((ROOT / "registry" / "schemas").glob("*.json")), ids=lambda path: path.name)
def test_schema_is_a_schema(path: Path) -> None:
    import json

    from jsonschema import Draft202012Validator

    schema = json.loads(path.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("draft/2020-12/schema")


def test_wheel_carries_registry_and_prompts(tmp_path: Path) -> None:
    import shutil
    import zipfile

    kept = shutil.ignore_patterns(".git", ".venv", "runs", "__pycache__", ".*cache")
    source = shutil.copytree(ROOT, tmp_path / "source", ignore=kept)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(source)], check=True, stdin=subprocess.DEVNULL)
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    wanted = [path.relative_to(ROOT) for path in (ROOT / "duetbench").rglob("*.jinja")]
    wanted += [Path("duetbench") / path.relative_to(ROOT) for path in (ROOT / "registry").rglob("*.yaml")]
    wanted += [Path("duetbench") / path.relative_to(ROOT) for path in (ROOT / "registry").rglob("*.json")]
    assert [str(path) for path in wanted if str(path) not in names] == []


def _texts() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    paths = [ROOT / name for name in done.stdout.splitlines()]
    texts = (".py", ".md", ".toml", ".yaml", ".yml", ".json", ".jinja", ".txt", "")
    return [path for path in paths if path.suffix in texts and path.is_file()]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no git checkout: which files belong to it is unknown")
def test_no_file_knows_the_machine_it_was_written_on() -> None:
    places = re.compile(rf"(?<![\w.])(?:/{'work'}/|/{'home'}/\w|/{'root'}/|/{'Users'}/\w|/tmp/\w)")
    found = [
        f"{path.relative_to(ROOT)}:{n}"
        for path in _texts()
        for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if places.search(line)
    ]
    assert found == []


def test_ci_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=False).returncode == 0


def test_the_folder_table_of_the_readme_is_the_tree() -> None:
    """Every package has a row, and every path of the table exists."""
    table = README[README.index("## Package layout") : README.index("## Development")]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named: set[Path] = set()
    for cell in cells:
        first, *others = re.findall(r"`([^`]+)`", cell)
        named |= {ROOT / first, *((ROOT / first).parent / other for other in others)}
    missing = [str(path.relative_to(ROOT)) for path in named if not path.exists()]
    packages = {path.parent for path in (ROOT / "duetbench").rglob("__init__.py")} - {ROOT / "duetbench"}
    modules = set((ROOT / "duetbench").glob("*.py")) - {
        ROOT / "duetbench" / f"__{name}__.py" for name in ("init", "main")
    }
    unnamed = sorted(str(path.relative_to(ROOT)) for path in (packages | modules) - named)
    assert missing == []
    assert unnamed == []


def test_no_folder_holds_more_than_sixteen_modules() -> None:
    folders = {path.parent for path in (ROOT / "duetbench").rglob("*.py")}
    sizes = {str(folder.relative_to(ROOT)): len(list(folder.glob("[!_]*.py"))) for folder in folders}
    assert {name: size for name, size in sizes.items() if size > 16} == {}


def test_no_class_name_is_used_twice() -> None:
    import ast
    from collections import Counter

    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "duetbench").rglob("*.py")]
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1 and name != "Config"] == []


def test_modules_named_in_contributing_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if re.match(r"\| \d+\.", row)]
    named = [path for row in rows for path in re.findall(r"`([a-z_/]+(?:\.py|/))`", row)]
    assert len(named) > 20
    assert [path for path in named if not (ROOT / "duetbench" / path).exists()] == []
