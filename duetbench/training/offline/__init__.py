"""Trainers that learn from completions sampled beforehand: sft, dpo, and distillation of several stages."""
