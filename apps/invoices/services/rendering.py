"""Print an issued document: from what it copied at issue, explained by its frozen charge records."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from babel.numbers import format_decimal
from django.template.loader import render_to_string
from django.utils import formats, translation
from django_countries import countries

from apps.core import words as quantities
from apps.core.clock import from_epoch_ms
from apps.core.domain.zones import zone
from apps.documents import renderer
from apps.documents.models import Document
from apps.documents.services import store_document
from apps.invoices.domain.bands import PriceBand
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.domain.wording import WORDS, Words
from apps.invoices.models import Invoice, InvoiceLine, InvoiceTax
from apps.invoices.selectors import document_key, get_file
from apps.invoices.transfers import bank_transfer
from apps.sessions.transparency import SignedValues, signed_values_of
from apps.tariffs.domain.sentences import Language, describe_reason
from apps.tariffs.domain.terms import Dimension, TariffTerms

_PRICED_PER = {
    Dimension.ENERGY: "kWh",
    Dimension.TIME: "h",
    Dimension.PARKING_TIME: "h",
    Dimension.FLAT: "session",
}


def render_document(*, invoice_id: int, at: datetime) -> Document:
    """Render an issued invoice, receipt or credit note once and keep the file; rendering again returns the first.

    :raises ValueError: it is a draft; only what is issued is printed
    """
    invoice = Invoice.objects.select_related("seller", "customer", "contract", "credits", "replaces").get(pk=invoice_id)
    if invoice.status != InvoiceStatus.ISSUED:
        raise ValueError(f"{invoice} is not issued")
    if (existing := get_file(invoice)) is not None:
        return existing
    # Rendering takes a quarter of a second and more, so it happens outside any transaction.
    rendered = renderer.render(print_html(invoice))
    return store_document(
        seller_id=invoice.seller_id,
        recipient_id=invoice.customer.organisation_id if invoice.customer else invoice.buyer_id,
        key=document_key(invoice),
        kind=invoice.kind,
        media_type=rendered.media_type,
        language=invoice.language,
        file_name=invoice.number + rendered.extension,
        content=rendered.content,
        at=at,
    )


def print_html(invoice: Invoice) -> str:
    """Return the document as HTML in its own language, every quantity written as that language writes it."""
    with translation.override(invoice.language):
        return render_to_string("invoices/invoice.html", _context(invoice))


def _context(invoice: Invoice) -> dict[str, Any]:
    words, language = WORDS[invoice.language], cast("Language", invoice.language)
    lines = list(invoice.lines.select_related("cdr__tariff_version", "credits").order_by("position"))
    lines_of = Counter(_record_id(line) for line in lines)
    return {
        "words": words,
        "invoice": invoice,
        "title": f"{_name(invoice, words)} {invoice.number}",
        "is_receipt": invoice.kind == Invoice.Kind.RECEIPT,
        "seller": invoice.seller_party,
        "buyer": invoice.buyer_party,
        "is_fee": invoice.kind == Invoice.Kind.FEE,
        "is_credit_note": invoice.kind == Invoice.Kind.CREDIT_NOTE,
        "buyer_country": _country_abroad(invoice),
        "pay_heading": _pay_heading(invoice, words),
        "credits_sentence": _credits_sentence(invoice, words),
        "replaces_sentence": _replaces_sentence(invoice, words),
        "pay_sentence": _pay_sentence(invoice, words),
        "bank": bank_transfer(invoice, amount=invoice.gross.amount),
        "lines": [_line(line, invoice, is_split=lines_of[_record_id(line)] > 1) for line in lines],
        "taxes": [_tax(row, invoice, words) for row in invoice.taxes.all()],
        "cost_centres": _by_cost_centre(lines, invoice),
        "asks_for_money": _asks_for_money(invoice),
        "annex": _annex(_first_of_each_record(lines), language),
    }


def _asks_for_money(invoice: Invoice) -> bool:
    is_open = invoice.kind == Invoice.Kind.INVOICE and invoice.replaces is None
    return is_open and bool(invoice.gross.amount)


def _name(invoice: Invoice, words: Words) -> str:
    names = {
        Invoice.Kind.INVOICE: words.invoice,
        Invoice.Kind.RECEIPT: words.receipt,
        Invoice.Kind.CREDIT_NOTE: words.credit_note,
        Invoice.Kind.FEE: words.invoice,
    }
    return names[Invoice.Kind(invoice.kind)]


def _country_abroad(invoice: Invoice) -> str:
    """Name the buyer's country as an address abroad needs it; "" at home and where no buyer is named."""
    country: str = invoice.buyer_party.get("country", invoice.seller_party["country"])
    return "" if country == invoice.seller_party["country"] else str(countries.name(country)).upper()


