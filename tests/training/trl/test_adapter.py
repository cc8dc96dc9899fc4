"""Every argument of TRL that defines an experiment is set; a release of TRL with a new one fails here."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from duetbench.training.options import TrainerSettings, divisor_at_most
from duetbench.training.trl.settings import (
    DpoTerms,
    GrpoTerms,
    LoopSettings,
    dpo_settings,
    grpo_settings,
    sft_settings,
    shared_settings,
)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # TRL uses the old name of activation_checkpointing

LOOP = LoopSettings(Path("x"), 10, 16, 8, 5, 0, use_cpu=True, bf16=False)
GRPO = GrpoTerms(8, 32, 1, 1.0, 64, 0.0, 0.2, 0.2, "dapo", "group_normalized")
DPO = DpoTerms(0.1, "sigmoid", 0.0)

UNUSED = {
    "sft": {"model_init_kwargs", "trust_remote_code", "dataset_text_field", "dataset_num_proc", "truncation_mode"}
    | {"packing_strategy", "eval_packing", "pad_token"},
    "dpo": {"model_init_kwargs", "trust_remote_code", "dataset_num_proc", "truncation_mode", "pad_token"}
    | {"precompute_ref_batch_size", "f_alpha_divergence_coef", "discopop_tau"}
    | {"ref_model_mixup_alpha", "ref_model_sync_steps"},
    "grpo": {"model_init_kwargs", "trust_remote_code", "num_generations_eval", "ds3_gather_for_generation"}
    | {"generation_batch_size", "chat_template_kwargs", "cache_implementation", "max_tool_calling_iterations"}
    | {"sapo_temperature_neg", "sapo_temperature_pos", "vespo_k_pos", "vespo_lambda_pos", "vespo_k_neg"}
    | {"vespo_lambda_neg", "ref_model_mixup_alpha", "ref_model_sync_steps", "log_multimodal", "log_unique_prompts"}
    | {"entropy_coef_min", "entropy_coef_max", "entropy_coef_delta", "entropy_target", "num_completions_to_print"}
    | {"log_completions_hub_repo", "transformers_continuous_batching_config", "use_transformers_paged"},
}
"""Arguments without effect here: of losses and engines that are not used, of loading models, of logs."""


@pytest.mark.parametrize("name", ["sft", "dpo", "grpo"])
def test_no_argument_is_left_to_trls_defaults(name):
    import trl
    from transformers import TrainingArguments

    config = {"sft": trl.SFTConfig, "dpo": trl.DPOConfig, "grpo": trl.GRPOConfig}[name]
    own = {"sft": sft_settings(), "dpo": dpo_settings(DPO), "grpo": grpo_settings(GRPO, LOOP)}[name]
    general = {field.name for field in fields(TrainingArguments)}
    known = {field.name for field in fields(config)} - general
    missing = {setting for setting in known - set(own) - UNUSED[name] if not setting.startswith("vllm_")}
    assert not missing
    assert set(own) <= known | general


@pytest.mark.parametrize("name", ["sft", "dpo", "grpo"])
def test_the_arguments_are_accepted_and_stay_fp32_on_a_cpu(name, tmp_path):
    import trl

    config = {"sft": trl.SFTConfig, "dpo": trl.DPOConfig, "grpo": trl.GRPOConfig}[name]
    own = {"sft": sft_settings(), "dpo": dpo_settings(DPO), "grpo": grpo_settings(GRPO, LOOP)}[name]
    arguments = config(**shared_settings(TrainerSettings(), LOOP), **own)
    assert not arguments.bf16
    assert arguments.gradient_accumulation_steps == 2
    assert getattr(arguments, "max_length", None) is None


def test_a_round_is_sampled_once_for_all_of_its_updates():
    import trl

    arguments = trl.GRPOConfig(**shared_settings(TrainerSettings(), LOOP), **grpo_settings(GRPO, LOOP))
    assert arguments.generation_batch_size == 32
    assert arguments.steps_per_generation == 4


@pytest.mark.parametrize(("total", "limit", "size"), [(16, 8, 8), (12, 8, 6), (7, 4, 1), (4, 9, 4)])
def test_a_micro_batch_fills_a_batch_exactly(total, limit, size):
    assert divisor_at_most(total, limit) == size
