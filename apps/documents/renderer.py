"""HTML to a file to keep: PDF/A-3b by WeasyPrint, or the HTML itself where its system libraries are missing.

Nothing is fetched while rendering but packaged assets: ``asset:NAME`` is the file ``static/print/NAME``, every other
URL is refused, so that no text in a document can make the server read a file or call an address.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders

log = logging.getLogger(__name__)

INSTALL_LINE = "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"

_ASSET = re.compile(r"asset:([a-z0-9_-]+(?:\.[a-z0-9]+)+)")
_STYLESHEET = re.compile(r'<link rel="stylesheet" href="(asset:[^"]+)">')
_MEDIA_TYPES = {".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}


class AssetRefused(ValueError):
    """A document asked for something that is no packaged asset; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A file: its bytes, media type and the extension its name should have (``.pdf``)."""

    content: bytes
    media_type: str
    extension: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A file that travels inside the PDF (PDF/A-3, ISO 19005-3).

    relationship  Alternative: it says the same as the PDF · at: stated as its time of creation
    xmp           ``rdf:Description`` elements, with their namespaces, that the PDF's metadata say of it
    """

    name: str
    description: str
    content: bytes
    relationship: str
    at: datetime
    xmp: bytes


def render(html: str, *, attached: Attached | None = None) -> Rendered:
    """Return ``html`` as PDF, or as self-contained HTML where WeasyPrint cannot run; the same bytes for the same text.

    The log then says the one line that installs what is missing, and nothing travels inside.
    """
    try:
        weasyprint = _load_weasyprint()
    except OSError as error:
        log.warning("documents are HTML, not PDF, until this is run: %s (%s)", INSTALL_LINE, error)
        return Rendered(content=_with_styles_inside(html).encode(), media_type="text/html", extension=".html")
    document = weasyprint.HTML(string=html, url_fetcher=_fetcher(weasyprint)).render()
    finisher = None
    if attached is not None:
        document.metadata.attachments = [_attachment(weasyprint, attached)]
        finisher = _finisher(attached)
    pdf = document.write_pdf(finisher=finisher, pdf_variant="pdf/a-3b")
    return Rendered(content=pdf, media_type="application/pdf", extension=".pdf")


def _attachment(weasyprint: Any, attached: Attached) -> Any:
    return weasyprint.Attachment(
        file_obj=BytesIO(attached.content),
        name=attached.name,
        description=attached.description,
        created=attached.at,
        modified=attached.at,
        relationship=attached.relationship,
    )


def _finisher(attached: Attached) -> Callable[[Any, Any], None]:
    """Return what mends the file before it is written."""

    def finish(document: Any, pdf: Any) -> None:
        # WeasyPrint names each associated file twice.
        pdf.catalog["AF"][:] = dict.fromkeys(pdf.catalog["AF"])
        # And would add what it is handed as a second rdf:RDF, where an XMP packet has one (ISO 16684-1 § 7.4).
        metadata = pdf.objects[int(pdf.catalog["Metadata"].split()[0])]
        end = b"</rdf:RDF>"
        metadata.stream[:] = [part.replace(end, attached.xmp + end) for part in metadata.stream]

    return finish


def find_asset(url: str) -> Path:
    """Return the packaged file that ``url`` names (``asset:invoice.css``).

    :raises AssetRefused: it is any other URL, or there is no such file
    """
    match = _ASSET.fullmatch(url)
    found = finders.find(f"print/{match[1]}") if match else None
    if not isinstance(found, str):
        raise AssetRefused(f"{url!r} is no packaged asset")
    return Path(found)


def _load_weasyprint() -> Any:
    """Import WeasyPrint late: it loads Pango at once, which a fresh machine may lack (OSError)."""
    import weasyprint

    return weasyprint


def _fetcher(weasyprint: Any) -> Any:
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    class PackagedAssets(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
            path = find_asset(url)
            return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": _MEDIA_TYPES[path.suffix]})

    return PackagedAssets()


def _with_styles_inside(html: str) -> str:
    return _STYLESHEET.sub(lambda match: f"<style>{find_asset(match[1]).read_text()}</style>", html)