def _credits_sentence(invoice: Invoice, words: Words) -> str:
    if invoice.credits is None:
        return ""
    if invoice.gross.amount != -invoice.credits.gross.amount:
        sentence = words.credits_part
    else:
        sentence = words.credits_receipt if invoice.credits.kind == Invoice.Kind.RECEIPT else words.credits
    return sentence.format(number=invoice.credits.number, date=_day(invoice.credits.issue_date, words))


def _replaces_sentence(invoice: Invoice, words: Words) -> str:
    receipt = invoice.replaces
    return words.replaces.format(number=receipt.number, date=_day(receipt.issue_date, words)) if receipt else ""


def _pay_heading(invoice: Invoice, words: Words) -> str:
    headings = {
        Invoice.Kind.INVOICE: words.how_to_pay,
        Invoice.Kind.RECEIPT: words.payment,
        Invoice.Kind.CREDIT_NOTE: words.settlement,
        Invoice.Kind.FEE: words.settlement,
    }
    return headings[Invoice.Kind(invoice.kind)]


def _pay_sentence(invoice: Invoice, words: Words) -> str:
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        return _settlement_sentence(invoice, words)
    if invoice.replaces is not None:
        return words.settled_by_receipt.format(amount=quantities.money(invoice.gross))
    if invoice.kind == Invoice.Kind.FEE:
        return words.set_off
    if invoice.kind == Invoice.Kind.RECEIPT:
        return (
            words.paid_by_hold.format(amount=quantities.money(invoice.gross))
            if invoice.gross.amount
            else words.hold_released
        )
    if not invoice.gross.amount:
        return words.nothing_to_pay
    return words.pay_by.format(amount=quantities.money(invoice.gross), date=_day(invoice.due_date, words))


def _settlement_sentence(note: Invoice, words: Words) -> str:
    replacing = Invoice.objects.filter(replaces=note.credits, status=InvoiceStatus.ISSUED).first()
    if replacing is not None:
        return words.replaced.format(number=replacing.number)
    return words.credited if note.customer else words.paid_back if note.gross.amount else words.nothing_to_pay


def _record_id(line: InvoiceLine) -> int | None:
    """Return which charge record a line bills or takes back."""
    return (line.credits or line).cdr_id


def _first_of_each_record(lines: Iterable[InvoiceLine]) -> list[InvoiceLine]:
    """Return the first line of each charge record that is billed here: the annex explains a record once."""
    first: dict[int, InvoiceLine] = {}
    for line in lines:
        if line.cdr_id is not None:
            first.setdefault(line.cdr_id, line)
    return list(first.values())


def _line(line: InvoiceLine, invoice: Invoice, *, is_split: bool) -> dict[str, Any]:
    """Return a line with its times on the wall clock of the place, and its prices with the basis they state.

    is_split  its record has a line for each of several VAT categories, and one of them states the energy
    """
    words, stated = WORDS[invoice.language], "gross" if invoice.amounts_are_gross else "net"
    other_bases = {band["basis"] for band in line.prices} - {stated}
    return {
        "row": line,
        "text": (line.credits or line).text,
        # A part that is taken back is an amount; its energy stays where it was billed.
        "has_energy": bool(line.energy_milliwh) or not (is_split or line.credits_id),
        "local": _span(line.started_at, line.ended_at, line.time_zone, words),
        "amount": line.gross if invoice.amounts_are_gross else line.net,
        "bands": [_band(band, line.currency, words) for band in line.prices],
        # A tariff may state its prices on the other side of VAT than the document its amounts.
        "other_basis": other_bases.pop() if other_bases else "",
    }


def _by_cost_centre(lines: Iterable[InvoiceLine], invoice: Invoice) -> list[tuple[str, Any]]:
    """Return what each cost centre's lines add up to, by its code, what names none last; [] where no line names one.

    The sums are of the lines' amounts, so net ones on a document that states net amounts: VAT is no line's.
    """
    sums: dict[str, Any] = {}
    for line in lines:
        amount = line.gross if invoice.amounts_are_gross else line.net
        sums[line.cost_centre] = sums[line.cost_centre] + amount if line.cost_centre in sums else amount
    named = sorted((centre, amount) for centre, amount in sums.items() if centre)
    nameless = [("", sums[""])] if "" in sums else []
    return named + nameless if named else []


