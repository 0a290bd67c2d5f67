"""Print an issued document: from what it copied at issue, explained by its frozen charge records.

An invoice is kept as two files that say the same: the PDF with its data inside (Factur-X), and the data in the format
that the customer wants.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from babel.numbers import format_decimal
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django_countries import countries

from apps.contracts.domain.electronic import InvoiceFormat
from apps.core import words as quantities
from apps.core.clock import from_epoch_ms
from apps.core.domain.zones import zone
from apps.documents import renderer
from apps.documents.models import Document
from apps.documents.renderer import Rendered
from apps.documents.services import store_document
from apps.invoices import facturx, writers
from apps.invoices.domain.bands import PriceBand
from apps.invoices.domain.einvoice.terms import EInvoice
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.domain.wording import WORDS, Words
from apps.invoices.models import Invoice, InvoiceLine, InvoiceTax
from apps.invoices.selectors import data_key, document_key, get_file
from apps.invoices.services.einvoicing import electronic_terms
from apps.invoices.services.sentences import (
    asks_for_money,
    credits_sentence,
    day,
    pay_sentence,
    replaces_sentence,
    span,
)
from apps.invoices.transfers import bank_transfer
from apps.sessions.domain.proof import readings_around
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
    """Render an issued invoice, receipt or credit note once and keep its files; rendering again returns the first.

    Returns the PDF. The data goes with it where the document is a valid electronic invoice; a receipt is none.

    :raises ValueError: it is a draft; only what is issued is printed
    """
    invoice = Invoice.objects.select_related("seller", "customer", "contract", "credits", "replaces").get(pk=invoice_id)
    if invoice.status != InvoiceStatus.ISSUED:
        raise ValueError(f"{invoice} is not issued")
    if (existing := get_file(invoice)) is not None:
        return existing
    # Rendering takes a quarter of a second and more, so it happens outside any transaction.
    terms = electronic_terms(invoice)
    cii = writers.write(terms, as_format=InvoiceFormat.FACTURX) if terms else b""
    attached = facturx.inside_pdf(cii, at=invoice.issued_at) if cii else None
    rendered = renderer.render(print_html(invoice), attached=attached)
    # Both or none: whoever finds the PDF looks for nothing more to do.
    with transaction.atomic():
        if terms:
            _keep_data(invoice, terms, cii=cii, at=at)
        return _keep(invoice, key=document_key(invoice), kind=invoice.kind, file=rendered, at=at)


def _keep_data(invoice: Invoice, terms: EInvoice, *, cii: bytes, at: datetime) -> None:
    wanted = InvoiceFormat(invoice.invoice_format)
    xml = cii if wanted is InvoiceFormat.FACTURX else writers.write(terms, as_format=wanted)
    file = Rendered(content=xml, media_type="application/xml", extension=".xml")
    _keep(invoice, key=data_key(invoice), kind="e_invoice", file=file, at=at)


def _keep(invoice: Invoice, *, key: str, kind: str, file: Rendered, at: datetime) -> Document:
    return store_document(
        seller_id=invoice.seller_id,
        recipient_id=invoice.customer.organisation_id if invoice.customer else invoice.buyer_id,
        key=key,
        kind=kind,
        media_type=file.media_type,
        language=invoice.language,
        file_name=invoice.number + file.extension,
        content=file.content,
        at=at,
    )


def print_html(invoice: Invoice, *, is_preview: bool = False) -> str:
    """Return the document as HTML in its own language, every quantity written as that language writes it.

    is_preview  it is a draft that names its parties: it says on every page that it is no invoice, and asks for nothing
    """
    with translation.override(invoice.language):
        return render_to_string("invoices/invoice.html", {**_context(invoice), **_of_preview(invoice, is_preview)})


def _of_preview(invoice: Invoice, is_preview: bool) -> dict[str, Any]:
    if not is_preview:
        return {"is_preview": False}
    words = WORDS[invoice.language]
    return {"is_preview": True, "title": words.preview, "bank": None, "asks_for_money": False}


def _context(invoice: Invoice) -> dict[str, Any]:
    words, language = WORDS[invoice.language], cast("Language", invoice.language)
    lines = list(invoice.lines.select_related("cdr__tariff_version", "credits").order_by("position"))
    lines_of = Counter(_record_id(line) for line in lines)
    return {
        "words": words,
        "dates": {
            "issued": day(invoice.issue_date, words),
            "due": day(invoice.due_date, words),
            "from": day(invoice.period_from, words),
            "to": day(invoice.period_to, words),
        },
        "invoice": invoice,
        "title": f"{_name(invoice, words)} {invoice.number}",
        "is_receipt": invoice.kind == Invoice.Kind.RECEIPT,
        "seller": invoice.seller_party,
        "buyer": invoice.buyer_party,
        # Such a line charges something else than a session.
        "is_fee": invoice.kind in (Invoice.Kind.FEE, Invoice.Kind.TOP_UP),
        "is_credit_note": invoice.kind == Invoice.Kind.CREDIT_NOTE,
        "buyer_country": _country_abroad(invoice),
        "pay_heading": _pay_heading(invoice, words),
        "credits_sentence": credits_sentence(invoice, words),
        "replaces_sentence": replaces_sentence(invoice, words),
        "pay_sentence": pay_sentence(invoice, words),
        "bank": bank_transfer(invoice, amount=invoice.gross.amount) if invoice.number else None,
        "lines": [_line(line, invoice, is_split=lines_of[_record_id(line)] > 1) for line in lines],
        "taxes": [_tax(row, invoice, words) for row in invoice.taxes.all()],
        "cost_centres": _by_cost_centre(lines, invoice),
        "asks_for_money": asks_for_money(invoice),
        "annex": _annex(_first_of_each_record(lines), language),
    }


def _name(invoice: Invoice, words: Words) -> str:
    names = {
        Invoice.Kind.INVOICE: words.invoice,
        Invoice.Kind.RECEIPT: words.receipt,
        Invoice.Kind.CREDIT_NOTE: words.credit_note,
        Invoice.Kind.FEE: words.invoice,
        Invoice.Kind.TOP_UP: words.invoice,
    }
    return names[Invoice.Kind(invoice.kind)]


def _country_abroad(invoice: Invoice) -> str:
    """Name the buyer's country as an address abroad needs it; "" at home and where no buyer is named."""
    country: str = invoice.buyer_party.get("country", invoice.seller_party["country"])
    return "" if country == invoice.seller_party["country"] else str(countries.name(country)).upper()


