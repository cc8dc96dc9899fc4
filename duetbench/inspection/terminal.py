"""Pairs in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from duetbench.inspection.pairs import Exchange, InspectedPair
from duetbench.inspection.phrases import Phrase, mark, shared_phrases
from duetbench.scales import label_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_COLOURS = ("black on yellow", "black on cyan", "black on green", "black on magenta", "black on bright_blue")
_BAR = 24
"""Width of the bar of a probability of 1."""


def render_pair(pair: InspectedPair, labels: Sequence[float]) -> Iterator[RenderableType]:
    """A pair from the prompts to the rating; phrases that both profiles share have the same colour everywhere."""
    from rich.text import Text

    phrases = shared_phrases(pair.profile("user"), pair.profile("item"))
    yield Text(f"\n{pair.request_id}  user {pair.user_id}  item {pair.item_id}", style="bold reverse")
    for exchange in pair.exchanges:
        yield from _exchange(exchange, phrases)
    for profile in pair.profiles:
        yield Text(f"\n{profile.side} profile", style="bold")
        yield _marked(profile.text, phrases)
        for name, note in profile.notes.items():
            yield Text(f"  {name}: {note}", style="dim")
    if phrases:
        yield Text.assemble(("\nshared phrases ", "bold"), _marked(", ".join(map(" ".join, phrases)), phrases))
    yield from _distribution(pair, labels)
    yield Text(f"\n{outcome_text(pair)}\n", style="bold")


def outcome_text(pair: InspectedPair) -> str:
    """True and predicted rating, or why there is no prediction."""
    truth = f"true rating {pair.rating:g}"
    if pair.value is None or pair.error is None:
        return f"{truth}; no prediction: the {pair.failed_at or 'rating'} is {pair.status}"
    return f"{truth}, predicted {pair.value:.2f}, error {pair.error:.2f}"


def exchange_title(exchange: Exchange) -> str:
    """What was asked, such as `stage profile, user`, with its status, tokens and the number of pairs that share it."""
    asked = "rating" if exchange.phase == "ratings" else f"stage {exchange.stage}, {exchange.side}"
    counts = ((exchange.prompt_tokens, "prompt tokens"), (exchange.completion_tokens, "completion tokens"))
    parts = [asked, exchange.status, *(f"{n} {name}" for n, name in counts if n is not None)]
    return " · ".join([*parts, *([f"shared by {exchange.n_pairs} pairs"] if exchange.n_pairs > 1 else [])])


def _exchange(exchange: Exchange, phrases: Sequence[Phrase]) -> Iterator[Text]:
    from rich.text import Text

    yield Text(f"\n{exchange_title(exchange)}", style="bold")
    for turn in exchange.turns:
        yield Text.assemble((f"{turn.role}: ", "cyan"), _marked(turn.content.strip(), phrases))
    if exchange.text or exchange.error:
        yield Text.assemble(("answer: ", "green"), _marked(exchange.text or exchange.error, phrases))
    elif exchange.prefill:
        yield Text.assemble(("answer: ", "green"), f"{exchange.prefill}(label probabilities below)")


def _marked(text: str, phrases: Sequence[Phrase]) -> Text:
    from rich.text import Text

    marked = Text()
    for piece in mark(text, phrases):
        marked.append(piece.text, None if piece.phrase is None else _COLOURS[piece.phrase % len(_COLOURS)])
    return marked


def _distribution(pair: InspectedPair, labels: Sequence[float]) -> Iterator[Text]:
    from rich.text import Text

    if not pair.probabilities:
        return
    mass = "" if pair.label_mass is None else f" (all labels together: {pair.label_mass:.3f} of the probability)"
    yield Text(f"\nlabel probabilities{mass}", style="bold")
    for label, probability in zip(labels, pair.probabilities, strict=False):
        is_true = label == pair.rating
        bar = "█" * round(_BAR * probability)
        yield Text(f"{label_text(label):>5} {probability:.3f} {bar}{' ← true' if is_true else ''}")
