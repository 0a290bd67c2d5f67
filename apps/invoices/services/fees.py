"""A platform's invoice to an owner it collects for: its fees of a month, in a series of its own, issued at once."""

from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from apps.accounts.models import Organisation
from apps.invoices.domain.amounts import line_amounts, total_up
from apps.invoices.domain.wording import legal_text
from apps.invoices.models import Invoice
from apps.invoices.selectors import begin_of_day
from apps.invoices.services.documents import write_document
from apps.invoices.services.issuing import issue_invoice
from apps.invoices.services.taxes import decide_fee
from apps.invoices.services.text_lines import text_line


@transaction.atomic
def issue_fee_invoice(
    *,
    seller: Organisation,
    buyer: Organisation,
    net: Decimal,
    currency: str,
    text: str,
    period_from: date,
    period_to: date,
    at: datetime,
) -> Invoice:
    """Issue an invoice of one line; the caller sees to it that a month has one.

    net  rounded, > 0 · text: what the line charges · period_to: the last day, by which VAT is reported

    :raises TaxRefused: the rule book gives no VAT for the fee
    :raises PartyIncomplete: platform or owner lacks legal data
    """
    decision = decide_fee(seller=seller, buyer=buyer, on=period_to)
    amounts = line_amounts(
        category=decision.en16931_category,
        rate=decision.rate,
        net=net,
        gross=net,
        amounts_are_gross=False,
        currency=currency,
    )
    invoice = Invoice(
        kind=Invoice.Kind.FEE,
        seller=seller,
        buyer=buyer,
        period_from=period_from,
        period_to=period_to,
        tax_date=period_to,
        currency=currency,
        amounts_are_gross=False,
        language="en",
    )
    line = text_line(
        invoice,
        amounts,
        position=1,
        text=text,
        began_at=begin_of_day(period_from, time_zone=seller.time_zone),
        last_day=period_to,
    )
    source = (decision.country, legal_text(decision.legal_text, language="en"))
    write_document(
        invoice,
        lines=[line],
        totals=total_up([amounts], currency=currency),
        sources={(amounts.category, amounts.rate): source},
    )
    return issue_invoice(invoice_id=invoice.pk, issued_at=at)
