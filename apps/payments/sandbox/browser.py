"""Drive the hosted Checkout page as a browser would, over HTTP."""

from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode, urljoin, urlsplit


class CheckoutRefused(Exception):
    """The page did not lead on; ``str()`` is what it says to the customer."""


def complete_checkout(session_url: str, card_number: str) -> str:
    """Open a Checkout page, type a card number, submit, and return the address it redirects to.

    :raises CheckoutRefused: the card was declined, or the page is used up or expired
    """
    status, text, _ = _exchange("GET", session_url)
    form = _read(text)
    if status != 200 or form.action is None:
        raise CheckoutRefused(form.said)
    target = urljoin(session_url, form.action)
    status, text, location = _exchange("POST", target, urlencode({form.field: card_number}))
    if status != 303 or location is None:
        raise CheckoutRefused(_read(text).said)
    return location


class _Page(HTMLParser):
    """The form of a page, and what it says: its alert, else its heading."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.field = ""
        self.alert = ""
        self.heading = ""
        self._inside = ""

    @property
    def said(self) -> str:
        return self.alert or self.heading

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = given.get("action")
        elif tag == "input":
            self.field = given.get("name") or ""
        self._inside = "alert" if given.get("role") == "alert" else tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "alert":
            self.alert += data
        elif self._inside == "h1":
            self.heading += data


def _read(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    return page


def _exchange(method: str, url: str, body: str | None = None) -> tuple[int, str, str | None]:
    """Send one request; return status, text and Location, and follow nothing."""
    target = urlsplit(url)
    connection = HTTPConnection(target.hostname or "", target.port, timeout=30)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
    try:
        connection.request(method, target.path, body, headers)
        response: HTTPResponse = connection.getresponse()
        return response.status, response.read().decode(), response.headers["Location"]
    finally:
        connection.close()
