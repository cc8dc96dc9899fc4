"""Checks on logged prompts, from any source: texts of rows, banned fields, revealed labels, shared keys."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from duetbench.data.history import HistoryOptions
from duetbench.data.leakage.findings import LeakageFinding
from duetbench.data.leakage.log import LoggedPrompt
from duetbench.data.leakage.visibility import InteractionRow, VisibilityRules, item_texts
from duetbench.data.preparation.prepared import Prepared

SHINGLE_WORDS = 8
"""Length of a shingle, a run of words that identifies the text it comes from."""
MIN_WORDS = 4
"""Shorter texts are not searched for: many people write the same few words."""
_DENSE_SHINGLES = 60  # this many shingles from the beginning of a text are searched for; after them, every eighth

BANNED_FIELDS = (
    "average_rating", "rating_number", "salesRank", "sales_rank", "also_bought", "also_buy", "also_viewed", "also_view",
    "bought_together", "buy_after_viewing", "review_count", "average_stars", "stars_y", "is_open", "helpful_vote",
    "helpful_votes", "reviewerName", "unixReviewTime",
)  # fmt: skip
"""Raw fields that change with time, describe the target, or name people; all are distinguishable from prose."""

_WORD = re.compile(r"\w+")
_BANNED = re.compile(r"(?<!\w)(" + "|".join(BANNED_FIELDS) + r")(?!\w)", re.IGNORECASE)
_LABEL = re.compile(
    r"\b(?:true|actual|real|correct|ground[ -]?truth|gold)\s+(?:rating|score|label|stars?)"
    r"\W+(?:(?:is|was|of)\W+)?(\d(?:\.\d+)?)",
    re.IGNORECASE,
)

_Shingle = tuple[str, ...]


def check_prompts(prepared: Prepared, prompts: Sequence[LoggedPrompt], options: HistoryOptions) -> list[LeakageFinding]:
    """Findings in a log of prompts.

    Texts are compared by runs of words, so that shortened, cleaned and rewrapped reviews are recognised. A prompt that
    names no request must not contain text of any row outside the splits that histories come from.

    Args:
        prepared: The data that the prompts were built from.
        prompts: The log.
        options: How histories should have been built.

    Raises:
        DataError: a request is not of this data.
    """
    rules = VisibilityRules(prepared, options)
    return [
        *_check_keys(prompts),
        *(finding for prompt in prompts for finding in _check_prompt(prompt, rules)),
        *_check_texts(prompts, rules, item_texts(prepared.items)),
    ]


def _check_keys(prompts: Iterable[LoggedPrompt]) -> Iterator[LeakageFinding]:
    texts: dict[str, str] = {}
    for prompt in prompts:
        if prompt.key and texts.setdefault(prompt.key, prompt.text) != prompt.text:
            yield LeakageFinding("shared_key", prompt.where, f"the key {prompt.key} belongs to two different texts")


def _check_prompt(prompt: LoggedPrompt, rules: VisibilityRules) -> Iterator[LeakageFinding]:
    """Banned fields, splits that the purpose may not use, and revealed labels."""
    for field in sorted(set(_BANNED.findall(prompt.text))):
        detail = f"the field '{field}' changes with time, or describes the target"
        yield LeakageFinding("banned_field", prompt.where, detail)
    splits = {request.partition(":")[0] for request in prompt.requests}
    held_out = ", ".join(sorted(splits - {"train"}))
    if prompt.purpose == "train" and held_out:
        yield LeakageFinding("trained_outside_train", prompt.where, f"trained on rows of {held_out}")
    if prompt.purpose == "distill" and held_out:
        yield LeakageFinding("revealed_label", prompt.where, f"distilled from rows of {held_out}")
    if prompt.purpose == "select" and "test" in splits:
        yield LeakageFinding("selected_on_test", prompt.where, "a checkpoint is selected by its results on test rows")
    if prompt.purpose != "distill":
        yield from _check_labels(prompt, rules)


def _check_labels(prompt: LoggedPrompt, rules: VisibilityRules) -> Iterator[LeakageFinding]:
    revealed = {float(number) for number in _LABEL.findall(prompt.text)}
    for request in prompt.requests:
        rating = rules.rows[rules.target_of(request)].rating
        if rating in revealed:
            detail = f"the prompt contains the true rating {rating:g} of {request}"
            yield LeakageFinding("revealed_label", prompt.where, detail)


def _check_texts(
    prompts: Sequence[LoggedPrompt], rules: VisibilityRules, text_of_item: dict[str, str]
) -> Iterator[LeakageFinding]:
    """Texts of rows that the requests of a prompt must not see, each row once per prompt."""
    rows_of_shingle = _index_shingles(rules, _rows_to_search(prompts, rules))
    sizes = sorted({len(shingle) for shingle in rows_of_shingle})
    matches = [_find_shingles(prompt.text, rows_of_shingle, sizes) for prompt in prompts]
    in_template = _in_most(matches)
    for prompt, matched in zip(prompts, matches, strict=True):
        allowed = _AllowedText(prompt, rules, text_of_item)
        reported: set[int] = set()
        for shingle in sorted(matched - in_template):
            rows = rows_of_shingle[shingle]
            if not allowed.contains(shingle, rows) and not reported.intersection(rows):
                reported.update(rows)
                yield _finding(prompt, shingle, rows[0], rules)


def _rows_to_search(prompts: Sequence[LoggedPrompt], rules: VisibilityRules) -> list[int]:
    """Positions of rows that some request of the log must not see: of other splits, not earlier, or of its pair."""
    targets = [rules.target_of(request) for prompt in prompts for request in prompt.requests]
    splits = {str(rules.rows[target].split) for target in targets} or {"test"}
    earliest = min((rules.rows[target].timestamp for target in targets), default=None)
    hidden = [
        position
        for position, row in enumerate(rules.rows)
        if not all(rules.is_source(row, split) for split in splits)
        or (earliest is not None and row.timestamp >= earliest)
    ]
    same_pair = [
        other
        for target in targets
        for other in rules.rows_by_user[rules.rows[target].user_id]
        if rules.is_same_pair(target, other)
    ]
    return hidden + same_pair


def _index_shingles(rules: VisibilityRules, positions: Iterable[int]) -> dict[_Shingle, list[int]]:
    """The rows whose texts contain each shingle."""
    rows_of_shingle: dict[_Shingle, list[int]] = {}
    for position in dict.fromkeys(positions):
        row = rules.rows[position]
        for text in (row.review, row.summary):
            for shingle in _shingles(text):
                rows = rows_of_shingle.setdefault(shingle, [])
                if position not in rows:
                    rows.append(position)
    return rows_of_shingle


def _words(text: str) -> list[str]:
    """The text's words in lower case, without punctuation."""
    return _WORD.findall(text.lower())


