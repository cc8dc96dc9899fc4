"""The report in headless Chromium; skipped with a message where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builtin_metrics import METRICS
from large_board import N_ROWS, large_board
from log_making import add_logs

from duetbench.leaderboard import Board, collect
from duetbench.leaderboard.report import render_report

HOSTILE = "</pre></template><script>window.owned=1</script><img src=http://evil.example/x onerror='window.owned=1'>"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install 'duetbench[dev]'")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no Chromium on the path: the HTML report is not tested in a browser")
    with sync_api.sync_playwright() as playwright:
        # root has no sandbox in containers; the page is a local file without network
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=300_000)
        yield browser
        browser.close()


@pytest.fixture
def board(cell: Callable, free: Callable, run: Path) -> Board:
    profile, everything = f"funk rock {HOSTILE}", [f"test:{row}" for row in range(80)]
    add_logs(cell("duet-0", 0.3, label=HOSTILE), everything, user=profile, item=profile, review=HOSTILE)
    cell("tenh", 0.5, strategy="10h", trainer="grpo", unread=1)
    free("bias", 1.2)
    return collect([run], METRICS)


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a report; fails if it asks for anything but itself, or reports an error."""
    faults: list[str] = []
    contexts = []

    def open_it(board: Board, **options: Any) -> Any:
        path = tmp_path / "report.html"
        path.write_text(render_report(board), encoding="utf-8")
        contexts.append(context := browser.new_context(**options))
        page = context.new_page()
        page.set_default_timeout(300_000)
        page.on("request", lambda request: faults.append(request.url) if request.url != path.as_uri() else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text))
        page.goto(path.as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not faults


def _shown(page: Any) -> list[str]:
    return page.evaluate("[...document.querySelectorAll('.rows tbody tr')].filter(r => r.offsetHeight).map(r => r.id)")


def test_hostile_texts_stay_inert_in_table_and_pairs(open_page: Callable, board: Board) -> None:
    page = open_page(board)
    page.locator("button.open").first.click()
    page.locator("dialog summary").first.click()
    assert page.evaluate("window.owned") is None
    assert HOSTILE in page.locator("dialog pre").first.text_content()
    assert page.locator("dialog img, dialog script").count() == 0


def test_the_policy_stops_a_script_that_slips_in(browser: Any, board: Board, tmp_path: Path) -> None:
    path = tmp_path / "injected.html"
    path.write_text(render_report(board).replace("<main>", "<main><script>window.owned=1</script>"), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri(), timeout=300_000)
    assert page.evaluate("[window.owned === undefined, document.documentElement.dataset.ready]") == [True, "yes"]
    page.close()


def test_rows_are_searched_filtered_and_sorted_by_keyboard(open_page: Callable, board: Board) -> None:
    page = open_page(board)
    everything = _shown(page)
    page.keyboard.press("/")
    page.keyboard.type("10H")
    assert len(_shown(page)) == 1
    page.locator("#controls button").click()
    page.select_option("select[data-facet]", index=1)
    assert 0 < len(_shown(page)) < len(everything)
    page.locator("#controls button").click()
    page.wait_for_function("n => document.querySelectorAll('.rows tr.in').length === n", arg=len(everything))
    page.get_by_role("button", name="MAE", exact=True).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert _shown(page) == everything[::-1]


def test_pairs_open_and_close_by_keyboard(open_page: Callable, board: Board) -> None:
    page = open_page(board)
    page.locator("button.open").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog mark").first.text_content().startswith("funk rock")
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_another_convention_changes_metrics_and_says_so(open_page: Callable, board: Board) -> None:
    page = open_page(board)
    before = page.locator(".rows").inner_text()
    page.select_option("#convention", "three_class")
    assert page.locator(".rows").inner_text() != before
    assert "three_class" in page.locator("#switched").inner_text()
    page.select_option("#convention", "standard")
    assert page.locator(".rows").inner_text() == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_down_only_in_both_colour_schemes(open_page: Callable, board: Board, scheme: str) -> None:
    page = open_page(board, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(background.split("(")[1].split(",")[0]) < 128) == (scheme == "dark")


def test_without_javascript_all_rows_can_be_read(open_page: Callable, board: Board) -> None:
    page = open_page(board, java_script_enabled=False)
    assert page.locator(".rows tbody tr:visible").count() == 3
    assert not page.locator("#controls").is_visible()
    assert "JavaScript is off" in page.locator("body").inner_text()


def test_400_rows_are_laid_out_in_part_and_found_in_full(open_page: Callable, cell: Callable, run: Path) -> None:
    page = open_page(large_board(cell, run))
    assert len(_shown(page)) == 30
    start = "performance.getEntriesByType('navigation')[0]"
    interactive = page.evaluate(f"{start}.domContentLoadedEventEnd - {start}.responseEnd")
    times = [page.evaluate(_FILTER, text) for text in ("duet1", "grpo", "duet2", "0.5", "duet39")]
    print(f"interactive after {interactive:.0f} ms; filtered in", ", ".join(f"{time:.0f} ms" for time in times))
    assert len(_shown(page)) == 11  # duet39, duet390 to duet399
    page.evaluate(_FILTER, "")
    page.get_by_role("button", name=f"Show all {N_ROWS} rows").click()
    assert len(_shown(page)) == N_ROWS


_FILTER = """text => {
  const search = document.getElementById("search"), start = performance.now();
  search.value = text;
  search.dispatchEvent(new Event("input"));
  document.body.offsetHeight;
  return performance.now() - start;
}"""
