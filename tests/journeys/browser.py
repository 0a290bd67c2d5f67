"""A real browser with a person's screen: Playwright and Debian's chromium, in a thread of its own.

Playwright's sync API leaves a running event loop in its thread, and Django refuses its ORM wherever one runs. So all
of it happens in one worker thread, and a test calls the screen's methods from its own.
"""

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Final, Self, TypeVar

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

CHROMIUM: Final = Path("/usr/bin/chromium")
PATIENCE_S: Final = 60
_FLAGS: Final = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")
Result = TypeVar("Result")


class Browser:
    """One chromium, which lives for a ``with`` block, with user data that nobody keeps."""

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="browser")
        self.do(self._open)
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._close)
        self._thread.shutdown()

    def do(self, work: Callable[[], Result]) -> Result:
        """Do something in Playwright's thread and return what comes of it."""
        return self._thread.submit(work).result()

    def phone(self, site: str, *, language: str = "en-GB", scripts: bool = True) -> "Phone":
        """Return somebody's phone with an empty memory.

        site      where its relative addresses lead
        language  what it asks pages for
        scripts   whether pages may run any
        """
        return Phone(self, site, language=language, scripts=scripts)

    def context(self, **options: Any) -> BrowserContext:
        return self._chromium.new_context(**options)

    def _open(self) -> None:
        self._playwright = sync_playwright().start()
        self._chromium = self._playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)

    def _close(self) -> None:
        self._chromium.close()
        self._playwright.stop()


