from duetbench.inspection.phrases import mark, shared_phrases


def test_the_longest_common_phrase_is_found() -> None:
    assert shared_phrases("loves tight funk rock", "A funk-rock fusion") == [("funk", "rock")]


def test_words_without_a_meaning_of_their_own_are_no_phrase() -> None:
    assert shared_phrases("all of the 2024 best", "all of the 2024 worst") == []


def test_a_phrase_does_not_begin_or_end_with_an_article() -> None:
    assert shared_phrases("the polished production of it", "the polished production of him") == [
        ("polished", "production")
    ]


def test_case_is_ignored_and_marks_keep_the_text() -> None:
    phrases = shared_phrases("Soul and SOUL", "soul")
    pieces = mark("Soul, soul!", phrases)
    assert "".join(piece.text for piece in pieces) == "Soul, soul!"
    assert [piece.phrase for piece in pieces] == [0, None, 0, None]


def test_empty_texts_share_nothing() -> None:
    assert shared_phrases("", "soul") == [] == mark("", [("soul",)])