def _pay_heading(invoice: Invoice, words: Words) -> str:
    headings = {
        Invoice.Kind.INVOICE: words.how_to_pay,
        Invoice.Kind.RECEIPT: words.payment,
        Invoice.Kind.CREDIT_NOTE: words.settlement,
        Invoice.Kind.FEE: words.settlement,
        Invoice.Kind.TOP_UP: words.payment,
    }
    return headings[Invoice.Kind(invoice.kind)]


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
        "local": span(line.started_at, line.ended_at, line.time_zone, words),
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
        "local": span(line.started_at, line.ended_at, line.time_zone, WORDS[language]),
        "record": line.cdr,
        "signed": _signed(signed.get(line.cdr.session_id), WORDS[language]),
        "begin_milliwh": periods[0]["start_register_milliwh"] if periods else None,
        "end_milliwh": periods[-1]["end_register_milliwh"] if periods else None,
        "periods": [_period(period, line, terms, language) for period in periods],
    }


def _signed(values: SignedValues | None, words: Words) -> str:
    """Write ``Signed meter values: verified (key 1f2e…)``; "" where the station sent none."""
    if values is None:
        return ""
    key = f" ({words.signed_key.format(key=values.key)})" if values.key else ""
    return f"{words.signed}: {words.signed_verdicts[values.verdict]}{key}"


def _period(period: dict[str, Any], line: InvoiceLine, terms: TariffTerms, language: Language) -> dict[str, Any]:
    start, end = (_clock(period[key], line) for key in ("start_ms", "end_ms"))
    return {
        "start": start,
        "end": end,
        "proof": _proof(period, line, WORDS[language]),
        "energy_milliwh": period["energy_milliwh"],
        "begin_milliwh": period["start_register_milliwh"],
        "end_milliwh": period["end_register_milliwh"],
        "parts": list(_parts(period, terms, language)),
    }


def _proof(period: dict[str, Any], line: InvoiceLine, words: Words) -> str:
    """Write the readings that the register at both ends rests on, as the record carries them:
    ``read 21:00:00 1,204.000 kWh, 22:00:00 1,215.000 kWh``."""
    assert line.cdr is not None, "a line without a record is a credit note's"
    register = cast("dict[str, Any]", line.cdr.inputs)["register"]
    instants, energies = register["at_ms"], register["energy_milliwh"]
    ends = (readings_around(instants, period[key]) for key in ("start_ms", "end_ms"))
    proof = sorted({position for around in ends for position in around})
    readings = [f"{_clock(instants[one], line)} {quantities.kwh(energies[one])}" for one in proof]
    return words.read.format(readings=", ".join(readings)) if readings else ""


def _clock(at_ms: int, line: InvoiceLine) -> str:
    return f"{from_epoch_ms(at_ms).astimezone(zone(line.time_zone)):%H:%M:%S}"


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
