"""Drive the pages as a browser would, over HTTP."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode, urljoin, urlsplit


class CheckoutRefused(Exception):
    """The page did not lead on; ``str()`` is what it says to the customer."""


def complete_checkout(session_url: str, card_number: str) -> str:
    """Open a Checkout page, type a card number, submit, and return the address it redirects to.

    That is the way back to the shop, or a 3-D Secure page: see ``answer_challenge``.

    :raises CheckoutRefused: the card was declined, or the page is used up or expired
    """
    return _submit(session_url, {"card_number": card_number})


def complete_mandate(
    session_url: str, iban: str, *, name: str = "Erika Mustermann", email: str = "erika@example.com"
) -> str:
    """Open a Checkout page, sign a SEPA mandate, and return the address it redirects to.

    :raises CheckoutRefused: the account does not work, or the page is used up, expired, or has no such form
    """
    return _submit(session_url, {"iban": iban, "name": name, "email": email})


def answer_challenge(url: str, *, succeeds: bool = True) -> str:
    """Open a 3-D Secure page, press the button to complete or to fail, and return the address it redirects to.

    After a failure or a decline that is the Checkout page again, or ``return_url`` with ``redirect_status=failed``.

    :raises CheckoutRefused: nothing waits for it any more
    """
    return _submit(url, {"answer": "complete" if succeeds else "fail"})


def _submit(url: str, typed: dict[str, str]) -> str:
    """Fill in the form that has these fields."""
    status, text, _ = _exchange("GET", url)
    page = _read(text)
    form = next((each for each in page.forms if typed.keys() <= each.fields), None)
    if status != 200 or form is None:
        raise CheckoutRefused(page.said)
    status, text, location = _exchange("POST", urljoin(url, form.action), urlencode(typed))
    if status != 303 or location is None:
        raise CheckoutRefused(_read(text).said)
    return location


@dataclass(slots=True)
class _Form:
    action: str
    fields: set[str] = field(default_factory=set)


class _Page(HTMLParser):
    """The forms of a page, and what it says: its alert, else its heading."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self.alert = ""
        self.heading = ""
        self._inside = ""

    @property
    def said(self) -> str:
        return self.alert or self.heading

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append(_Form(given.get("action") or ""))
        elif tag in ("input", "button") and given.get("name"):
            self.forms[-1].fields.add(given["name"] or "")
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
