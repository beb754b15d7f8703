"""The report in a real browser, which is kept off the network: that it works, that it is usable, that nothing breaks
out of it."""

import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from costguard.model.night import Night
from costguard.reports.page import render
from costguard.reports.review import html
from tests.conftest import absent
from tests.nightly.build import night
from tests.nightly.test_review import week

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

pytestmark = pytest.mark.browser
OFFLINE = (
    "--no-sandbox",  # The tests may run as root, in a container; what is shown is ours.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if find_spec("playwright") is None or chromium is None:
        absent("browser", "Playwright or Chromium isn't installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(OFFLINE))
        yield opened
        opened.close()


class Opened(msgspec.Struct):
    """A page, and all that it has said and asked for."""

    page: Any
    said: list[str]
    asked: list[str]


@pytest.fixture
def opened(browser: "Browser", tmp_path: Path) -> "Iterator[Any]":
    """Opens a night's report."""
    contexts = []

    def do(made: Night, *, width: int = 1280, scheme: Any = "light") -> Opened:
        file = tmp_path / "report.html"
        file.write_bytes(render(made).encode())
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        found = Opened(page, [], [])
        page.on("console", lambda message: found.said.append(message.text))
        page.on("pageerror", lambda error: found.said.append(str(error)))

        def dismissed(dialog: "Dialog") -> None:
            found.said.append(f"dialog {dialog.message}")
            dialog.dismiss()

        page.on("dialog", dismissed)
        page.on("request", lambda request: found.asked.append(request.url))
        page.goto(file.as_uri())
        if made.rows:
            page.wait_for_selector("#filters:not([hidden])")
        assert found.asked == [file.as_uri()]
        return found

    yield do
    for context in contexts:
        context.close()


def first(page: "Page", column: int = 1, count: int = 3) -> list[str]:
    return page.locator(f"#resources tbody tr td:nth-child({column})").all_inner_texts()[:count]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_renders_without_a_word_and_without_asking_for_anything(opened: Any, width: int, scheme: str) -> None:
    found = opened(night(250), width=width, scheme=scheme)
    page = found.page
    assert page.locator("h1").inner_text().startswith("20.0% of taggable spend")
    assert page.locator("svg").count() == 5
    assert all(page.locator("svg").nth(n).bounding_box()["width"] > 100 for n in range(5))
    # Nothing is wider than the screen: long tables scroll by themselves.
    assert page.evaluate("document.documentElement.scrollWidth") == width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    assert dark == (scheme == "dark")
    assert (found.said, len(found.asked)) == ([], 1)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened: Any, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for made in (night(30), *([night(more=False)] if (width, scheme) == (1280, "light") else [])):
        results = Axe().run(opened(made, width=width, scheme=scheme).page)
        assert results.response["passes"]
        serious = [one for one in results.response["violations"] if one["impact"] in ("serious", "critical")]
        assert not serious, [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in serious]


def test_resources_are_searched_filtered_and_sorted(opened: Any) -> None:
    made = night(250)
    page = opened(made).page
    said = page.locator("#said")
    assert said.inner_text() == "250 resources"
    page.fill("#search", "AWS_DB eu-west-1")
    fits = [row.id for row in made.rows if row.type == "aws_db_instance" and "eu-west-1" in f"{row.id} {row.region}"]
    assert said.inner_text() == f"{len(fits)} of 250 resources"
    assert first(page, count=250) == fits
    page.fill("#search", "")
    page.select_option("select[data-column=verdict]", "empty")
    empty = [row.id for row in made.rows if row.verdict == "empty"]
    assert first(page, count=250) == empty
    page.locator("#resources th button", has_text="Cost").click()
    page.locator("#resources th button", has_text="Cost").click()
    assert page.locator("#resources th[aria-sort=ascending]").inner_text().startswith("Cost")
    assert first(page, count=250) == empty[::-1]
    page.select_option("select[data-column=verdict]", "")
    page.fill("#search", "there is nothing like this")
    assert said.inner_text() == "0 of 250 resources"


def test_resources_come_in_pages(opened: Any) -> None:
    made = night(250)
    page = opened(made).page
    ids = [row.id for row in made.rows]
    assert first(page, count=250) == ids[:100]
    before, after = page.locator("#pager button").all()
    assert before.is_disabled()
    after.click()
    after.click()
    assert page.locator("#place").inner_text() == "Page 3 of 3"
    assert after.is_disabled()
    assert first(page, count=250) == ids[200:]


def test_every_table_with_a_button_is_sorted_by_it(opened: Any) -> None:
    page = opened(night(30)).page
    table = page.locator("table.sortable", has=page.get_by_role("button", name="Owner")).first
    table.get_by_role("button", name="USD").click()
    amounts = [float(text.replace(",", "")) for text in table.locator("tbody td:nth-child(2)").all_inner_texts()]
    assert amounts == sorted(amounts, reverse=True)
    table.get_by_role("button", name="Owner").click()
    names = table.locator("tbody td:first-child").all_inner_texts()
    assert names == sorted(names)


def test_it_is_used_by_keyboard_alone(opened: Any) -> None:
    page = opened(night(30)).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.locator("#search").focus()
    page.keyboard.type("aws_s3")
    assert page.locator("#said").inner_text() == "5 of 30 resources"
    button = page.locator("#resources th button").first
    button.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.locator("#resources th[aria-sort]").count() == 1


def test_it_prints_its_tables_whole_and_its_controls_not_at_all(opened: Any) -> None:
    page = opened(night(30)).page
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator("#filters").is_visible()
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.scrollHeight <= e.clientHeight + 1)")


def test_without_scripts_the_first_resources_are_there(browser: "Browser", tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(render(night(250)).encode())
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("#resources tbody tr").count() == 100
    assert "Without scripts the first 100 are listed" in page.locator("noscript").inner_text()
    context.close()


BREAKING = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "javascript:alert(1)",
    "<!--<script>",
    "</style><style>*{display:none}</style>",
    "${alert(1)}{{alert(1)}}",
    "<a href='https://example.com/' ping='https://example.com/'>click</a>",
)


@pytest.mark.parametrize("text", BREAKING)
def test_what_tries_to_break_out_is_read_as_it_is_written(opened: Any, text: str) -> None:
    made = night(12)
    rows = tuple(
        msgspec.structs.replace(
            row, id=f"{text} {number}", tags=(text,), type=text, account=text, owner=text, do=f"costguard {text}"
        )
        for number, row in enumerate(made.rows)
    )
    spend = made.spend
    assert spend is not None
    showback = {text: tuple(msgspec.structs.replace(one, value=text) for one in spend.showback["owner"])}
    gaps = tuple(msgspec.structs.replace(one, where=text, why=text) for one in made.gaps)
    spend = msgspec.structs.replace(spend, showback=showback, currency=text)
    found = opened(msgspec.structs.replace(made, rows=rows, spend=spend, gaps=gaps, notes=(text,)))
    page = found.page
    assert first(page)[0] == f"{text} 0"
    assert page.locator("#resources tbody code").first.inner_text() == f"costguard {text}"
    assert page.locator("select[data-column=type] option").nth(1).inner_text() == text
    assert page.locator("script").count() == 2
    assert page.locator("img, iframe, object, embed, link, a[ping], main style").count() == 0
    assert (found.said, len(found.asked)) == ([], 1)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_weekly_review_is_as_usable(browser: "Browser", tmp_path: Path, width: int, scheme: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    file = tmp_path / "review.html"
    file.write_text(html(week(tmp_path)), "utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(file.as_uri())
    page.locator("table.sortable").first.get_by_role("button", name="Owner").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    serious = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    context.close()
    assert (said, serious) == ([], [])


class _Door(ThreadingHTTPServer):
    """A server on loopback that counts who comes."""

    def __init__(self) -> None:
        self.came: list[str] = []
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                door.came.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.mark.parametrize("policed", [True, False])
def test_were_something_to_break_out_it_could_neither_run_nor_call_home(
    browser: "Browser", tmp_path: Path, policed: bool
) -> None:
    """The escaping is taken away: a script, a handler, an image, a frame and a style stand in the page. And without the
    policy, each of them works: so it is the policy that stops them."""
    with _Door() as door:
        threading.Thread(target=door.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{door.server_port}"
        planted = (
            f"<script>alert(1); fetch('{home}/fetch', {{mode: 'no-cors'}})</script>"
            f"<img src='{home}/image' onerror='alert(2)'><iframe src='{home}/frame'></iframe>"
            "<style>h1{display:none}</style>"
        )
        broken = render(night(3)).replace("</main>", f"{planted}</main>", 1)
        if not policed:
            broken = re.sub("<meta http-equiv=[^>]*>", "", broken, count=1)
        file = tmp_path / "broken.html"
        file.write_text(broken)
        context = browser.new_context()
        page = context.new_page()
        dialogs: list[str] = []

        def dismissed(dialog: "Dialog") -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", dismissed)
        page.goto(file.as_uri())
        page.wait_for_selector("#filters:not([hidden])")
        page.wait_for_load_state("networkidle")
        assert page.locator("h1").is_visible() == policed
        context.close()
        door.shutdown()
    assert (dialogs == []) == policed
    assert sorted(door.came) == ([] if policed else ["/fetch", "/frame", "/image"])
