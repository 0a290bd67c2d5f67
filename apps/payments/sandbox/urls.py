"""Addresses that a caller wants the browser led to."""

import re
from urllib.parse import urlencode, urlsplit

from apps.payments.sandbox.errors import CallerMistake

_URL = re.compile(r"https?://[!-~]+")


def check_url(url: str, *, param: str) -> None:
    """Refuse what no browser can be led to.

    :raises CallerMistake: it is no absolute address, or has line breaks or blanks in it
    """
    if not _URL.fullmatch(url):
        raise CallerMistake("Not a valid URL: give an absolute one with its scheme.", code="url_invalid", param=param)


def with_query(url: str, **more: str) -> str:
    """Return an address with more in its query."""
    parts = urlsplit(url)
    return parts._replace(query="&".join(filter(None, (parts.query, urlencode(more))))).geturl()
