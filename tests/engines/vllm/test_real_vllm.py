"""The engine `vllm` with vLLM itself and SmolLM2-135M, compared with the engine `transformers`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from engine_making import make_prompt

from duetbench.engines.response_template import fill_template
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.engines.vllm.engine import VllmEngine
from duetbench.errors import ModelError
from duetbench.interfaces import Engine
from duetbench.models import resolve
from duetbench.types import ModelRef, Prompt, Sampling, Slot

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("default")]

USERS_CACHE = os.environ.get("DUETBENCH_CACHE")
"""Where the model is, read before the tests' own cache takes its place."""

CONTEXT = 640
STARS = ("1", "2", "3", "4", "5")
REVIEWS = [
    "I loved this album, the guitars are loud and the voice is warm.",
    "Boring. I stopped after two songs and sold it.",
    "A fair collection; some songs are good, others are fillers.",
    "Great sound, but my copy skipped and the shop did not answer.",
    "The best live recording of the decade! " * 12,
]
TAGS = (Slot("<likes>", "</likes>", 12), Slot("</likes>\n<dislikes>", "</dislikes>", 12), Slot("</dislikes>", "", 0))
GREEDY = Sampling(max_tokens=24)


def _rating_prompts() -> list[Prompt]:
    question = "How many stars from 1 to 5 does this reviewer give? Answer with one number.\n\n"
    return [make_prompt(question + review * n) for review in REVIEWS for n in (1, 2, 3)]


def _probabilities(engine: Engine, prompts: Sequence[Prompt], labels: Sequence[str], prefix: str) -> list[float]:
    results = engine.label_logprobs(prompts, prefix, labels)
    assert [result.status for result in results] == ["ok"] * len(prompts)
    return [math.exp(value) for result in results for value in result.logprobs]


@pytest.fixture(scope="module")
def smollm2() -> ModelRef:
    """SmolLM2-135M from the user's cache, which keeps it from one run of the tests to the next."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DUETBENCH_CACHE")
        if USERS_CACHE:
            patch.setenv("DUETBENCH_CACHE", USERS_CACHE)
        return resolve("smollm2-135m")


@pytest.fixture(scope="module")
def vllm_engine(smollm2: ModelRef) -> Iterator[VllmEngine]:
    """The engine with room for adapters, loaded once."""
    config = VllmEngine.Config(max_context=CONTEXT, enforce_eager=True, max_lora_rank=8)
    engine = VllmEngine(config, model=smollm2)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def reference(smollm2: ModelRef) -> TransformersEngine:
    """The engine that vLLM's answers are compared with."""
    return TransformersEngine(TransformersEngine.Config(max_context=CONTEXT), model=smollm2)


@pytest.fixture(scope="module")
def adapter(smollm2: ModelRef, tmp_path_factory: pytest.TempPathFactory) -> ModelRef:
    """The model with an adapter whose weights are random."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = LoraConfig(r=8, lora_alpha=8, init_lora_weights=False, target_modules="all-linear", task_type="CAUSAL_LM")
    folder = tmp_path_factory.mktemp("adapter")
    get_peft_model(AutoModelForCausalLM.from_pretrained(smollm2.path), config).save_pretrained(folder)
    return replace(smollm2, adapter=str(folder), adapter_digest="random")


def test_label_probabilities_are_those_of_transformers(vllm_engine: VllmEngine, reference: TransformersEngine) -> None:
    prompts = _rating_prompts()
    expected = _probabilities(reference, prompts, STARS, "Rating: ")
    assert _probabilities(vllm_engine, prompts, STARS, "Rating: ") == pytest.approx(expected, rel=1e-4)


def test_probabilities_of_labels_of_several_tokens_are_those_of_transformers(
    vllm_engine: VllmEngine, reference: TransformersEngine
) -> None:
    labels = tuple(f"{half / 2:g}" for half in range(1, 21))
    expected = _probabilities(reference, _rating_prompts()[:4], labels, "Rating: ")
    assert _probabilities(vllm_engine, _rating_prompts()[:4], labels, "Rating: ") == pytest.approx(expected, rel=1e-4)


def test_labels_are_read_after_a_prompt_that_fills_the_context(
    vllm_engine: VllmEngine, reference: TransformersEngine
) -> None:
    text = "word"
    while len(reference.chat.ids(make_prompt(text).messages, "Rating: ")) < CONTEXT - 1:
        text += " word"
    prompts = [make_prompt(text)]
    expected = _probabilities(reference, prompts, STARS, "Rating: ")
    assert _probabilities(vllm_engine, prompts, STARS, "Rating: ") == pytest.approx(expected, rel=1e-4)


def test_completions_are_those_of_transformers(vllm_engine: VllmEngine, reference: TransformersEngine) -> None:
    prompts = _rating_prompts()[::3]
    sampling = replace(GREEDY, stop=("\n", "."))
    assert vllm_engine.generate(prompts, sampling) == reference.generate(prompts, sampling)


def test_filled_response_templates_are_those_of_transformers(
    vllm_engine: VllmEngine, reference: TransformersEngine
) -> None:
    prompts = [replace(prompt, response_template=TAGS) for prompt in _rating_prompts()[::3]]
    filled = fill_template(vllm_engine, prompts, GREEDY)
    assert filled == fill_template(reference, prompts, GREEDY)
    assert all(completion.text.count("</likes>") == 1 for completion in filled)


def test_a_sample_depends_on_its_prompt_and_seed_alone(vllm_engine: VllmEngine) -> None:
    prompts = _rating_prompts()[:6]
    sampling = Sampling(temperature=1.0, max_tokens=12, seed=3)
    together = vllm_engine.generate(prompts, sampling)
    assert vllm_engine.generate(prompts[4:5], sampling) == together[4:5]
    assert vllm_engine.generate(prompts[4:5], replace(sampling, seed=4)) != together[4:5]


def test_an_adapter_is_applied_as_by_transformers(
    vllm_engine: VllmEngine, reference: TransformersEngine, adapter: ModelRef
) -> None:
    prompts = _rating_prompts()[::3]
    base = _probabilities(vllm_engine, prompts, STARS, "Rating: ")
    adapted = vllm_engine.with_model(adapter)
    expected = _probabilities(reference.with_model(adapter), prompts, STARS, "Rating: ")
    assert _probabilities(adapted, prompts, STARS, "Rating: ") == pytest.approx(expected, rel=1e-3)
    assert expected != pytest.approx(base, rel=0.1)
    assert _probabilities(vllm_engine, prompts, STARS, "Rating: ") == pytest.approx(base, rel=1e-4)
    adapted.close()


def test_why_a_model_is_not_supported_is_one_line(model: ModelRef, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError) as caught:
        VllmEngine(VllmEngine.Config(enforce_eager=True), model=model).generate(_rating_prompts()[:1], GREEDY)
    text = str(caught.value)
    assert "head" in text.lower()
    assert "--engine transformers" in text
    assert "\n" not in text
    assert "Traceback" not in "".join(capfd.readouterr())
