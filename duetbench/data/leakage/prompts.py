"""Guards on prompts, whoever wrote them: whose words stand there, which fields, under which key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from duetbench.data.history import HistoryOptions
from duetbench.data.leakage.findings import LeakageFinding
from duetbench.data.leakage.log import LoggedPrompt
from duetbench.data.leakage.visible import InteractionRow, Visible, texts_of
from duetbench.data.preparation.prepared import Prepared

SHINGLE = 8
"""So many words in a row tell whose text it is."""
SHORTEST = 4
"""A text of fewer words says nothing: too many people write the same."""
_DENSE = 60  # so many shingles from a text's beginning are looked for; behind it, every eighth

BANNED_FIELDS = (
    "average_rating", "rating_number", "salesRank", "sales_rank", "also_bought", "also_buy", "also_viewed", "also_view",
    "bought_together", "buy_after_viewing", "review_count", "average_stars", "stars_y", "is_open", "helpful_vote",
    "helpful_votes", "reviewerName", "unixReviewTime",
)  # fmt: skip
"""Raw fields that change with time, speak of the target, or name people; distinctive enough to be told from prose."""

_WORD = re.compile(r"\w+")
_BANNED = re.compile(r"(?<!\w)(" + "|".join(BANNED_FIELDS) + r")(?!\w)", re.IGNORECASE)
_TOLD = re.compile(
    r"\b(?:true|actual|real|correct|ground[ -]?truth|gold)\s+(?:rating|score|label|stars?)"
    r"\W+(?:(?:is|was|of)\W+)?(\d(?:\.\d+)?)",
    re.IGNORECASE,
)


def check_prompts(prepared: Prepared, prompts: Sequence[LoggedPrompt], options: HistoryOptions) -> list[LeakageFinding]:
    """What a log of prompts shows that it must not.

    Texts are compared by runs of words, so that cut, cleaned and rewrapped reviews are still known. A prompt that
    names no request must show no word of a held-out row at all, as far as histories come from other splits.

    Args:
        prepared: The data that the prompts were made from.
        prompts: The log.
        options: How histories were meant to be taken.

    Raises:
        DataError: a request is not of this data.
    """
    visible = Visible(prepared, options)
    return [
        *_shared_keys(prompts),
        *(finding for prompt in prompts for finding in _rules(prompt, visible)),
        *_strange_texts(prompts, visible, texts_of(prepared.items)),
    ]


def _shared_keys(prompts: Iterable[LoggedPrompt]) -> Iterator[LeakageFinding]:
    texts: dict[str, str] = {}
    for prompt in prompts:
        if prompt.key and texts.setdefault(prompt.key, prompt.text) != prompt.text:
            yield LeakageFinding("shared_key", prompt.where, f"the key {prompt.key} stands for two different texts")


def _rules(prompt: LoggedPrompt, visible: Visible) -> Iterator[LeakageFinding]:
    """Fields, told labels, and which rows a purpose may use."""
    for field in sorted(set(_BANNED.findall(prompt.text))):
        yield LeakageFinding(
            "banned_field", prompt.where, f"the field '{field}' changes with time, or tells of the target"
        )
    splits = Counter(request.partition(":")[0] for request in prompt.requests)
    if prompt.purpose == "train" and set(splits) - {"train"}:
        yield LeakageFinding("trained_outside_train", prompt.where, f"trained on rows of {_listed(splits, 'train')}")
    if prompt.purpose == "distill" and set(splits) - {"train"}:
        yield LeakageFinding("told_label", prompt.where, f"distilled from rows of {_listed(splits, 'train')}")
    if prompt.purpose == "select" and "test" in splits:
        yield LeakageFinding("selected_on_test", prompt.where, "a checkpoint is chosen by its results on test rows")
    if prompt.purpose != "distill":
        yield from _told(prompt, visible)


def _listed(splits: Iterable[str], allowed: str) -> str:
    return ", ".join(sorted(set(splits) - {allowed}))


def _told(prompt: LoggedPrompt, visible: Visible) -> Iterator[LeakageFinding]:
    told = {float(number) for number in _TOLD.findall(prompt.text)}
    for request in prompt.requests:
        rating = visible.rows[visible.place(request)].rating
        if rating in told:
            yield LeakageFinding("told_label", prompt.where, f"the true rating {rating:g} of {request} is told")


def _strange_texts(
    prompts: Sequence[LoggedPrompt], visible: Visible, about_items: dict[str, str]
) -> Iterator[LeakageFinding]:
    """Words of rows that the requests of a prompt must not see, each row once a prompt."""
    owners = _owners(visible, _suspects(prompts, visible))
    sizes = sorted({len(shingle) for shingle in owners})
    hits = [_found(prompt.text, owners, sizes) for prompt in prompts]
    common = _in_most(hits)
    for prompt, found in zip(prompts, hits, strict=True):
        allowed = _Allowed(prompt, visible, about_items)
        reported: set[int] = set()
        for shingle in sorted(found - common):
            rows = owners[shingle]
            if not allowed.knows(shingle, rows) and not reported.intersection(rows):
                reported.update(rows)
                yield _finding(prompt, shingle, rows[0], visible)


def _suspects(prompts: Sequence[LoggedPrompt], visible: Visible) -> list[int]:
    """Places of the rows that some request of the log must not see: of other splits, of its pair, or not before it."""
    asked = [visible.place(request) for prompt in prompts for request in prompt.requests]
    first = min((visible.rows[place].timestamp for place in asked), default=None)
    return [
        place
        for place, row in enumerate(visible.rows)
        if not visible.is_source(row) or (first is not None and row.timestamp >= first)
    ] + [
        other
        for place in asked
        for other in visible.users[visible.rows[place].user_id]
        if visible.is_same_pair(place, other)
    ]


_Shingle = tuple[str, ...]


def _owners(visible: Visible, places: Iterable[int]) -> dict[_Shingle, list[int]]:
    """Whose text each run of words is."""
    found: dict[_Shingle, list[int]] = {}
    for place in dict.fromkeys(places):
        row = visible.rows[place]
        for text in (row.review, row.summary):
            for shingle in _fingerprints(text):
                owners = found.setdefault(shingle, [])
                if place not in owners:
                    owners.append(place)
    return found


def words_of(text: str) -> list[str]:
    """The text's words in lower case, without marks."""
    return _WORD.findall(text.lower())


