"""What a document says in whole sentences, in its own language: what it takes back, how it is paid, when."""

from datetime import date, datetime

from babel.dates import format_date, format_datetime

from apps.core import words as quantities
from apps.core.domain.zones import zone
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.domain.wording import Words
from apps.invoices.models import Invoice


def credits_sentence(invoice: Invoice, words: Words) -> str:
    """Say what a credit note takes back; "" for any other document."""
    if invoice.credits is None:
        return ""
    if invoice.gross.amount != -invoice.credits.gross.amount:
        sentence = words.credits_part
    else:
        sentence = words.credits_receipt if invoice.credits.kind == Invoice.Kind.RECEIPT else words.credits
    return sentence.format(number=invoice.credits.number, date=day(invoice.credits.issue_date, words))


def replaces_sentence(invoice: Invoice, words: Words) -> str:
    """Say in which receipt's stead an invoice stands; "" for any other document."""
    receipt = invoice.replaces
    return words.replaces.format(number=receipt.number, date=day(receipt.issue_date, words)) if receipt else ""


def pay_sentence(invoice: Invoice, words: Words) -> str:
    """Say how the document is or was settled."""
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        return _settlement_sentence(invoice, words)
    if invoice.replaces is not None:
        return words.settled_by_receipt.format(amount=quantities.money(invoice.gross))
    if invoice.kind == Invoice.Kind.FEE:
        return words.set_off
    if invoice.kind == Invoice.Kind.TOP_UP:
        return words.paid_by_card.format(amount=quantities.money(invoice.gross))
    if invoice.kind == Invoice.Kind.RECEIPT:
        return (
            words.paid_by_hold.format(amount=quantities.money(invoice.gross))
            if invoice.gross.amount
            else words.hold_released
        )
    if not invoice.gross.amount:
        return words.nothing_to_pay
    return words.pay_by.format(amount=quantities.money(invoice.gross), date=day(invoice.due_date, words))


def _settlement_sentence(note: Invoice, words: Words) -> str:
    replacing = Invoice.objects.filter(replaces=note.credits, status=InvoiceStatus.ISSUED).first()
    if replacing is not None:
        return words.replaced.format(number=replacing.number)
    return words.credited if note.customer else words.paid_back if note.gross.amount else words.nothing_to_pay


def asks_for_money(invoice: Invoice) -> bool:
    """Tell whether the document is one that its buyer is to pay."""
    is_open = invoice.kind == Invoice.Kind.INVOICE and invoice.replaces is None
    return is_open and bool(invoice.gross.amount)


def span(start: datetime, end: datetime, time_zone: str, words: Words) -> str:
    """Write a span on the wall clock of its place; abbreviations of the zone tell the hours of a DST night apart."""
    first, last = start.astimezone(zone(time_zone)), end.astimezone(zone(time_zone))
    until = words.clock if first.date() == last.date() else words.moment
    name = f"{last:%Z}" if first.tzname() == last.tzname() else f"{first:%Z}/{last:%Z}"
    return f"{_moment(first, words.moment, words)} – {_moment(last, until, words)} {name}"


def _moment(at: datetime, pattern: str, words: Words) -> str:
    # Without its zone: babel would look for another name of it.
    return str(format_datetime(at.replace(tzinfo=None), pattern, locale=words.language))


def day(of: date | None, words: Words) -> str:
    """Write a day as the document's language writes it."""
    assert of is not None, "an issued document has its days"
    return str(format_date(of, words.day, locale=words.language))
