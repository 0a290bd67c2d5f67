"""A document's rows in the terms of EN 16931, and whether it is one that a customer's electronic format allows."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.utils import translation

from apps.contracts.domain.electronic import InvoiceFormat
from apps.core.domain.zones import zone
from apps.invoices.domain.bands import mirrored
from apps.invoices.domain.einvoice import rules, xrechnung
from apps.invoices.domain.einvoice.lines import LineFacts, en_lines
from apps.invoices.domain.einvoice.rules import BrokenRule
from apps.invoices.domain.einvoice.terms import (
    CREDIT_NOTE,
    INVOICE,
    Buyer,
    EInvoice,
    Line,
    Payment,
    Preceding,
    Seller,
    SellerContact,
    Totals,
    Vat,
)
from apps.invoices.domain.references import creditor_reference
from apps.invoices.domain.wording import WORDS, Words
from apps.invoices.errors import NotElectronic
from apps.invoices.models import Invoice, InvoiceLine, InvoiceTax
from apps.invoices.services.sentences import asks_for_money, credits_sentence, pay_sentence, replaces_sentence, span

# VATEX codes (CEF list) of BT-121; a national exemption has none, its text says why.
_REASON_CODES = {"AE": "VATEX-EU-AE", "O": "VATEX-EU-O"}


def names_buyer(invoice: Invoice) -> bool:
    """Tell whether a document could be electronic at all: a simplified invoice names no buyer, EN 16931 wants one."""
    return bool(invoice.buyer_party)


def terms_of(invoice: Invoice) -> EInvoice:
    """Return what a document says, from its rows alone: frozen ones give the same terms for ever.

    invoice  names its parties and the days of issue and payment; it may lack its number still
    """
    words = WORDS[invoice.language]
    taxes = list(invoice.taxes.all())
    is_outside_scope = any(row.category == "O" for row in taxes)
    with translation.override(invoice.language):
        lines = [_lines(line, invoice, words) for line in invoice.lines.select_related("credits").order_by("position")]
        notes = (credits_sentence(invoice, words), invoice.reason, replaces_sentence(invoice, words))
        return EInvoice(
            bt1_number=invoice.number,
            bt2_issue_date=_known(invoice.issue_date),
            bt3_type=CREDIT_NOTE if invoice.kind == Invoice.Kind.CREDIT_NOTE else INVOICE,
            bt5_currency=invoice.currency,
            bt9_due_date=invoice.due_date if asks_for_money(invoice) else None,
            bt10_buyer_reference=invoice.buyer_reference,
            bt12_contract=invoice.contract.number if invoice.contract else "",
            bt13_purchase_order=invoice.purchase_order,
            bt20_payment_terms="" if asks_for_money(invoice) else pay_sentence(invoice, words),
            bt22_notes=tuple(note for note in notes if note),
            bg3_preceding=_preceding(invoice),
            bg4_seller=_seller(invoice.seller_party, is_outside_scope=is_outside_scope),
            bg7_buyer=_buyer(invoice.buyer_party, is_outside_scope=is_outside_scope),
            bt73_start=invoice.period_from,
            bt74_end=invoice.period_to,
            bg16_payment=_payment(invoice),
            bg22_totals=_totals(invoice),
            bg23_vat=tuple(_vat(row, invoice, words) for row in taxes),
            bg25_lines=tuple(line for group in lines for line in group),
            vat_is_contained=invoice.amounts_are_gross,
        )


def broken_rules(invoice: Invoice, terms: EInvoice) -> list[BrokenRule]:
    """Return what keeps a document from being what its format asks for, in words; [] when it is that."""
    broken = rules.broken_rules(terms)
    if InvoiceFormat(invoice.invoice_format).is_xrechnung:
        broken += xrechnung.broken_rules(terms)
    return broken


def check_electronic(invoice: Invoice) -> None:
    """See before the number is drawn that a document can be sent as its customer wants it.

    :raises NotElectronic: it cannot; the message says all that is missing
    """
    wanted = InvoiceFormat(invoice.invoice_format)
    if not wanted.must_be_electronic:
        return
    if broken := broken_rules(invoice, terms_of(invoice)):
        missing = "; ".join(str(one) for one in broken)
        raise NotElectronic(f"{invoice.customer} wants {wanted.label}, and the document is none: {missing}")


def missing_for_electronic(invoice: Invoice) -> list[str]:
    """Say in sentences what keeps an issued document from being an electronic invoice; [] when it is one, or names no
    buyer."""
    if not names_buyer(invoice):
        return []
    return [str(one) for one in broken_rules(invoice, terms_of(invoice))]


def electronic_terms(invoice: Invoice) -> EInvoice | None:
    """Return an issued document's terms where it is a valid electronic invoice, else None."""
    if not names_buyer(invoice):
        return None
    terms = terms_of(invoice)
    return None if broken_rules(invoice, terms) else terms


def _known(day: date | None) -> date:
    assert day is not None, "what is looked at has its days"
    return day


def _sign(invoice: Invoice) -> int:
    """A credit note's rows are negative, what EN 16931 credits is positive."""
    return -1 if invoice.kind == Invoice.Kind.CREDIT_NOTE else 1


