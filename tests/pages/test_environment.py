import json
from pathlib import Path

import pytest
from log_making import add_logs
from record_making import make_cell

from duetbench.inspection import read_pairs
from duetbench.inspection.pairs import with_exchanges
from duetbench.inspection.views import pairs_page
from duetbench.pages.environment import script_json

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\x1b]0;t\x07\u202e"


@pytest.fixture
def page(tmp_path: Path) -> str:
    folder = make_cell(tmp_path, "cell", [5, 4], [4.5, 1.0])
    add_logs(folder, user=HOSTILE, item=HOSTILE, review=HOSTILE)
    pairs = with_exchanges(folder, read_pairs(folder)[:1])
    return pairs_page(HOSTILE, HOSTILE, pairs, (1, 2, 3, 4, 5))


def test_hostile_texts_are_escaped_everywhere(page: str) -> None:
    assert "<script" not in page
    assert "<img" not in page
    assert not any(character in page for character in "\x1b\x07\u202e")
    assert page.count("␛]0;t␇") >= 6


def test_a_page_without_a_script_may_run_none(page: str) -> None:
    assert "default-src 'none'" in page.replace("&#39;", "'")
    assert "script-src 'none'" in page.replace("&#39;", "'")


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    assert not any(text in page for text in ("http://", "https://", 'src="', "@import", "url("))


def test_texts_cannot_end_the_script_that_holds_them() -> None:
    assert "<" not in (text := script_json({"a": "</script><!--"}))
    assert json.loads(text) == {"a": "</script><!--"}
