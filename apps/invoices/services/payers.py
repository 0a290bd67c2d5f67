"""A session was billed to the wrong one of employer and driver: credit it there, let the next run bill the other."""

from collections import defaultdict
from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.contracts.domain.payers import Payer
from apps.contracts.models import Contract
from apps.core.domain.zones import zone
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import InvoiceLine, PrepaidRecord
from apps.invoices.selectors import with_something_left
from apps.invoices.services.crediting import credit_lines
from apps.invoices.services.drafting import discard_drafts
from apps.invoices.services.plans import reopen_periods
from apps.sessions.models import ChargingSession, PayerDecision
from apps.sessions.services.payers import PayerRefused, change_payer, contract_of
from apps.sessions.services.rating import current_cdr, repeat_cdr


@transaction.atomic
def correct_payer(*, session_id: int, payer: Payer, reason: str, by: User, at: datetime) -> PayerDecision:
    """Let the other one pay for a session, whole. What was billed is credited, and the record repeated for the
    next run.

    The price stays: the record is repeated word by word.

    :raises PayerRefused: no rules were asked, it is so already, the driver has no contract, a wallet paid, or no reason
    """
    reason = reason.strip()[:200]
    if not reason:
        raise PayerRefused("Say why; the reason stands with the session and on the credit note.")
    session = ChargingSession.objects.select_related("token__contract", "token__driver_contract").get(pk=session_id)
    if session.token is None or session.contract_id is None:
        raise PayerRefused("No rule of employer or driver was asked when this session began.")
    target = contract_of(session, payer=payer)
    # Both contracts first, in their order: drafting, issuing and crediting of either wait meanwhile.
    contract_ids = {session.contract_id, target.pk}
    locked = {one.pk: one for one in Contract.objects.select_for_update().filter(pk__in=contract_ids).order_by("pk")}
    if PrepaidRecord.objects.filter(cdr__session=session).exists():
        raise PayerRefused("A prepaid wallet has paid for this session: give the money back there instead.")
    decision = change_payer(session_id=session_id, payer=payer, reason=reason, by=by, at=at)
    lines = InvoiceLine.objects.filter(cdr__session=session)
    if lines.filter(invoice__status=InvoiceStatus.DRAFT).exists():
        discard_drafts(locked[session.contract_id])
    _credit(session, reason=reason, at=at)
    _look_at_plan_again(session, locked[session.contract_id])
    current = current_cdr(session)
    if current is not None and lines.filter(cdr=current).exists():
        repeat_cdr(cdr_id=current.pk, reason=reason, at=at)
    return decision


def _look_at_plan_again(session: ChargingSession, contract: Contract) -> None:
    """Let the next run take the session out of what its plan included, where its period is billed."""
    if session.ended_at is not None:
        local = zone(contract.seller.time_zone)
        first, last = (at.astimezone(local).date() for at in (session.started_at, session.ended_at))
        reopen_periods(contract, first=first, last=last)


def _credit(session: ChargingSession, *, reason: str, at: datetime) -> None:
    """Credit what is left of the issued lines that bill a session."""
    billed = InvoiceLine.objects.filter(cdr__session=session, invoice__status=InvoiceStatus.ISSUED)
    by_invoice: defaultdict[int, list[int]] = defaultdict(list)
    for line in with_something_left(billed).order_by("pk"):
        by_invoice[line.invoice_id].append(line.pk)
    for invoice_id, line_ids in by_invoice.items():
        credit_lines(invoice_id=invoice_id, line_ids=line_ids, reason=reason, at=at)
