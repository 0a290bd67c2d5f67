"""How a customer's documents travel: which electronic format, and to which electronic address (EN 16931 BT-49).

The formats are the two syntaxes of EN 16931 (UN/CEFACT CII and UBL 2.1), plain or as Germany's XRechnung.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from stdnum import ean


class InvoiceFormat(StrEnum):
    """What a customer gets besides the PDF, which always carries its data as Factur-X."""

    FACTURX = "facturx"
    UBL = "ubl"
    XRECHNUNG_CII = "xrechnung_cii"
    XRECHNUNG_UBL = "xrechnung_ubl"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def is_xrechnung(self) -> bool:
        """Whether the rules of Germany's public sector (BR-DE) apply."""
        return self in {InvoiceFormat.XRECHNUNG_CII, InvoiceFormat.XRECHNUNG_UBL}

    @property
    def is_ubl(self) -> bool:
        """Whether the file is written in UBL; else in CII."""
        return self in {InvoiceFormat.UBL, InvoiceFormat.XRECHNUNG_UBL}

    @property
    def must_be_electronic(self) -> bool:
        """Whether a document that cannot be an electronic invoice is not to be issued at all."""
        return self is not InvoiceFormat.FACTURX


_LABELS: Final = {
    InvoiceFormat.FACTURX: "PDF with data inside (Factur-X, ZUGFeRD)",
    InvoiceFormat.UBL: "PDF and UBL",
    InvoiceFormat.XRECHNUNG_CII: "PDF and XRechnung (CII)",
    InvoiceFormat.XRECHNUNG_UBL: "PDF and XRechnung (UBL)",
}


class Scheme(NamedTuple):
    """A kind of electronic address: its name, an example, and whether a text has its form."""

    label: str
    example: str
    is_valid: Callable[[str], bool]


def _has_form(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda address: compiled.fullmatch(address) is not None


def _is_leitweg_id(address: str) -> bool:
    """Tell whether a Leitweg-ID has its form and its check digits (KoSIT, ISO 7064 mod 97-10)."""
    match = re.fullmatch(r"([0-9]{2,12})(?:-([A-Za-z0-9]{1,30}))?-([0-9]{2})", address)
    if match is None:
        return False
    digits = "".join(str(int(character, 36)) for character in "".join(filter(None, match.groups())))
    return int(digits) % 97 == 1


# Codes of the Electronic Address Scheme list that EN 16931 prescribes (EAS), of where our customers are.
SCHEMES: Final[Mapping[str, Scheme]] = {
    "EM": Scheme("E-mail address", "invoices@example.com", _has_form(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
    "0204": Scheme("Leitweg-ID (Germany)", "04011000-1234512345-06", _is_leitweg_id),
    "0088": Scheme("GLN", "4000001000005", lambda address: len(address) == 13 and ean.is_valid(address)),
    "0060": Scheme("D-U-N-S number", "150483782", _has_form(r"[0-9]{9}")),
    "0009": Scheme("SIRET (France)", "73282932000074", _has_form(r"[0-9]{14}")),
    "0225": Scheme("French e-invoicing address", "732829320", _has_form(r"[0-9]{9}(_[A-Za-z0-9_-]+)?")),
    "0106": Scheme("KvK number (Netherlands)", "12345678", _has_form(r"[0-9]{8}")),
    "0190": Scheme("OIN (Netherlands)", "00000001823288444000", _has_form(r"[0-9]{20}")),
    "0208": Scheme("Enterprise number (Belgium)", "0202239951", _has_form(r"[01][0-9]{9}")),
    "9930": Scheme("German VAT identifier", "DE123456788", _has_form(r"DE[0-9]{9}")),
    "9914": Scheme("Austrian VAT identifier", "ATU13585627", _has_form(r"ATU[0-9]{8}")),
    "9957": Scheme("French VAT identifier", "FR40303265045", _has_form(r"FR[0-9A-Z]{2}[0-9]{9}")),
    "9944": Scheme("Dutch VAT identifier", "NL004495445B01", _has_form(r"NL[0-9]{9}B[0-9]{2}")),
}


def is_address(address: str, *, scheme: str) -> bool:
    """Tell whether a text has the form that a scheme asks for; an unknown scheme has none."""
    found = SCHEMES.get(scheme)
    return found is not None and found.is_valid(address)
