"""The scorer reads what the writer read, within the length of the profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from control_making import context_of, count_words, plain_texts, profiles_of, prompt_texts
from hypothesis import given
from hypothesis import strategies as st
from request_making import line, request

from duetbench.controls.raw_evidence import RawEvidence, RawEvidenceFull
from duetbench.interfaces import Strategy
from duetbench.scorers.r4rec_predictor import Reason4RecPredictor
from duetbench.scorers.rating_text import RatingText
from duetbench.strategies.duet import Duet
from duetbench.strategies.kar import Kar
from duetbench.strategies.lg import LettinGo
from duetbench.strategies.palr import Palr
from duetbench.strategies.rlmrec import RlmRec
from duetbench.types import Interaction, Profile, Profiles, Request

LONG = request(n_user=30, n_item=20)


def times(history: Sequence[Interaction]) -> list[int]:
    return [each.timestamp for each in history]


def shown(each: Request, strategy: Strategy | None = None, words: int | None = None, **options: Any) -> Request:
    """The request under the control; `words` per profile, None: untruncated."""
    control = RawEvidenceFull() if words is None else RawEvidence()
    context = context_of(control, strategy, **{"history_k": 0, **options})
    (changed,) = control.apply([each], [profiles_of(0, words or 1)], context).requests
    return changed


def test_untruncated_is_exactly_what_the_writer_saw() -> None:
    strategy = Duet(Duet.Config(history_k=7, recent_k=5))
    assert shown(LONG, strategy) == strategy.writer_view(LONG)


def test_the_scorers_own_history_stays() -> None:
    strategy = Duet(Duet.Config(history_k=7, recent_k=5))
    assert shown(LONG, strategy, history_k=5).user_history == LONG.user_history[-12:]


def test_averages_that_the_writer_does_not_see_are_not_shown() -> None:
    assert shown(LONG, Duet()).user_average == 3.5
    hidden = shown(LONG, Duet(Duet.Config(show_averages=False)))
    assert (hidden.user_average, hidden.item_average) == (None, None)


def test_the_item_history_is_left_out_where_the_writer_sees_none() -> None:
    assert shown(LONG, LettinGo()).item_history == ()


@pytest.mark.parametrize("words", [1, 6, 12, 25, 50, 100, 1000])
def test_the_prompt_is_not_longer_than_with_profiles(words: int) -> None:
    context = context_of(RawEvidence())
    profiles = [profiles_of(0, words)]
    result = RawEvidence().apply([LONG], profiles, context)
    (text,), (plain,) = prompt_texts(result, context), plain_texts([LONG], profiles, context)
    assert count_words(text) <= count_words(plain)
    assert result.measures["evidence_tokens"] is not None
    assert result.measures["profile_tokens"] is not None
    assert result.measures["evidence_tokens"] <= result.measures["profile_tokens"]


@pytest.mark.parametrize("words", range(30, 60))
def test_the_last_line_is_cut_so_that_the_evidence_is_as_long_as_the_profiles(words: int) -> None:
    control = RawEvidence()
    context = context_of(control, Duet(Duet.Config(show_averages=False)), history_k=0)
    result = control.apply([LONG], [profiles_of(0, words)], context)
    left_over = (result.measures["profile_tokens"] or 0) - (result.measures["evidence_tokens"] or 0)
    assert 0 <= left_over < 5  # a line begins with `- rated 4 of 5`
    assert result.measures["without_evidence"] == 0


def test_a_cut_line_keeps_its_first_words() -> None:
    strategy = Duet(Duet.Config(show_averages=False))
    (whole,) = LONG.user_history[-1:]
    cuts = [shown(LONG, strategy, words).user_history[-1] for words in (4, 5, 6, 7)]
    reviews = ["", "review", "review 29 by", "review 29 by anna"]  # two profiles: two words more each time
    assert cuts == [replace(whole, review=review) for review in reviews]


def test_a_text_without_spaces_is_cut_too() -> None:
    review = "很" * 90
    each = request(n_user=0, item_history=(line("other-1", 900, review=review),), user_average=None, item_average=None)
    context = replace(context_of(RawEvidence(), history_k=0), count_tokens=len)
    (cut,) = RawEvidence().apply([each], [Profiles(Profile("user", "a" * 100))], context).requests
    assert cut.item_history[0].review in (review[:20], review[:40], review[:60])


def test_a_part_that_cannot_show_anything_is_counted() -> None:
    context = context_of(RawEvidence(), history_k=0)
    result = RawEvidence().apply([LONG], [Profiles(Profile("user", ""))], context)
    assert (result.measures["evidence_tokens"], result.measures["without_evidence"]) == (0, 1)


def test_the_oldest_lines_are_left_out_first() -> None:
    lengths: dict[int, tuple[int, int]] = {}
    for words in range(5, 120, 5):
        cut = shown(LONG, words=words)
        n_user, n_item = len(cut.user_history), len(cut.item_history)
        assert times(cut.user_history) == times(LONG.user_history[len(LONG.user_history) - n_user :])
        assert times(cut.item_history) == times(LONG.item_history[len(LONG.item_history) - n_item :])
        lengths[words] = (n_user, n_item)
    assert all(-1 <= n_user - n_item <= 2 for n_user, n_item in lengths.values())  # the other side's line may fit
    assert lengths[115][0] > 3


def test_averages_go_last() -> None:
    assert shown(LONG, words=1).user_average is None
    assert shown(LONG, words=6).user_average == 3.5


@given(st.integers(0, 25), st.integers(0, 25), st.integers(0, 12), st.integers(1, 60))
def test_never_more_than_the_writer_or_the_scorer_saw(n_user: int, n_item: int, own: int, words: int) -> None:
    strategy = Duet(Duet.Config(history_k=6, recent_k=3))
    each = request(n_user=n_user, n_item=n_item)
    view, cut = strategy.writer_view(each), shown(each, strategy, words, history_k=own)
    own_lines = each.user_history[max(n_user - own, 0) :]
    assert {*own_lines} <= {*cut.user_history}
    assert {*times(cut.user_history)} <= {*times((*own_lines, *view.user_history))}
    assert {each.user_id for each in cut.item_history} <= {each.user_id for each in view.item_history}


def test_failed_profiles_leave_all_as_it_is() -> None:
    failed = Profiles(failed="unreadable")
    result = RawEvidence().apply([LONG], [failed], context_of(RawEvidence()))
    assert (result.requests, result.profiles) == ([LONG], [failed])
    assert result.measures["evidence_tokens"] is None


def test_no_profile_is_left() -> None:
    for control in (RawEvidence(), RawEvidenceFull()):
        assert list(control.apply([LONG], [profiles_of(0)], context_of(control)).profiles) == [Profiles()]


def test_windows_of_the_scorer_hold_the_evidence() -> None:
    options = RawEvidence().scorer_options(Duet(Duet.Config(history_k=30, recent_k=10)), RatingText())
    assert options == {"history_k": 40, "item_history_k": 40, "show_averages": True, "review_chars": 0}
    predictor = Reason4RecPredictor(Reason4RecPredictor.Config(history_k=50))
    assert RawEvidence().scorer_options(Kar(), predictor)["item_history_k"] == 50


def test_an_own_prompt_file_must_show_the_evidence(tmp_path: Path) -> None:
    own = tmp_path / "mine.jinja"
    own.write_text("[[user]]\n{{ history }} {{ user_average }}")
    scorer = RatingText(RatingText.Config(prompt=str(own)))
    obstacle = RawEvidence().obstacle(Duet(), scorer)
    assert obstacle == f"{own} does not use item_history, item_average"
    own.write_text("[[user]]\n{{ history }} {{ user_average }} {{ item_history }} {{ item_average }}")
    assert RawEvidence().obstacle(Duet(), scorer) is None


def test_a_scorer_that_shows_all_of_it_anyway_is_an_obstacle() -> None:
    predictor = Reason4RecPredictor()
    assert "so this is the row without a profile" in (RawEvidence().obstacle(Duet(), predictor) or "")
    assert RawEvidence().obstacle(Duet(Duet.Config(history_k=11)), predictor) is None
    assert RawEvidence().obstacle(Duet(Duet.Config(review_chars=201)), predictor) is None


@pytest.mark.parametrize("strategy", [Kar(), Palr(), RlmRec()])
def test_a_window_within_the_scorers_own_is_an_obstacle(strategy: Strategy) -> None:
    assert "so this is the row without a profile" in (RawEvidenceFull().obstacle(strategy, RatingText()) or "")
    assert RawEvidenceFull().obstacle(strategy, RatingText(RatingText.Config(history_k=9))) is None


@pytest.mark.parametrize(
    ("strategy", "expected"), [(Duet(), 0), (Kar(), 1), (Kar(Kar.Config(history_ratings="rating")), 0)]
)
def test_ratings_in_place_of_sentiments_are_recorded(strategy: Strategy, expected: int) -> None:
    control = RawEvidenceFull()
    result = control.apply([LONG], [Profiles()], context_of(control, strategy, history_k=0))
    assert result.measures["ratings_for_sentiments"] == expected
