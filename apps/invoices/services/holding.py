"""Keep a session, or all of a contract, from being billed, with a reason, and let it go again."""

from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.contracts.models import Contract
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.errors import HoldRefused
from apps.invoices.models import BillingHold, BillingRun, Invoice, InvoiceLine
from apps.invoices.selectors import open_holds, with_something_left
from apps.invoices.services.drafting import discard_drafts, draft_contract
from apps.sessions.models import Cdr, ChargingSession


@transaction.atomic
def hold_session(*, session_id: int, reason: str, by: User | None, at: datetime) -> BillingHold:
    """Leave a session of a contract out of billing; a draft that lists it is written anew without it.

    Holding it again returns the first hold.

    :raises HoldRefused: no contract pays for it, an issued invoice bills it, or the reason is empty
    """
    reason = _reason(reason)
    session = ChargingSession.objects.select_related("contract").get(pk=session_id)
    if session.contract_id is None:
        raise HoldRefused("No contract pays for this session, so that no billing run bills it.")
    contract = Contract.objects.select_for_update().get(pk=session.contract_id)
    held = open_holds().filter(session=session).first()
    if held is not None:
        return held
    lines = InvoiceLine.objects.filter(cdr__session=session)
    # What corrects a line that is billed may wait; the line then stands as it is.
    current = session.cdrs.filter(purpose=Cdr.Purpose.RETAIL).order_by("-revision")[:1]
    billed = lines.filter(cdr__in=current.values("pk"), invoice__status=InvoiceStatus.ISSUED)
    if with_something_left(billed).exists():
        raise HoldRefused("An invoice bills this session already: credit its line instead.")
    hold = BillingHold.objects.create(
        seller_id=session.seller_id, session=session, reason=reason, held_at=at, held_by=by
    )
    _write_anew(contract, having=lines)
    return hold


@transaction.atomic
def hold_contract(*, contract_id: int, reason: str, by: User | None, at: datetime) -> BillingHold:
    """Leave all of a contract out of billing; its drafts are thrown away. Holding it again returns the first hold.

    :raises HoldRefused: the reason is empty
    """
    reason = _reason(reason)
    contract = Contract.objects.select_for_update().get(pk=contract_id)
    held = open_holds().filter(contract=contract).first()
    if held is not None:
        return held
    hold = BillingHold.objects.create(
        seller_id=contract.seller_id, contract=contract, reason=reason, held_at=at, held_by=by
    )
    discard_drafts(contract)
    return hold


@transaction.atomic
def release_hold(*, hold_id: int, by: User | None, at: datetime) -> BillingHold:
    """Let go what was kept back: the next run, or a run drafted again, bills it. Doing it again changes nothing."""
    hold: BillingHold = BillingHold.objects.select_for_update(of=("self",)).get(pk=hold_id)
    if hold.released_at is None:
        hold.set_released(at=at, by=by)
    return hold


def _reason(reason: str) -> str:
    if not reason.strip():
        raise HoldRefused("Say why: the reason is shown until it is let go.")
    return reason.strip()[:200]


def _write_anew(contract: Contract, *, having: object) -> None:
    """Write the drafts of a locked contract anew where one lists what is held now.

    A run that was let go issues nothing that was not looked at: there they are thrown away.
    """
    drafts = Invoice.objects.filter(contract=contract, status=InvoiceStatus.DRAFT, lines__in=having)
    run = BillingRun.objects.filter(invoices__in=drafts).first()
    if run is not None and run.approved_at is None:
        draft_contract(contract_id=contract.pk, until_date=run.until_date, run=run)
    elif drafts.exists():
        discard_drafts(contract)
