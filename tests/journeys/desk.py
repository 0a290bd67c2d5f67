"""The console on a desk, as its people use it: the bar at the side, lists, forms and what they are told."""

import re

from playwright.sync_api import FilePayload, Locator, expect

from tests.journeys.browser import PATIENCE_S, Screen, write


class Desk(Screen):
    """The console on a wide screen.

    What stands beside a word there, an icon before it or the star of a field that must be filled in, is not said.
    """

    width, height = 1440, 900

    def sign_in(self, email: str, password: str) -> None:
        self.open("/admin/")
        self.fill({"E-mail address": email, "Password": password})
        self.press("Sign in")

    # --- what a person does -----------------------------------------------------------------------------------

    def go(self, words: str) -> None:
        """Go where the bar at the side leads."""
        self._browser.do(lambda: self._page.locator("#nav-sidebar").get_by_role("link", name=_ending(words)).click())

    def follow(self, words: str, *, row: str = "") -> None:
        """Go where a link leads, one in a table's row that says so if ``row`` is stated."""
        self._browser.do(lambda: self._part(row).get_by_role("link", name=_ending(words)).click())

    def open_row(self, row: str = "", *, last: bool = False) -> None:
        """Follow the first link, or the last, of a table's row that says so; without ``row`` open a list's first."""

        def work() -> None:
            links = (self._part(row) if row else self._main().get_by_role("rowheader")).get_by_role("link")
            (links.last if last else links.first).click()

        self._browser.do(work)

    def fill_row(self, table: str, fields: dict[str, str]) -> None:
        """Write into the last row of a table that belongs to a form."""

        def work() -> None:
            rows = self._main().get_by_role("group", name=table)
            for label, text in fields.items():
                write(rows.get_by_label(_starred(label)).filter(visible=True).last, text)

        self._browser.do(work)

    def attach(self, *, name: str, content: bytes) -> None:
        """Put a file into a form."""
        file: FilePayload = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        self._browser.do(lambda: self._main().locator("input[type=file]").set_input_files(file))

    def unfold(self, words: str) -> str:
        """Open what is folded under these words and return what it holds."""

        def work() -> str:
            folded = self._main().locator("details").filter(has=self._page.get_by_text(words)).first
            folded.locator("summary").click()
            return folded.inner_text()

        return self._browser.do(work)

    # --- what a person sees -----------------------------------------------------------------------------------

    def wait_for_row(self, row: str, words: str) -> None:
        """Wait until a table's row says so."""
        self._browser.do(lambda: expect(self._part(row)).to_contain_text(words, timeout=PATIENCE_S * 1000))

    def _part(self, row: str) -> Locator:
        return self._main().get_by_role("row").filter(has_text=row) if row else self._main()

    def _control(self, words: str) -> Locator:
        # Acts on a page's object are links there.
        named = _ending(words)
        return self._main().get_by_role("button", name=named).or_(self._main().get_by_role("link", name=named))

    def _field(self, label: str) -> Locator:
        return self._main().get_by_label(_starred(label)).filter(visible=True).first


def _starred(label: str) -> re.Pattern[str]:
    return re.compile(rf"^\s*{re.escape(label)}\s*\*?\s*$")


def _ending(words: str) -> re.Pattern[str]:
    return re.compile(rf"(^|\s){re.escape(words)}$")
