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

    # --- what a person sees -----------------------------------------------------------------------------------

    def wait_for_row(self, row: str, words: str) -> None:
        """Wait until a table's row says so."""
        self._browser.do(lambda: expect(self._part(row)).to_contain_text(words, timeout=PATIENCE_S * 1000))

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
