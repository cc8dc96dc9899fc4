"""Reason4Rec (R4Rec): aspects of each review, then a rationale on whether the user will like the item."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from duetbench.interfaces import DistillationStage, RatingStage, Stage, Strategy, TargetFilter, TrainingStage, option
from duetbench.parsing import has_words, parse_free_text, strip_reasoning
from duetbench.prompts import prompt_key, render, unique_prompts
from duetbench.strategies.writing import HistoryLine, WriterConfig, as_read, compact_reasons, template_digests
from duetbench.types import Domain, Example, Interaction, Message, Profile, Prompt, Request, Side, Slot

_SUMMARY, _RATIONALE, _HINT = "r4rec_summary", "r4rec_rationale", "r4rec_hint"
_COMPACT_CHARS = 400
"""Characters of a review in the compact prompt for its aspects."""
ASPECTS = ("Positive Aspects", "Negative Aspects", "User Preference Elements")
_ASPECT = {name: re.compile(rf"^\W*{name}\W*?:[ \t*]*(.*)$", re.IGNORECASE | re.MULTILINE) for name in ASPECTS}
_NOTHING = re.compile(r"\W*(?:none|n/a|nothing|not mentioned)?\W*", re.IGNORECASE)


class Reason4Rec(Strategy):
    """The summarizer and the reasoner of Reason4Rec. Its predictor is the scorer `r4rec_predictor`."""

    name = "r4rec"
    summary = "aspects of each review, then a rationale for the pair; for the scorer r4rec_predictor"
    source = "Reason4Rec (Fang et al. 2025); DUET, appendix A.2"
    default_trainer = "sft"
    writes_line_notes = True
    training_options = ("tau", "retries", "forbidden")

    @dataclass(frozen=True)
    class Config(WriterConfig):
        """Options of Reason4Rec."""

        review_chars: int | None = option(2000, "characters of each review that the summarizer reads; 0: all", ge=0)
        answer: Literal["free", "prefill", "fill"] = option(
            "free",
            "of the summarizer. prefill: the completion begins with the first heading; fill: all headings are given",
        )
        summary_tokens: int = option(160, "maximum number of tokens of a summary", ge=1)
        max_tokens: int = option(320, "maximum number of tokens of the rationale", ge=1)
        summary_prompt: str | None = option(None, "path to your own prompt file for a review's aspects")
        forbid_ratings: bool = option(
            True, "the prompt forbids ratings in the rationale; an addition to the original's prompt"
        )
        tau: float = option(
            0.1, "sft: rationales that raise the reward model's error by this much or more are not trained on"
        )
        retries: int = option(10, "sft: how often the teacher tries again with the true rating as a hint", ge=0)
        forbidden: tuple[str, ...] = option(
            ("1.0", "2.0", "3.0", "4.0", "5.0", "rating ", "star ", "stars "),
            "sft: texts that a rationale generated with the hint must not contain; in lower case",
        )

        def __post_init__(self) -> None:
            """Rejects a config without reviews, which the summaries need."""
            if self.review_chars is None:
                raise ValueError("review_chars must be a number, got None: summaries need reviews")

        def without_effect(self) -> dict[str, str]:
            """See `Plugin.Config`."""
            reasons = compact_reasons(self, "forbid_ratings")
            if self.retries == 0:
                reasons["forbidden"] = "retries=0 never shows the hint"
            if self.chars_read() != self.review_chars:
                reasons["review_chars"] = f"the compact prompts show at most {_COMPACT_CHARS} characters of a review"
            return reasons

        def chars_read(self) -> int:
            """Characters of each review that the summarizer reads; 0: all."""
            chars = self.review_chars or 0
            is_limited = self.prompt_set == "compact" and not self.summary_prompt
            return _COMPACT_CHARS if is_limited and not 0 < chars <= _COMPACT_CHARS else chars

    def stages(self) -> tuple[Stage, ...]:
        """The reviews' aspects, then the rationale."""
        summaries = SummaryStage(self.config)
        return (summaries, RationaleStage(self.config, summaries))

    def training_stages(self) -> tuple[TrainingStage, ...]:
        """Summarizer, reward model, reasoner and predictor, with the settings of the original code."""
        config = self.config
        check = TargetFilter("reward", config.tau, config.retries, self._hinted, tuple(config.forbidden))
        reward, reasoner = (0.0, 0.4), (0.4, 1.0)  # 8,000 and 12,000 of 20,000 rows
        rating = {"lora_r": 8, "lora_alpha": 16, "epochs": 3.0, "batch": 16, "warmup": 0.1}
        summarizer = {"lora_r": 16, "lora_alpha": 32, "learning_rate": 3e-4, "epochs": 5.0, "batch": 16, "warmup": 100}
        reasons = {**summarizer, "lora_dropout": 0.1, "epochs": 3.0, "batch": 32}
        return (
            DistillationStage("summarizer", stage="summary", temperature=0.2, settings=summarizer),
            RatingStage("reward", reward, 8000, {**rating, "learning_rate": 3e-6}, evidence="review"),
            DistillationStage("reasoner", reasoner, 12_000, reasons, stage="rationale", temperature=1.0, check=check),
            RatingStage("predictor", reasoner, 12_000, {**rating, "learning_rate": 3e-5}, scorer="r4rec_predictor"),
        )

    def _hinted(self, prompt: Prompt, example: Example) -> Prompt:
        """The reasoner's prompt followed by the true rating; only the teacher sees it."""
        request = example.request
        (hint,) = render(_HINT, self.config.prompt_set, domain=request.domain, item=request.item, rating=example.rating)
        *turns, last = prompt.messages
        messages = (*turns, replace(last, content=f"{last.content}\n\n{hint.content}"))
        return replace(prompt, key=prompt_key(messages), messages=messages)

    def writes(self) -> tuple[Side, ...]:
        return ("pair",)

    def history_needed(self) -> int:
        return int(self.config.window_needed())

    def writer_view(self, request: Request) -> Request:
        return as_read(self.config.view(request, ("pair",)), self.config.chars_read())

    def line_notes(self, request: Request, earlier: Mapping[str, Sequence[Profile]]) -> Mapping[Interaction, str]:
        """The aspects of each review that its stages read; interactions without readable aspects are left out."""
        view, summaries = self.config.view(request, ("pair",)), SummaryStage(self.config)
        aspects = {
            line: summaries.aspects_of(line, view.domain, earlier) for line in (*view.user_history, *view.item_history)
        }
        return {line: text for line, text in aspects.items() if text}

    def prompt_digests(self) -> dict[str, str]:
        names = [self.config.summary_prompt or _SUMMARY, self.config.prompt or _RATIONALE, _HINT]
        return template_digests(names, self.config.prompt_set)