def _preceding(invoice: Invoice) -> tuple[Preceding, ...]:
    before = invoice.credits or invoice.replaces
    return (Preceding(bt25_number=before.number, bt26_date=before.issue_date),) if before else ()


def _seller(party: dict[str, str], *, is_outside_scope: bool) -> Seller:
    return Seller(
        bt27_name=party["name"],
        bt30_registration=party["registration_number"],
        bt31_vat_id="" if is_outside_scope else party["vat_id"],
        bt32_tax_id=party["vat_id"] if is_outside_scope else "",
        bt34_address=party["email"],
        bt34_scheme="EM" if party["email"] else "",
        bt35_street=party["street"],
        bt37_city=party["city"],
        bt38_postcode=party["postcode"],
        bt40_country=party["country"],
        bg6_contact=SellerContact(bt41_name=party["name"], bt42_phone=party["phone"], bt43_email=party["email"]),
    )


def _buyer(party: dict[str, str], *, is_outside_scope: bool) -> Buyer:
    address = party.get("electronic_address") or party["email"]
    return Buyer(
        bt44_name=party["name"],
        bt46_number=party["number"],
        bt48_vat_id="" if is_outside_scope else party["vat_id"],
        bt49_address=address,
        bt49_scheme=(party.get("electronic_address_scheme") or "EM") if address else "",
        bt50_street=party["street"],
        bt52_city=party["city"],
        bt53_postcode=party["postcode"],
        bt55_country=party["country"],
    )


def _is_paid(invoice: Invoice) -> bool:
    """Tell whether a document is over what was paid before it: a driver's receipt, or a wallet's top-up."""
    return invoice.replaces is not None or invoice.kind == Invoice.Kind.TOP_UP


def _payment(invoice: Invoice) -> Payment:
    """By transfer where money is asked for and the seller has an account; else online, or set off."""
    party = invoice.seller_party
    if invoice.kind in {Invoice.Kind.CREDIT_NOTE, Invoice.Kind.FEE}:
        return Payment(bt81_means="97", bt83_reference="", bt84_account="", bt85_holder="", bt86_bic="")
    if _is_paid(invoice) or not party.get("iban"):
        return Payment(bt81_means="68", bt83_reference="", bt84_account="", bt85_holder="", bt86_bic="")
    return Payment(
        bt81_means="58" if invoice.currency == "EUR" else "30",
        bt83_reference=creditor_reference(invoice.number) if invoice.number else "",
        bt84_account=party["iban"],
        bt85_holder=party.get("account_holder") or party["name"],
        bt86_bic=party["bic"],
    )


def _totals(invoice: Invoice) -> Totals:
    sign = _sign(invoice)
    gross = sign * invoice.gross.amount
    paid = gross if _is_paid(invoice) else Decimal(0)
    return Totals(
        bt106_lines=sign * invoice.net.amount,
        bt109_net=sign * invoice.net.amount,
        bt110_tax=sign * invoice.tax.amount,
        bt112_gross=gross,
        bt113_paid=paid,
        bt115_due=gross - paid,
    )


def _vat(row: InvoiceTax, invoice: Invoice, words: Words) -> Vat:
    """An exemption without a sentence of its own is named by its category."""
    is_exempt = row.category not in {"S", "Z"}
    return Vat(
        bt116_basis=_sign(invoice) * row.net.amount,
        bt117_tax=_sign(invoice) * row.tax.amount,
        bt118_category=row.category,
        bt119_rate=None if row.category == "O" else row.rate * 100,
        bt120_reason=(row.legal_text or words.categories[row.category]) if is_exempt else "",
        bt121_reason_code=_REASON_CODES.get(row.category, ""),
    )


def _lines(line: InvoiceLine, invoice: Invoice, words: Words) -> Sequence[Line]:
    text, sign = (line.credits or line).text, _sign(invoice)
    start, end = _days(line, invoice)
    return en_lines(
        LineFacts(
            position=line.position,
            net=sign * line.net.amount,
            energy_milliwh=sign * line.energy_milliwh,
            bands=mirrored(line.prices) if sign < 0 else line.prices,
            category=line.tax_category,
            rate=line.tax_rate,
            cost_centre=line.cost_centre,
            start=start,
            end=end,
            name=text or words.session,
            description=_description(line, words) if not text else line.vehicle,
        ),
        currency=invoice.currency,
    )


def _days(line: InvoiceLine, invoice: Invoice) -> tuple[date | None, date | None]:
    """Return the line's local days; none where they are not of the document's period, as of what is paid in advance."""
    start = line.started_at.astimezone(zone(line.time_zone)).date()
    # A span ends before its last instant: what ends at midnight ends on the day before.
    last = max(line.started_at, line.ended_at - timedelta(microseconds=1))
    end = last.astimezone(zone(line.time_zone)).date()
    if invoice.period_from <= start and end <= invoice.period_to:
        return start, end
    return None, None


def _description(line: InvoiceLine, words: Words) -> str:
    parts = [span(line.started_at, line.ended_at, line.time_zone, words), line.place]
    parts += [f"{words.vehicle} {line.vehicle}"] if line.vehicle else []
    parts += [f"{words.card} …{line.token}"] if line.token else []
    return " · ".join(parts)
