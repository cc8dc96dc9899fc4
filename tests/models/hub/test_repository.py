"""Models of the hub by name: pinned, fetched once, and used without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hub_server import FakeHub
from huggingface_hub import constants
from weights_making import write_weights

from duetbench.errors import ModelError
from duetbench.models import resolve
from duetbench.models.digests import model_digest
from duetbench.models.hub.repository import HubName, commit_of, local_names, parse_hub_name, update
from duetbench.models.pull import absent_models, space_fault

REPO = "org/tiny-0.6B"
NAME = f"hf:{REPO}"


@pytest.mark.parametrize(
    ("name", "repo", "revision"),
    [("hf:a/b", "a/b", "main"), ("hf:a/b-1.5@v2", "a/b-1.5", "v2"), ("hf:a/b@refs/pr/1", "a/b", "refs/pr/1")],
)
def test_names_have_a_repository_and_a_revision(name: str, repo: str, revision: str) -> None:
    assert parse_hub_name(name) == HubName(repo, revision)


@pytest.mark.parametrize("name", ["hf:", "hf:a", "hf:a/b/c", "hf:a/b@", "hf:../b@x y"])
def test_other_names_are_errors(name: str) -> None:
    with pytest.raises(ModelError, match="write hf:ORG/NAME or hf:ORG/NAME@REVISION"):
        parse_hub_name(name)


def test_a_model_is_fetched_with_its_commit(hub: FakeHub, tiny_folder: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    reference = resolve(NAME, on_progress=lambda *step: steps.append(step))
    assert (reference.name, reference.revision) == (NAME, hub.commit(REPO))
    assert reference.digest == model_digest(tiny_folder)
    assert steps[0][0].startswith(f"fetching {REPO}@{hub.commit(REPO)[:12]}, ")
    assert any(done == total > 0 for _, done, total in steps)


def test_only_files_of_the_model_are_fetched(hub: FakeHub) -> None:
    for name in ("pytorch_model.bin", "code.py", "consolidated.safetensors", "README.md"):
        (hub.repositories[REPO] / name).write_text("x")
    resolve(NAME)
    assert {"model.safetensors", "config.json", "README.md"} <= set(hub.downloads())
    assert not {"pytorch_model.bin", "code.py", "consolidated.safetensors"} & set(hub.downloads())


def test_without_a_network_the_fetched_model_is_used(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resolve(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    n_requests = len(hub.requests)
    assert resolve(NAME) == first
    assert resolve(f"{NAME}@{first.revision}").digest == first.digest
    assert len(hub.requests) == n_requests


def test_a_branch_that_moves_keeps_its_commit_until_it_is_updated(hub: FakeHub) -> None:
    first = commit_of(parse_hub_name(NAME))
    (hub.repositories[REPO] / "config.json").write_text("{}")
    assert commit_of(parse_hub_name(NAME)) == first
    assert update(parse_hub_name(NAME)) == hub.commit(REPO) != first
    assert commit_of(parse_hub_name(NAME)) == hub.commit(REPO)


def test_what_is_there_is_not_fetched_again(hub: FakeHub) -> None:
    folder = Path(resolve(NAME).path)
    (folder / "tokenizer.json").unlink()
    assert absent_models([NAME]) == {NAME: 0}
    hub.requests.clear()
    assert resolve(NAME).path == str(folder)
    assert "model.safetensors" not in hub.downloads()


def test_an_absent_model_states_its_size(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    write_weights(hub.repositories[REPO] / "model.safetensors", *map(str, range(20_000)))
    (absent,) = absent_models([NAME]).values()
    assert absent == 1
    monkeypatch.setattr("duetbench.models.pull._free_mb", lambda _folder: 0)
    assert "needs 1 MB" in str(space_fault({NAME: absent}))
    with pytest.raises(ModelError, match=r"needs 2 MB in .*cache, 0 MB are free; .*HF_HUB_CACHE"):
        resolve(NAME)


def test_nothing_is_fetched_without_pull(hub: FakeHub) -> None:
    with pytest.raises(ModelError, match=f"duetbench models pull {NAME}"):
        resolve(NAME, pull=False)
    assert hub.requests == []


def test_without_a_network_the_error_states_what_to_download(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ModelError, match=rf"hf download {REPO} --revision main .*\(about 1\.2 GB, judging by its name\)"
    ):
        resolve(NAME)


def test_a_hub_that_does_not_answer_is_named(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"cannot be fetched \(.*ConnectError|Connection"):
        resolve(NAME)


def test_an_unknown_repository_is_named(hub: FakeHub) -> None:
    with pytest.raises(ModelError, match="the hub has no repository org/other, or it is private"):
        resolve("hf:org/other")


def test_an_unknown_revision_is_named(hub: FakeHub) -> None:
    with pytest.raises(ModelError, match=f"{NAME} has no revision 'v9'"):
        resolve(f"{NAME}@v9")


def test_a_licence_that_was_not_accepted_is_named(hub: FakeHub) -> None:
    hub.gated.add(REPO)
    with pytest.raises(ModelError, match=f"{NAME} is gated: accept its licence"):
        resolve(NAME)


def test_a_repository_with_pickles_only_is_refused_with_their_size(hub: FakeHub) -> None:
    weights = hub.repositories[REPO] / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(ModelError, match=r"only pickles \(pytorch_model\.bin, .* kB\).*duetbench models convert"):
        resolve(NAME)
    assert hub.downloads() == []


def test_a_repository_with_gguf_only_is_refused_with_the_command(hub: FakeHub) -> None:
    weights = hub.repositories[REPO] / "model.safetensors"
    weights.rename(weights.with_name("q4.gguf"))
    with pytest.raises(ModelError, match=rf"hf download {REPO} q4\.gguf.*duetbench models convert FILE OUT"):
        resolve(NAME)


def test_an_adapter_on_the_hub_is_used_with_its_base(hub: FakeHub, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": REPO}))
    write_weights(adapter / "adapter_model.safetensors")
    hub.repositories["org/lora"] = adapter
    reference, base = resolve("hf:org/lora"), resolve(NAME)
    assert (reference.name, reference.digest, reference.path) == ("hf:org/lora", base.digest, base.path)
    assert reference.revision == hub.commit("org/lora")
    assert reference.adapter_digest


def test_models_in_the_cache_are_listed(hub: FakeHub) -> None:
    assert local_names() == []
    resolve(NAME)
    assert local_names() == [NAME]
