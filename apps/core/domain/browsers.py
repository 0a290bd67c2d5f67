"""Which browser on which system a User-Agent header names, as far as people know them by name."""

from collections.abc import Iterable
from typing import Final

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""Most claim to be others too, so the first that is found counts."""
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser_and_system(header: str) -> str:
    """Return ``Firefox, Windows``, the same in every language; the header itself where it names no browser."""
    browser = _first(_BROWSERS, header)
    return ", ".join(filter(None, (browser, _first(_SYSTEMS, header)))) if browser else header


def _first(known: Iterable[tuple[str, str]], header: str) -> str:
    return next((name for mark, name in known if mark in header), "")
