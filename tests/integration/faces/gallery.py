"""Pages as pictures: what our client was answered, shown in a real browser that reaches nothing else.

So a page is looked at as its reader sees it, styles and scripts included, without a server and inside the test's own
transaction.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Final, Self
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders
from django.test import Client
from PIL import Image, ImageChops
from playwright.sync_api import BrowserContext, Page, Route

from tests.integration.addresses import Address
from tests.journeys.browser import Browser

SITE: Final = "http://gallery.test"
SHADES: Final = 32
FEW: Final = 2000
# What a page that is live asks for again once its socket is open.
_ROWS: Final = re.compile(r'data-rows="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole page: its address, its markup, and the headers that rule what it may load and run.

    rows  what it is answered when it asks for its rows again, by address
    """

    address: Address
    html: bytes
    headers: dict[str, str]
    rows: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, address: Address, response: Any) -> Self:
        """Take what a client was answered, and what it is answered for the rows of it."""
        asked = [unescape(path) for path in _ROWS.findall(response.content.decode())]
        rows = {path: response.client.get(path).content for path in asked}
        return cls(address, response.content, dict(response.headers), rows)


def pictures(found: Iterable[Address], client: Client) -> list[Picture]:
    """Return the addresses that are whole pages for this reader, not files, fragments or forms that are only sent."""
    shown = []
    for address in found:
        response = client.get(address.path, headers={"accept-language": "en"})
        is_page = response.status_code == 200 and response.headers["Content-Type"].startswith("text/html")
        if is_page and b"<html" in response.content:
            shown.append(Picture.of(address, response))
    return shown


def alike(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures show the same; edges of letters and boxes are not drawn to the last shade each time.

    So no pixel differs by ``SHADES`` and only a ``FEW`` by more than two: another tone of an area is no edge.
    """
    if one.size != other.size:
        return False
    counts = ImageChops.difference(one, other).histogram()
    return all(not sum(band[SHADES:]) and sum(band[3:]) < FEW for band in (counts[:256], counts[256:512], counts[512:]))


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
        # A socket opens, and nothing is told through it.
        self._page.route_web_socket("**/*", lambda _: None)

    def show(self, picture: Picture) -> Page:
        """Open a page; only in the browser's thread, as everything of the returned page."""
        self._picture = picture
        self._page.goto(f"{SITE}{picture.address.path}", wait_until="networkidle" if picture.rows else "load")
        return self._page

    def close(self) -> None:
        self._context.close()

    def _answer(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        assert self._picture is not None
        if route.request.is_navigation_request():
            route.fulfill(status=200, headers=self._picture.headers, body=self._picture.html)
        elif (rows := self._picture.rows.get(f"{address.path}?{address.query}")) is not None:
            route.fulfill(status=200, body=rows)
        elif address.path.startswith("/static/") and (file := finders.find(address.path.removeprefix("/static/"))):
            route.fulfill(path=file)
        else:
            route.abort()