class SummaryStage(Stage):
    """The aspects of each review; one prompt per review, shared by all cells of a grid."""

    name = "summary"

    def __init__(self, config: Reason4Rec.Config) -> None:
        self.config = config
        self.max_tokens = config.summary_tokens
        self._rendered: dict[Interaction, tuple[Message, ...]] = {}

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct review in the windows; interactions without a review have none."""
        messages = (
            (n, self.messages(interaction, request.domain))
            for n, request in enumerate(requests)
            for interaction in self._reviews(request)
        )
        return unique_prompts("note", messages, prefill=self._prefill, response_template=self._response_template)

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The three lines in a uniform format; None if one is missing, or all are empty or copied from the prompt."""
        matches = {name: pattern.search(strip_reasoning(text)) for name, pattern in _ASPECT.items()}
        aspects = {name: re.sub(r"[\[\]*]", "", match[1]).strip() for name, match in matches.items() if match}
        if len(aspects) < len(ASPECTS) or all(_NOTHING.fullmatch(value) for value in aspects.values()):
            return None
        lines = [f"{name}: {value or 'none'}" for name, value in aspects.items()]
        prompt_lines = {line.casefold() for message in prompt.messages for line in message.content.splitlines()}
        return [Profile("note", "\n".join(lines))] if {line.casefold() for line in lines} - prompt_lines else None

    def messages(self, interaction: Interaction, domain: Domain) -> tuple[Message, ...]:
        """The messages of the prompt for a review's aspects."""
        if interaction not in self._rendered:
            (line,) = self.config.history_lines([interaction], domain)
            self._rendered[interaction] = self.config.render(
                _SUMMARY, self.config.summary_prompt, domain=domain, line=line
            )
        return self._rendered[interaction]

    def aspects_of(self, interaction: Interaction, domain: Domain, earlier: Mapping[str, Sequence[Profile]]) -> str:
        """The aspects of a review; empty if there is no review, or if the answer was unreadable."""
        if not has_words(interaction.review):
            return ""
        profiles = earlier.get(prompt_key(self.messages(interaction, domain), self._prefill, self._response_template))
        return profiles[0].text if profiles else ""

    @property
    def _prefill(self) -> str:
        return f"{ASPECTS[0]}:" if self.config.answer == "prefill" else ""

    @property
    def _response_template(self) -> tuple[Slot, ...]:
        if self.config.answer != "fill":
            return ()
        literals = [f"{ASPECTS[0]}:", *(f"\n{name}:" for name in ASPECTS[1:])]
        return tuple(Slot(literal, "\n", max(self.max_tokens // len(literals), 1)) for literal in literals)

    def _reviews(self, request: Request) -> Iterator[Interaction]:
        view = self.config.view(request, ("pair",))
        yield from dict.fromkeys(line for line in (*view.user_history, *view.item_history) if has_words(line.review))


class RationaleStage(Stage):
    """One paragraph on the pair; the prompt shows no ratings, as in the original's reasoner."""

    name = "rationale"

    def __init__(self, config: Reason4Rec.Config, summaries: SummaryStage) -> None:
        self.config = config
        self.max_tokens = config.max_tokens
        self._summaries = summaries

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per pair."""
        views = [(n, self.config.view(request, ("pair",))) for n, request in enumerate(requests)]
        return unique_prompts(
            "pair", ((n, self._render(view, earlier)) for n, view in views if not self.config.skips(view))
        )

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The full answer, if it is free text."""
        answer = parse_free_text(text)
        return None if answer is None else [Profile("pair", answer)]

    def _render(self, view: Request, earlier: Mapping[str, Sequence[Profile]]) -> tuple[Message, ...]:
        return self.config.render(
            _RATIONALE,
            self.config.prompt,
            domain=view.domain,
            item=view.item,
            forbid_ratings=self.config.forbid_ratings,
            user_history=self._lines(view.user_history, view.domain, earlier),
            item_history=self._lines(view.item_history, view.domain, earlier),
        )

    def _lines(
        self, history: Sequence[Interaction], domain: Domain, earlier: Mapping[str, Sequence[Profile]]
    ) -> tuple[HistoryLine, ...]:
        notes = [self._summaries.aspects_of(interaction, domain, earlier) for interaction in history]
        return self.config.history_lines(history, domain, notes)
