"""The invoice of a prepaid wallet's top-up where its VAT is due at once (a single-purpose voucher)."""

from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from apps.contracts.models import Contract
from apps.core.domain.tax import TaxDecision
from apps.core.domain.zones import zone
from apps.invoices.domain.amounts import line_amounts, total_up
from apps.invoices.domain.wording import WORDS, legal_text
from apps.invoices.models import Invoice
from apps.invoices.services.documents import write_document
from apps.invoices.services.issuing import issue_invoice
from apps.invoices.services.text_lines import text_line


@transaction.atomic
def issue_top_up(*, contract: Contract, gross: Decimal, currency: str, decision: TaxDecision, at: datetime) -> Invoice:
    """Issue the invoice of one top-up, of one line that states its gross; the caller sees to it that it has one.

    gross  rounded, > 0, as it was paid in · decision: the VAT of all that can be charged from it

    :raises PartyIncomplete: seller or customer lacks legal data
    :raises TaxRefused: the seller has no VAT registration in the country of supply today
    """
    today: date = at.astimezone(zone(contract.seller.time_zone)).date()
    language = contract.customer.language if contract.customer.language in WORDS else "en"
    amounts = line_amounts(
        category=decision.en16931_category,
        rate=decision.rate,
        net=gross,
        gross=gross,
        amounts_are_gross=True,
        currency=currency,
    )
    invoice = Invoice(
        kind=Invoice.Kind.TOP_UP,
        seller=contract.seller,
        customer=contract.customer,
        contract=contract,
        period_from=today,
        period_to=today,
        tax_date=today,
        currency=currency,
        amounts_are_gross=True,
        language=language,
    )
    line = text_line(
        invoice,
        amounts,
        position=1,
        text=WORDS[language].top_up.format(contract=contract.number),
        began_at=at,
        last_day=today,
    )
    source = (decision.country, legal_text(decision.legal_text, language=language))
    write_document(
        invoice,
        lines=[line],
        totals=total_up([amounts], currency=currency),
        sources={(amounts.category, amounts.rate): source},
    )
    return issue_invoice(invoice_id=invoice.pk, issued_at=at)
