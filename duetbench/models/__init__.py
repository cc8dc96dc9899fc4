"""Model cards, and how a model's name becomes a folder with verified weights."""

from __future__ import annotations

from duetbench.models.cards import ModelCard, ModelSource, card_names, load_card
from duetbench.models.origin import card_of
from duetbench.models.resolve import resolve

__all__ = ["ModelCard", "ModelSource", "card_names", "card_of", "load_card", "resolve"]
