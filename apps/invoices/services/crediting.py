"""Take back what was issued, whole or in part: a credit note in a series of its own, issued at once.

A whole document is taken back line by line; a part of it only as far as its lines cost something (``domain.credits``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from apps.accounts.models import User
from apps.core.domain.money import round_half_up
from apps.invoices.domain.amounts import DocumentAmounts, LineAmounts, total_up
from apps.invoices.domain.bands import PriceBand, mirrored
from apps.invoices.domain.credits import LineGroup, Stated, costs_of, left_of, part_of
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.domain.wording import WORDS
from apps.invoices.errors import NotCreditable
from apps.invoices.models import BillingRun, Invoice, InvoiceLine, PeriodCharge
from apps.invoices.models.periods import IS_FEE
from apps.invoices.services.documents import lock_document, write_document
from apps.invoices.services.issuing import amounts_of, issue_invoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Creditable:
    """A line and what may still be taken back of it; amounts as the document states them, with the line's sign.

    credited  taken back by earlier credit notes · left  the rest
    most      of the rest, what may be taken back by itself: what a plan took off is no money that was asked for
    """

    line: InvoiceLine
    credited: LineAmounts
    left: LineAmounts
    most: Decimal
    is_untouched: bool

    def part(self, stated: Decimal) -> LineAmounts:
        """Return the part of the rest that states ``stated``."""
        return part_of(amounts_of(self.line), credited=self.credited, stated=stated, currency=self.line.currency)


def creditable_lines(invoice: Invoice) -> list[Creditable]:
    """Return the lines of an issued document of which something is left, by position.

    A line of zero is left until a credit note has it.
    """
    taken = {
        row["credits"]: row
        for row in InvoiceLine.objects.filter(credits__invoice=invoice)
        .order_by()
        .values("credits")
        .annotate(net=Sum("net"), gross=Sum("gross"))
    }
    lines = list(invoice.lines.order_by("position"))
    found = [_creditable(line, taken.get(line.pk), cost=cost) for line, cost in zip(lines, _costs(lines), strict=True)]
    return [each for each in found if each.left.stated or each.is_untouched]


def _costs(lines: Sequence[InvoiceLine]) -> Sequence[Decimal]:
    """Return what each line of one document costs, as it states its lines."""
    amounts = [amounts_of(line) for line in lines]
    if all(amount.stated >= 0 for amount in amounts):
        return [amount.stated for amount in amounts]
    usage = set(PeriodCharge.objects.filter(line__in=lines).exclude(IS_FEE).values_list("line", flat=True))
    groups = [
        LineGroup.USAGE if line.pk in usage else LineGroup.FEE if line.cdr_id is None else LineGroup.SESSION
        for line in lines
    ]
    stated = [
        Stated(group=group, tax=(amount.category, amount.rate), amount=amount.stated)
        for group, amount in zip(groups, amounts, strict=True)
    ]
    return costs_of(stated, currency=lines[0].currency)


def _creditable(line: InvoiceLine, taken: Mapping[str, Decimal] | None, *, cost: Decimal) -> Creditable:
    whole = amounts_of(line)
    credited = LineAmounts(
        category=whole.category,
        rate=whole.rate,
        net=-taken["net"] if taken else Decimal(0),
        gross=None if whole.gross is None else -taken["gross"] if taken else Decimal(0),
    )
    left = left_of(whole, credited=credited)
    most = round_half_up(max(min(left.stated, cost - credited.stated), Decimal(0)), currency=line.currency)
    return Creditable(line=line, credited=credited, left=left, most=most, is_untouched=taken is None)


def preview_credit(invoice: Invoice, amounts: Mapping[int, Decimal] | None = None) -> DocumentAmounts:
    """Return what a credit note would come to, positive: of ``amounts`` by line, or of all that is left.

    :raises NotCreditable: see ``credit_amounts``
    """
    parts = _rest(invoice) if amounts is None else _parts(invoice, amounts)
    return total_up([part for _, part in parts], currency=invoice.currency)


@transaction.atomic
def credit_invoice(*, invoice_id: int, reason: str, at: datetime, by: User | None) -> Invoice:
    """Credit all of an invoice or receipt that is not credited yet; doing it again returns the last result.

    What was billed is not billed again by itself: that takes a new revision of the charge record.

    reason  printed on the credit note, at most 200 characters · by  who decided it

    :raises NotCreditable: it is a draft or a credit note, or the reason is empty
    """
    invoice = lock_creditable(invoice_id, reason=reason)
    parts = _rest(invoice)
    if not parts:
        done: Invoice = invoice.credit_notes.latest("pk")
        return done
    return _credit(invoice, parts=parts, reason=reason, at=at, by=by, run=None)


@transaction.atomic
def credit_lines(
    *, invoice_id: int, line_ids: Sequence[int], reason: str, at: datetime, run: BillingRun | None = None
) -> Invoice | None:
    """Credit what is left of some lines of an invoice; None when each of them was credited before.

    The note is a document of its own: on net amounts its VAT is that of its own sum, so several notes for one invoice
    may differ from the invoice by a cent of VAT, as EN 16931 has it.

    :raises NotCreditable: it is a draft or a credit note, or the reason is empty
    """
    invoice = lock_creditable(invoice_id, reason=reason)
    parts = [(each, part) for each, part in _rest(invoice) if each.line.pk in line_ids]
    if not parts:
        return None
    return _credit(invoice, parts=parts, reason=reason, at=at, by=None, run=run)


@transaction.atomic
def credit_amounts(
    *, invoice_id: int, amounts: Mapping[int, Decimal], reason: str, at: datetime, by: User | None
) -> Invoice:
    """Credit a part of some lines; the caller has locked the document and seen to it that a repeat is no second one.

    amounts  line → how much, as the document states its lines (net or gross), rounded, at most ``most`` of it

    :raises NotCreditable: it is a draft or a credit note, the reason is empty, or there is not so much left
    """
    invoice = lock_creditable(invoice_id, reason=reason)
    return _credit(invoice, parts=_parts(invoice, amounts), reason=reason, at=at, by=by, run=None)


def lock_creditable(invoice_id: int, *, reason: str) -> Invoice:
    """Lock a document that may be credited.

    :raises NotCreditable: it is a draft or a credit note, or the reason is empty
    """
    invoice = lock_document(invoice_id)
    if invoice.kind == Invoice.Kind.CREDIT_NOTE or invoice.status != InvoiceStatus.ISSUED:
        raise NotCreditable(f"{invoice} is no issued invoice or receipt")
    if invoice.kind == Invoice.Kind.FEE:
        raise NotCreditable(f"{invoice} was set off in a statement; the next one gives back what was too much")
    if not reason.strip():
        raise NotCreditable(f"a credit note for {invoice} needs a reason")
    return invoice


_Part = tuple[Creditable, LineAmounts]


def _rest(invoice: Invoice) -> list[_Part]:
    return [(each, each.left) for each in creditable_lines(invoice)]


def _parts(invoice: Invoice, amounts: Mapping[int, Decimal]) -> list[_Part]:
    """Return the lines with the parts wanted of them; zeros are left out."""
    left = {each.line.pk: each for each in creditable_lines(invoice)}
    parts = []
    for line_id, stated in amounts.items():
        if not stated:
            continue
        each = left.get(line_id)
        most = each.most if each else Decimal(0)
        if each is None or not 0 < stated <= most:
            raise NotCreditable(f"{stated} of a line of {invoice} of which {most} {invoice.currency} can be given back")
        if round_half_up(stated, currency=invoice.currency) != stated:
            raise NotCreditable(f"{stated} is no amount of {invoice.currency}")
        parts.append((each, each.part(stated)))
    if not parts:
        raise NotCreditable(f"nothing of {invoice} was asked to be credited")
    return sorted(parts, key=lambda pair: pair[0].line.position)


def _credit(
    invoice: Invoice,
    *,
    parts: Sequence[_Part],
    reason: str,
    at: datetime,
    by: User | None,
    run: BillingRun | None,
) -> Invoice:
    """Write the mirror image of the parts and issue it."""
    note = Invoice(
        seller=invoice.seller,
        customer=invoice.customer,
        contract=invoice.contract,
        run=run,
        kind=Invoice.Kind.CREDIT_NOTE,
        credits=invoice,
        reason=reason.strip()[:200],
        period_from=invoice.period_from,
        period_to=invoice.period_to,
        tax_date=invoice.tax_date,
        currency=invoice.currency,
        amounts_are_gross=invoice.amounts_are_gross,
        language=invoice.language,
        purchase_order=invoice.purchase_order,
        buyer_reference=invoice.buyer_reference,
        invoice_format=invoice.invoice_format,
    )
    write_document(
        note,
        lines=[
            _taking_back(each, part, position=position, language=invoice.language)
            for position, (each, part) in enumerate(parts, start=1)
        ],
        totals=total_up([-part for _, part in parts], currency=invoice.currency),
        sources={(row.category, row.rate): (row.country, row.legal_text) for row in invoice.taxes.all()},
    )
    return issue_invoice(invoice_id=note.pk, issued_at=at, issued_by=by)


def _taking_back(each: Creditable, part: LineAmounts, *, position: int, language: str) -> InvoiceLine:
    """Mirror a line; one of which a part only is taken back says so and leaves the energy where it was billed."""
    line = each.line
    is_whole = each.is_untouched and part.stated == each.left.stated
    return InvoiceLine(
        position=position,
        credits=line,
        vehicle=line.vehicle,
        token=line.token,
        cost_centre=line.cost_centre,
        place=line.place,
        time_zone=line.time_zone,
        started_at=line.started_at,
        ended_at=line.ended_at,
        energy_milliwh=-line.energy_milliwh if is_whole else 0,
        prices=mirrored(line.prices) if is_whole else [_part_band(part, language=language)],
        tax_category=line.tax_category,
        tax_rate=line.tax_rate,
        currency=line.currency,
        net=-part.net,
        gross=None if part.gross is None else -part.gross,
    )


def _part_band(part: LineAmounts, *, language: str) -> PriceBand:
    return PriceBand(
        text=WORDS[language].part_of_amount,
        quantity="",
        unit="",
        price="",
        amount=str(-part.stated),
        basis="net" if part.gross is None else "gross",
    )
