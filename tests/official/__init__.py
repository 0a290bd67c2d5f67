"""Electronic invoices held to the official artefacts: schema (XSD), and Schematron by Saxon."""

import gzip
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from facturx.facturx import FACTURX_LEVEL2xsd, UBL_21_xsd
from lxml import etree
from saxonche import PySaxonProcessor

from apps.contracts.domain.electronic import InvoiceFormat

OURS = Path(__file__).parent / "schematron"
THEIRS = files("facturx") / "xsd_and_schematron"
_FAILED = re.compile(r'<svrl:failed-assert\b[^>]*?\bid="([^"]+)"', re.S)


def complaints(xml: bytes, *, as_format: InvoiceFormat) -> list[str]:
    """Return the ids of the rules that a document breaks, warnings too; [] when it is valid.

    :raises etree.DocumentInvalid: it does not follow its schema; the message says where
    """
    is_credit_note = b"<CreditNote" in xml
    flavor = f"ubl-2.1-{'creditnote' if is_credit_note else 'invoice'}" if as_format.is_ubl else "factur-x"
    _schema(flavor).assertValid(etree.fromstring(xml))
    return [rule for sheet in _sheets(as_format) for rule in _FAILED.findall(_run(sheet, xml))]


def broken(written: Mapping[tuple[InvoiceFormat, bytes], str]) -> list[str]:
    """Return a sentence for each document that is not valid.

    written  (format, XML) → where it was written
    """
    found = []
    for (as_format, xml), where in written.items():
        try:
            rules = complaints(xml, as_format=as_format)
        except etree.DocumentInvalid as error:
            rules = [str(error)]
        if rules:
            found.append(f"{where} wrote {as_format.value} that breaks {', '.join(rules)}")
    return found


def _sheets(as_format: InvoiceFormat) -> list[Any]:
    names = {
        InvoiceFormat.FACTURX: ["facturx-en16931/FACTUR-X_EN16931.xslt", "EN16931-CII-validation"],
        InvoiceFormat.UBL: ["ubl-2.1/EN16931-UBL-validation.xslt"],
        InvoiceFormat.XRECHNUNG_CII: ["EN16931-CII-validation", "XRechnung-CII-validation"],
        InvoiceFormat.XRECHNUNG_UBL: ["ubl-2.1/EN16931-UBL-validation.xslt", "XRechnung-UBL-validation"],
    }
    return [_compiled(name) for name in names[as_format]]


@cache
def _schema(flavor: str) -> etree.XMLSchema:
    """Read a schema once: that takes longer than to hold a document to it."""
    name = FACTURX_LEVEL2xsd["en16931"] if flavor == "factur-x" else UBL_21_xsd[flavor]
    with as_file(THEIRS) as folder:
        return etree.XMLSchema(file=str(folder / name))


@cache
def _processor() -> Any:
    return PySaxonProcessor(license=False)


@cache
def _compiled(name: str) -> Any:
    xslt = _processor().new_xslt30_processor()
    if "/" in name:
        with as_file(THEIRS / name) as path:
            return xslt.compile_stylesheet(stylesheet_file=str(path))
    return xslt.compile_stylesheet(stylesheet_text=gzip.decompress((OURS / f"{name}.xsl.gz").read_bytes()).decode())


def _run(sheet: Any, xml: bytes) -> str:
    node = _processor().parse_xml(xml_text=xml.decode())
    report: str = sheet.transform_to_string(xdm_node=node)
    assert "<svrl:fired-rule" in report, "no rule looked at the document"
    return report