class Screen:
    """What one person sees of a site, through one tab.

    complaints  what our pages should never cause: errors and warnings of the console (violations of the content
                security policy are among them), uncaught exceptions, and pages wider than the screen
    posts       the addresses to which it has sent a form
    """

    width: ClassVar[int]
    height: ClassVar[int]
    touched: ClassVar[bool] = False

    def __init__(self, browser: Browser, site: str, *, language: str = "en-GB", scripts: bool = True) -> None:
        self.complaints: list[str] = []
        self.posts: list[str] = []
        self._browser = browser
        self._site = site
        self._options = {
            "viewport": {"width": self.width, "height": self.height},
            "locale": language,
            "java_script_enabled": scripts,
            "is_mobile": self.touched,
            "has_touch": self.touched,
            "timezone_id": "Europe/Berlin",
        }
        self._context, self._page = browser.do(self._open)

    def _open(self) -> tuple[BrowserContext, Page]:
        context = self._browser.context(**self._options)
        context.set_default_timeout(PATIENCE_S * 1000)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", lambda request: request.method == "POST" and self.posts.append(request.url))
        return context, context.new_page()

    def _hear(self, message: ConsoleMessage) -> None:
        # The hosted page is another site, whose 402 for a declined card Chromium writes down too. For a PDF, which
        # names no icon, it asks at a place where we have none.
        url = message.location["url"]
        if message.type in ("error", "warning") and url.startswith(self._site) and not url.endswith("/favicon.ico"):
            self.complaints.append(f"{message.type}: {message.text} at {url}")

    def close(self) -> None:
        self._browser.do(self._context.close)

    def tab(self) -> Self:
        """Open another tab beside this one: the same cookies, complaints and posts, a page of its own."""
        other = copy(self)
        other._page = self._browser.do(self._context.new_page)
        return other

    # --- what a person does -----------------------------------------------------------------------------------

    def open(self, path: str) -> None:
        self._browser.do(lambda: self._page.goto(self._site + path))

    def go_back(self) -> None:
        self._browser.do(lambda: self._page.go_back())

    def follow(self, words: str) -> None:
        """Go where a link in running text leads."""
        self._browser.do(lambda: self._page.get_by_role("link", name=words, exact=True).click())

    def press(self, words: str, *, times: int = 1) -> None:
        """Hit the button or link of these words, twice as fast as a nervous finger if ``times`` is 2."""
        self._browser.do(lambda: self._control(words).click(click_count=times, delay=0))

    def open_row(self, row: str = "", *, last: bool = False) -> None:
        """Follow the first link, or the last, of a table's row that says so; without ``row`` open a list's first."""

        def work() -> None:
            links = (self._part(row) if row else self._main().get_by_role("rowheader")).get_by_role("link")
            (links.last if last else links.first).click()

        self._browser.do(work)

    def unfold(self, words: str) -> str:
        """Open what is folded under these words and return what it holds."""

        def work() -> str:
            folded = self._main().locator("details").filter(has=self._page.locator("summary", has_text=words)).first
            folded.locator("summary").first.click()
            return folded.inner_text()

        return self._browser.do(work)

    def fill(self, fields: dict[str, str]) -> None:
        """Write into a form's fields, or choose from their lists, by their labels."""

        def work() -> None:
            for label, text in fields.items():
                write(self._field(label), text)

        self._browser.do(work)

    def tick(self, label: str) -> None:
        self._browser.do(lambda: self._field(label).check())

    def type_card(self, number: str) -> None:
        """Pay by card on the hosted page."""

        def work() -> None:
            self._page.get_by_label("Card number").fill(number)
            self._page.get_by_role("button", name=re.compile("^Pay ")).click()

        self._browser.do(work)

    def save(self, words: str) -> bytes:
        """Press a link that leads to a file and return the file."""

        def work() -> bytes:
            with self._page.expect_download() as download:
                self._control(words).click()
            return Path(download.value.path()).read_bytes()

        return self._browser.do(work)

    def glance(self, words: str) -> None:
        """Press what leads to a PDF that the browser shows itself, see that it comes, and go back."""

        def work() -> None:
            with self._page.expect_response(lambda answer: answer.headers.get("content-type") == "application/pdf"):
                self._control(words).click()
            self._page.go_back()

        self._browser.do(work)

    def lose_network(self) -> None:
        """Drive into a garage."""
        self._browser.do(lambda: self._context.set_offline(True))

    def find_network(self) -> None:
        self._browser.do(lambda: self._context.set_offline(False))

    # --- what a person sees -----------------------------------------------------------------------------------

    def wait_for(self, words: str) -> str:
        """Wait until the page says so, however it gets there, and return all it says then.

        :raises AssertionError: it does not in time; the message has what it says instead
        """

        def work() -> str:
            main = self._main()
            expect(main).to_contain_text(words, timeout=PATIENCE_S * 1000)
            return main.inner_text()

        return self._browser.do(work)

    def text(self) -> str:
        return self._browser.do(lambda: self._main().inner_text())

    def figure(self, name: str) -> str:
        """Return the number that stands by a name, such as a cost, without unit; "" if there is none yet."""
        found = _NUMBER.search(self._browser.do(lambda: self._figure(name).inner_text()))
        return found[0] if found else ""

    def wait_for_figure(self, name: str, *, other_than: str) -> str:
        """Wait until the number by a name is another one, and return it."""
        self._browser.do(lambda: expect(self._figure(name)).not_to_contain_text(other_than, timeout=PATIENCE_S * 1000))
        return self.figure(name)

    def language(self) -> str | None:
        return self._browser.do(lambda: self._page.locator("html").get_attribute("lang"))

    def address(self) -> str:
        return self._browser.do(lambda: self._page.url)

    def mark(self) -> None:
        """Leave a mark that the next page load wipes away."""
        self._browser.do(lambda: self._page.evaluate("() => { window.marked = true }"))

    def is_marked(self) -> bool:
        return bool(self._browser.do(lambda: self._page.evaluate("() => window.marked === true")))

    def shoot(self, name: str) -> None:
        """Check that the page is no wider than the screen, and keep a picture if SCREENS names a directory."""
        width = self._browser.do(lambda: self._page.evaluate("() => document.documentElement.scrollWidth"))
        if width > self.width:
            self.complaints.append(f"{self.address()} is {width} pixels wide")
        if directory := os.environ.get("SCREENS"):
            path = Path(directory) / f"{name}.png"
            self._browser.do(lambda: self._page.screenshot(path=path, full_page=True))

    def _main(self) -> Locator:
        return self._page.locator("main, #main")

    def _part(self, row: str) -> Locator:
        return self._main().get_by_role("row").filter(has_text=row) if row else self._main()

    def _control(self, words: str) -> Locator:
        # Links that look like buttons say that they are some.
        return self._page.get_by_role("button", name=words, exact=True)

    def _field(self, label: str) -> Locator:
        return self._page.get_by_label(label, exact=True)

    def _figure(self, name: str) -> Locator:
        return (
            self._page.locator("dl.wd-figures > div").filter(has=self._page.get_by_text(name, exact=True)).locator("dd")
        )


class Phone(Screen):
    """A phone in one hand."""

    width, height, touched = 390, 844, True

    def go(self, words: str) -> None:
        """Go where the menu leads."""

        def work() -> None:
            menu = self._page.locator(".wl-menu")
            menu.locator("summary").click()
            menu.get_by_role("link", name=words, exact=True).click()

        self._browser.do(work)


def write(field: Locator, text: str) -> None:
    """Write into a field, or choose from one that has a list or completes what is typed."""
    if "admin-autocomplete" in (field.get_attribute("class") or ""):
        field.locator("xpath=following-sibling::*[1]").click()
        field.page.locator(".select2-search__field").fill(text)
        field.page.get_by_role("option", name=text).click()
    elif field.evaluate("field => field.tagName") == "SELECT":
        field.select_option(label=text)
    else:
        field.fill(text)
