"""The trainer `grpo`. Open `trainer` first; `rollout` samples completions and grades them."""
