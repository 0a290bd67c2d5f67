"""How an invoice is paid by bank: where to, under which reference, and the code that says it to a banking app."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from segno.helpers import make_epc_qr
from stdnum import iban as ibans

from apps.invoices.domain.references import creditor_reference, in_groups
from apps.invoices.models import Invoice

MOST_NAME_CHARS = 70
"""EPC069-12, name of the beneficiary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTransfer:
    """What a person or an app types in; ``iban`` and ``reference`` in groups of four, ``code`` inline SVG or ""."""

    holder: str
    iban: str
    bic: str
    reference: str
    code: str


def bank_transfer(invoice: Invoice, *, amount: Decimal) -> BankTransfer | None:
    """Return how ``amount`` of an issued invoice is transferred; None where its seller names no account."""
    party = invoice.seller_party
    if not party.get("iban"):
        return None
    return BankTransfer(
        holder=_account_holder(party),
        iban=in_groups(party["iban"]),
        bic=party["bic"],
        reference=in_groups(creditor_reference(invoice.number)),
        code=girocode(party=party, number=invoice.number, amount=amount, currency=invoice.currency),
    )


def girocode(*, party: Mapping[str, str], number: str, amount: Decimal, currency: str) -> str:
    """Return the SEPA QR code (EPC069-12) as inline SVG, its quiet zone included; "" where SEPA cannot pay it.

    party   the seller as copied onto the document · amount  gross, what is to be paid
    """
    if currency != "EUR" or amount <= 0 or not ibans.is_valid(party["iban"]):
        return ""
    code = make_epc_qr(
        name=_account_holder(party)[:MOST_NAME_CHARS],
        iban=ibans.compact(party["iban"]),
        bic=party["bic"] or None,
        amount=amount,
        reference=creditor_reference(number),
        encoding="utf-8",
    )
    svg: str = code.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None)
    return svg


def _account_holder(party: Mapping[str, str]) -> str:
    """Return in whose name the account is, on one line: a line break would begin the code's next field."""
    return " ".join((party.get("account_holder") or party["name"]).split())
