"""What an anonymous driver's document charges beyond what a later charge record comes to.

Of a document of 10.00, with 2.00 credited already, whose session now comes to 7.00: 10.00 − 2.00 − 7.00 = 1.00. A
higher record gives nothing: an anonymous driver is never charged again.
"""

from decimal import Decimal

from apps.contracts.registrations import registrations_of
from apps.core.domain.tax import PRIVATE
from apps.invoices.domain.credits import spread
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import creditable_lines
from apps.invoices.services.taxes import country_of, decide_for
from apps.sessions.models import Cdr


def overcharged(document: Invoice, cdr: Cdr) -> dict[int, Decimal]:
    """Return how much of each line of a driver's document is too much, gross; empty where nothing is.

    It is taken from the lines whose VAT category fell, in proportion to how much.

    :raises DocumentRefused: the rule book gives no VAT for the record
    """
    lines = creditable_lines(document)
    over = sum((each.left.stated for each in lines), start=Decimal(0)) - cdr.gross.amount
    if over <= 0:
        return {}
    parts = decide_for(
        cdr, country=country_of(cdr.session), registrations=registrations_of(document.seller), buyer=PRIVATE
    )
    truth = {(part.decision.en16931_category, part.decision.rate): part.gross for part in parts}
    falls = [
        max(each.left.stated - truth.get((each.left.category, each.left.rate), Decimal(0)), Decimal(0))
        for each in lines
    ]
    shares = spread(over, falls, currency=document.currency)
    return {each.line.pk: share for each, share in zip(lines, shares, strict=True) if share}
