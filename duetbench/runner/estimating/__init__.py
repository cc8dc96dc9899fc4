"""What a plan will cost, in prompts, tokens and time. Open `estimate` first."""