def _band(band: PriceBand, currency: str, words: Words) -> str:
    """Write a price band: ``22:00–06:00: 12.500 kWh × €0.29 = €3.63``."""
    amount = quantities.amount(band["amount"], currency)
    if not band["unit"]:
        return f"{band['text']}: {amount}"
    pattern = {"kWh": "#,##0.000", "session": "0"}.get(band["unit"], "#,##0.###")
    quantity = format_decimal(Decimal(band["quantity"]), format=pattern, locale=translation.get_language())
    price = quantities.amount(band["price"], currency, exact=True)
    return f"{band['text']}: {quantity} {words.units[band['unit']]} × {price} = {amount}"


def _tax(row: InvoiceTax, invoice: Invoice, words: Words) -> dict[str, Any]:
    """Return a VAT row as the totals print it; what is no plain VAT rate is named by its category and legal text."""
    label = words.contained_vat if invoice.amounts_are_gross else words.vat_on
    note = ""
    if row.category != "S" or row.legal_text:
        note = f"{row.category} ({words.categories[row.category]}) {row.legal_text}".strip()
    return {
        "row": row,
        "label": label.format(rate=quantities.rate(row.rate), net=quantities.money(row.net)),
        "note": note,
    }


def _span(start: datetime, end: datetime, time_zone: str, words: Words) -> str:
    """Write a span on the wall clock of its place; abbreviations of the zone tell the hours of a DST night apart."""
    first, last = start.astimezone(zone(time_zone)), end.astimezone(zone(time_zone))
    until = words.clock if first.date() == last.date() else words.moment
    name = f"{last:%Z}" if first.tzname() == last.tzname() else f"{first:%Z}/{last:%Z}"
    return f"{formats.date_format(first, words.moment)} – {formats.date_format(last, until)} {name}"


def _annex(lines: Sequence[InvoiceLine], language: Language) -> list[dict[str, Any]]:
    signed = signed_values_of([line.cdr.session_id for line in lines if line.cdr is not None])
    return [_annexed(line, language, signed) for line in lines]


def _annexed(line: InvoiceLine, language: Language, signed: Mapping[int, SignedValues]) -> dict[str, Any]:
    """Return what the annex says of one line: the register at both ends, whether its meter signed it, and every period
    with its parts."""
    assert line.cdr is not None, "a line without a record is a credit note's"
    periods = line.cdr.document["periods"]
    terms = line.cdr.tariff_version.terms()
    return {
        "line": line,
        "local": _span(line.started_at, line.ended_at, line.time_zone, WORDS[language]),
        "record": line.cdr,
        "signed": _signed(signed.get(line.cdr.session_id), WORDS[language]),
        "begin_milliwh": periods[0]["start_register_milliwh"] if periods else None,
        "end_milliwh": periods[-1]["end_register_milliwh"] if periods else None,
        "periods": [_period(period, line.time_zone, terms, language) for period in periods],
    }


def _signed(values: SignedValues | None, words: Words) -> str:
    """Write ``Signed meter values: verified (key 1f2e…)``; "" where the station sent none."""
    if values is None:
        return ""
    key = f" ({words.signed_key.format(key=values.key)})" if values.key else ""
    return f"{words.signed}: {words.signed_verdicts[values.verdict]}{key}"


def _period(period: dict[str, Any], time_zone: str, terms: TariffTerms, language: Language) -> dict[str, Any]:
    start, end = (from_epoch_ms(period[key]).astimezone(zone(time_zone)) for key in ("start_ms", "end_ms"))
    return {
        "start": f"{start:%H:%M:%S}",
        "end": f"{end:%H:%M:%S}",
        "energy_milliwh": period["energy_milliwh"],
        "begin_milliwh": period["start_register_milliwh"],
        "end_milliwh": period["end_register_milliwh"],
        "parts": list(_parts(period, terms, language)),
    }


def _parts(period: dict[str, Any], terms: TariffTerms, language: Language) -> Iterator[dict[str, str]]:
    units = WORDS[language].units
    for part in period["parts"]:
        dimension = Dimension(part["dimension"])
        yield {
            "reason": describe_reason(
                terms, element_index=part["element_index"], dimension=dimension, language=language
            ),
            "price": part["price"],
            "unit": units[_PRICED_PER[dimension]],
            "amount": f"{Decimal(part['amount']).quantize(Decimal('0.000001')).normalize():f}",
        }


def _day(day: date | None, words: Words) -> str:
    assert day is not None, "an issued document has its days"
    return formats.date_format(day, words.day)
