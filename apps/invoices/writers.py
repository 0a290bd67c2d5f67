"""Electronic invoices as XML: UN/CEFACT CII (D22B, as in Factur-X 1.x and ZUGFeRD 2.x) and OASIS UBL 2.1.

The syntax is factur-x's; here its dictionary of terms is filled. Neither schema nor Schematron is run: the terms were
checked by ``domain.einvoice.rules``, and the tests hold what is written to the official artefacts.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from apps.contracts.domain.electronic import InvoiceFormat
from apps.core.domain.money import minor_unit
from apps.invoices.domain.einvoice import xrechnung
from apps.invoices.domain.einvoice.terms import Buyer, EInvoice, Line, Seller, Vat

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EN16931: Final = "urn:cen.eu:en16931:2017"


def write(invoice: EInvoice, *, as_format: InvoiceFormat) -> bytes:
    """Return the document as XML; the same terms give the same bytes."""
    # It reads tables and stylesheets when it is imported: only who writes waits for that.
    from facturx import generate_xml

    xml: bytes = generate_xml(
        _terms(invoice, as_format),
        flavor="ubl-2.1" if as_format.is_ubl else "factur-x",
        level="en16931",
        check_xsd=False,
        check_schematron=None,
    )
    if not as_format.is_xrechnung:
        return xml
    # The library knows no national profile; the identifier (BT-24) comes once.
    assert xml.count(f">{_EN16931}<".encode()) == 1, "BT-24 is stated once"
    return xml.replace(f">{_EN16931}<".encode(), f">{xrechnung.PROFILE}<".encode())


def _terms(invoice: EInvoice, as_format: InvoiceFormat) -> dict[str, Any]:
    currency, totals, payment = invoice.bt5_currency, invoice.bg22_totals, invoice.bg16_payment
    return _stated(
        {
            "BT-1": invoice.bt1_number,
            "BT-2": invoice.bt2_issue_date,
            "BT-3": invoice.bt3_type,
            "BT-5": currency,
            "BT-9": invoice.bt9_due_date,
            "BT-10": invoice.bt10_buyer_reference,
            "BT-12": invoice.bt12_contract,
            "BT-13": invoice.bt13_purchase_order,
            "BT-20": invoice.bt20_payment_terms,
            "BT-23": xrechnung.PROCESS if as_format.is_xrechnung else "",
            "BG-1": [_stated({"BT-22": note}) for note in invoice.bt22_notes],
            "BG-3": [
                _stated({"BT-25": preceding.bt25_number, "BT-26": preceding.bt26_date})
                for preceding in invoice.bg3_preceding
            ],
            "BG-4": _seller(invoice.bg4_seller),
            "BG-7": _buyer(invoice.bg7_buyer),
            "BT-72": invoice.bt74_end,
            "BT-73": invoice.bt73_start,
            "BT-74": invoice.bt74_end,
            "BT-81": payment.bt81_means,
            "BT-83": payment.bt83_reference,
            "BT-84": payment.bt84_account,
            "BT-85": payment.bt85_holder,
            "BT-86": payment.bt86_bic,
            "BT-106": _amount(totals.bt106_lines, currency),
            "BT-109": _amount(totals.bt109_net, currency),
            "BT-110": _amount(totals.bt110_tax, currency),
            "BT-112": _amount(totals.bt112_gross, currency),
            "BT-113": _amount(totals.bt113_paid, currency) if totals.bt113_paid else "",
            "BT-115": _amount(totals.bt115_due, currency),
            "BG-23": [_vat(vat, currency) for vat in invoice.bg23_vat],
            "BG-25": [_line(line, currency) for line in invoice.bg25_lines],
        }
    )


def _seller(seller: Seller) -> dict[str, Any]:
    contact = seller.bg6_contact
    return _stated(
        {
            "name": seller.bt27_name,
            "legal_identifier": seller.bt30_registration,
            "vat_identifier": seller.bt31_vat_id,
            "tax_identifier": seller.bt32_tax_id,
            "einvoicing_addr": seller.bt34_address,
            "einvoicing_addr_schemeid": seller.bt34_scheme,
            "addr_l1": seller.bt35_street,
            "city": seller.bt37_city,
            "postcode": seller.bt38_postcode,
            "country_code": seller.bt40_country,
            "contacts": [
                _stated({"name": contact.bt41_name, "phone": contact.bt42_phone, "email": contact.bt43_email})
            ],
        }
    )


def _buyer(buyer: Buyer) -> dict[str, Any]:
    return _stated(
        {
            "name": buyer.bt44_name,
            "identifiers": {None: _plain(buyer.bt46_number)} if buyer.bt46_number else {},
            "vat_identifier": buyer.bt48_vat_id,
            "einvoicing_addr": buyer.bt49_address,
            "einvoicing_addr_schemeid": buyer.bt49_scheme,
            "addr_l1": buyer.bt50_street,
            "city": buyer.bt52_city,
            "postcode": buyer.bt53_postcode,
            "country_code": buyer.bt55_country,
        }
    )


def _vat(vat: Vat, currency: str) -> dict[str, Any]:
    return _stated(
        {
            "BT-116": _amount(vat.bt116_basis, currency),
            "BT-117": _amount(vat.bt117_tax, currency),
            "BT-118": vat.bt118_category,
            "BT-119": _percent(vat.bt119_rate),
            "BT-120": vat.bt120_reason,
            "BT-121": vat.bt121_reason_code,
        }
    )


def _line(line: Line, currency: str) -> dict[str, Any]:
    return _stated(
        {
            "BT-126": line.bt126_id,
            "BT-129": _number(line.bt129_quantity),
            "BT-130": line.bt130_unit,
            "BT-131": _amount(line.bt131_amount, currency),
            "BT-133": line.bt133_cost_centre,
            "BT-134": line.bt134_start,
            "BT-135": line.bt135_end,
            "BT-146": _number(line.bt146_price),
            "BT-151": line.bt151_category,
            "BT-152": _percent(line.bt152_rate),
            "BT-153": line.bt153_name,
            "BT-154": line.bt154_description,
        }
    )


def _stated(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not stated: the library writes an empty element for an empty text."""
    plain = {term: _plain(value) if isinstance(value, str) else value for term, value in terms.items()}
    return {term: value for term, value in plain.items() if value or value == 0}


def _plain(text: str) -> str:
    """Leave out the characters that XML has no way to state (XML 1.0 § 2.2), such as a pasted vertical tab."""
    return _NOT_IN_XML.sub("", text)


def _amount(amount: Decimal, currency: str) -> str:
    return f"{amount if amount else abs(amount):.{minor_unit(currency)}f}"


def _number(number: Decimal) -> str:
    return f"{number.normalize():f}" if number else "0"


def _percent(rate: Decimal | None) -> str:
    return "" if rate is None else f"{rate:.2f}"
