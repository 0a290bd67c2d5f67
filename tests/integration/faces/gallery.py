"""Pages as pictures: what our client was answered, shown in a real browser that reaches nothing else.

So a page is looked at as its reader sees it, styles and scripts included, without a server and inside the test's own
transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders
from django.test import Client
from playwright.sync_api import BrowserContext, Page, Route

from tests.integration.addresses import Address
from tests.journeys.browser import Browser

SITE: Final = "http://gallery.test"


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole page: its address, its markup, and the headers that rule what it may load and run."""

    address: Address
    html: bytes
    headers: dict[str, str]


def pictures(found: Iterable[Address], client: Client) -> list[Picture]:
    """Return the addresses that are whole pages for this reader, not files, fragments or forms that are only sent."""
    shown = []
    for address in found:
        response = client.get(address.path, headers={"accept-language": "en"})
        is_page = response.status_code == 200 and response.headers["Content-Type"].startswith("text/html")
        if is_page and b"<html" in response.content:
            shown.append(Picture(address, response.content, dict(response.headers)))
    return shown


class Gallery:
    """A window of a size in a light or dark room, in which pictures hang one after the other."""

    def __init__(self, browser: Browser, *, width: int, height: int = 900, dark: bool = False) -> None:
        self._picture: Picture | None = None
        self._context: BrowserContext = browser.context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-GB",
        )
        self._page = self._context.new_page()
        self._page.route("**/*", self._answer)

    def show(self, picture: Picture) -> Page:
        """Open a page; only in the browser's thread, as everything of the returned page."""
        self._picture = picture
        self._page.goto(f"{SITE}{picture.address.path}", wait_until="load")
        return self._page

    def close(self) -> None:
        self._context.close()

    def _answer(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        assert self._picture is not None
        if route.request.is_navigation_request():
            route.fulfill(status=200, headers=self._picture.headers, body=self._picture.html)
        elif address.path.startswith("/static/") and (file := finders.find(address.path.removeprefix("/static/"))):
            route.fulfill(path=file)
        else:
            route.abort()