def _shingles(text: str) -> Iterator[_Shingle]:
    words = _words(text)
    if MIN_WORDS <= len(words) <= SHINGLE_WORDS:
        yield tuple(words)
    for start in range(len(words) - SHINGLE_WORDS):
        if start < _DENSE_SHINGLES or start % SHINGLE_WORDS == 0:
            yield tuple(words[start : start + SHINGLE_WORDS])


def _find_shingles(text: str, known: dict[_Shingle, list[int]], sizes: Sequence[int]) -> set[_Shingle]:
    words = _words(text)
    return {
        shingle
        for size in sizes
        for start in range(len(words) - size + 1)
        if (shingle := tuple(words[start : start + size])) in known
    }


def _in_most(matches: Sequence[set[_Shingle]]) -> set[_Shingle]:
    """Shingles in at least ten prompts and in more than half of all prompts: they come from the template."""
    counts = Counter(shingle for matched in matches for shingle in matched)
    return {shingle for shingle, count in counts.items() if count >= 10 and count > len(matches) / 2}


class _AllowedText:
    """The text that a prompt may contain: that of the rows that all of its requests may see, and of their items."""

    def __init__(self, prompt: LoggedPrompt, rules: VisibilityRules, text_of_item: dict[str, str]) -> None:
        self._rules = rules
        self._targets = [rules.target_of(request) for request in prompt.requests]
        self._text_of_item = text_of_item
        self._text: str | None = None

    def contains(self, shingle: _Shingle, rows: Sequence[int]) -> bool:
        """Whether the shingle may come from a text that the prompt may contain; `rows` are all rows that have it."""
        if not self._targets:
            return False
        if any(all(self._rules.may_see(target, row) for target in self._targets) for row in rows):
            return True
        # A title in a template gives a run of words that a review of the same item may contain too.
        size = max(len(shingle) - MIN_WORDS + 1, MIN_WORDS)
        text = self._visible_text()
        return any(f" {' '.join(shingle[start : start + size])} " in text for start in range(len(shingle) - size + 1))

    def _visible_text(self) -> str:
        """All words of the visible rows of the users and items, and of the items; built at the first match only."""
        if self._text is None:
            rows: list[InteractionRow] = []
            for target in self._targets:
                visible = (*self._rules.visible_user_rows(target), *self._rules.visible_item_rows(target))
                rows += [self._rules.rows[position] for position in visible]
            texts = [text for row in rows for text in (row.review, row.summary)]
            items = {row.item_id for row in (*rows, *(self._rules.rows[target] for target in self._targets))}
            texts += [self._text_of_item.get(item, "") for item in sorted(items)]
            self._text = " | ".join(f" {' '.join(_words(text))} " for text in texts)
        return self._text


def _finding(prompt: LoggedPrompt, shingle: _Shingle, position: int, rules: VisibilityRules) -> LeakageFinding:
    row = rules.rows[position]
    words = f"'{' '.join(shingle)}' is from row {row.row}"
    targets = [rules.target_of(request) for request in prompt.requests]
    if position in targets:
        return LeakageFinding("target_text", prompt.where, f"{words}, the target of a request")
    if any(rules.is_same_pair(target, position) for target in targets):
        return LeakageFinding("same_pair", prompt.where, f"{words}, which has the same user and item")
    reason = "is not before the request, or not in a split that histories come from"
    return LeakageFinding("future", prompt.where, f"{words} ({row.split}), which {reason}")