def _fingerprints(text: str) -> Iterator[_Shingle]:
    words = words_of(text)
    if SHORTEST <= len(words) <= SHINGLE:
        yield tuple(words)
    for start in range(len(words) - SHINGLE):
        if start < _DENSE or start % SHINGLE == 0:
            yield tuple(words[start : start + SHINGLE])


def _found(text: str, owners: dict[_Shingle, list[int]], sizes: Sequence[int]) -> set[_Shingle]:
    words = words_of(text)
    return {
        shingle
        for size in sizes
        for start in range(len(words) - size + 1)
        if (shingle := tuple(words[start : start + size])) in owners
    }


def _in_most(hits: Sequence[set[_Shingle]]) -> set[_Shingle]:
    """What stands in most of many prompts is the template's."""
    counts = Counter(shingle for found in hits for shingle in found)
    return {shingle for shingle, count in counts.items() if count >= 10 and count > len(hits) / 2}


class _Allowed:
    """What a prompt may show: the rows that all of its requests may see, and what is known of their items."""

    def __init__(self, prompt: LoggedPrompt, visible: Visible, about_items: dict[str, str]) -> None:
        self._visible = visible
        self._asked = [visible.place(request) for request in prompt.requests]
        self._about_items = about_items
        self._text: str | None = None

    def knows(self, shingle: _Shingle, rows: Sequence[int]) -> bool:
        """Whether the words may come from somewhere that may be seen."""
        if not self._asked:
            return False
        if any(all(self._visible.may_see(asked, row) for asked in self._asked) for row in rows):
            return True
        # A title in a template makes a run of words that a review of the same item may well hold too.
        size = max(len(shingle) - SHORTEST + 1, SHORTEST)
        known = self._known_text()
        return any(f" {' '.join(shingle[start : start + size])} " in known for start in range(len(shingle) - size + 1))

    def _known_text(self) -> str:
        """All words of the users' and items' rows that the requests may see; asked for at a first suspicion only."""
        if self._text is None:
            rows: list[InteractionRow] = []
            for asked in self._asked:
                places = (*self._visible.seen_of_user(asked), *self._visible.seen_of_item(asked))
                rows += [self._visible.rows[place] for place in places]
            texts = [text for row in rows for text in (row.review, row.summary)]
            items = {row.item_id for row in (*rows, *(self._visible.rows[place] for place in self._asked))}
            texts += [self._about_items.get(item, "") for item in sorted(items)]
            self._text = " | ".join(f" {' '.join(words_of(text))} " for text in texts)
        return self._text


def _finding(prompt: LoggedPrompt, shingle: _Shingle, row: int, visible: Visible) -> LeakageFinding:
    words = f"'{' '.join(shingle)}' is from row {visible.rows[row].row}"
    asked = [visible.place(request) for request in prompt.requests]
    if row in asked:
        return LeakageFinding("target_text", prompt.where, f"{words}, which is asked about")
    if any(visible.is_same_pair(place, row) for place in asked):
        return LeakageFinding("same_pair", prompt.where, f"{words}, of the same user and item")
    why = "is not before the request, or not in a split that histories come from"
    return LeakageFinding("future", prompt.where, f"{words} ({visible.rows[row].split}), which {why}")
