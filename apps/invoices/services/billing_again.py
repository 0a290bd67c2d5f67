"""An invoice was wrong, not its sessions: after all of it is credited, what it listed is billed anew.

Crediting alone bills nothing again (a base fee may be a gift); this is the word that says it was none.
"""

from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.invoices.errors import NotBilledAgain
from apps.invoices.models import BilledAgain, BilledPeriod, Invoice
from apps.invoices.selectors import is_credited_in_full
from apps.invoices.services.documents import lock_document
from apps.sessions.models import Cdr
from apps.sessions.services.rating import current_cdr, repeat_cdr


@transaction.atomic
def bill_again(*, invoice_id: int, reason: str, at: datetime, by: User | None) -> BilledAgain:
    """Let the next run bill what an invoice listed, as contract, plan and sessions are then; once.

    Its sessions get a next revision that says the same, where nobody corrected them meanwhile. Its plan's periods are
    open again, so that their plan can be another. Other charges (shared costs) are not written again.

    :raises NotBilledAgain: it is no invoice on a contract, not credited in full, or the reason is empty
    """
    invoice = lock_document(invoice_id)
    done = BilledAgain.objects.filter(invoice=invoice).first()
    if done is not None:
        return done
    if invoice.kind != Invoice.Kind.INVOICE or invoice.contract is None:
        raise NotBilledAgain(f"{invoice} is no invoice on a contract.")
    if not invoice.credit_notes.exists() or not is_credited_in_full(invoice):
        raise NotBilledAgain("Credit all of it first: what is billed again must not be owed twice.")
    if not reason.strip():
        raise NotBilledAgain("Say why it is billed again.")
    again: BilledAgain = BilledAgain.objects.create(invoice=invoice, reason=reason.strip()[:200], at=at, by=by)
    for cdr in Cdr.objects.filter(pk__in=invoice.lines.values("cdr")).select_related("session").order_by("session"):
        if current_cdr(cdr.session) == cdr:
            repeat_cdr(cdr_id=cdr.pk, reason=again.reason, at=at)
    BilledPeriod.objects.filter(charges__line__invoice=invoice).update(is_closed=False)
    return again
