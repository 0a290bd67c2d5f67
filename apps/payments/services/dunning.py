"""Remind of what is not paid, block the contract's cards with the reminder that says so, and lift that when it is.

The reminder is a row with a level, so that two at once are one; its mail, fee and block are written in its transaction,
its letter is printed afterwards, from what the row has copied, and the mail waits for it.
"""

from datetime import date, datetime
from typing import Any

from babel.dates import format_date
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from apps.accounts.models import User
from apps.contracts.models import Suspension
from apps.contracts.suspending import lift_suspension, standing_suspension, suspend_contract
from apps.core.bells import ring_on_commit
from apps.core.domain.money import round_half_up
from apps.invoices.disputed import disputed_amounts
from apps.invoices.domain.references import creditor_reference
from apps.invoices.models import Invoice
from apps.invoices.services.documents import lock_document
from apps.payments.domain import letters
from apps.payments.domain.dunning import NextStep, may_be_sent_now, next_step
from apps.payments.models import DunningPause, DunningStep
from apps.payments.openings import open_items
from apps.payments.papers import reminder_key
from apps.payments.pay_tokens import pay_token
from apps.payments.reminder_fees import open_fees
from apps.payments.reminders import remindable, standings_of, terms_of, today_of
from apps.payments.selectors import open_invoices, owed_now, with_open_amounts
from apps.payments.services.fees import post_fee
from apps.payments.services.letters import in_figures, write


class NotReminded(Exception):
    """No reminder can be sent or paused; the message says why, and nothing was changed."""


@transaction.atomic
def remind(*, invoice_id: int, at: datetime, by: User | None = None) -> DunningStep | None:
    """Send the next reminder of an invoice if it is due; None where none is, so that repeating it changes nothing.

    by  a person who sends it before its day; the same day never has two

    :raises NotReminded: a person asks, and it cannot be sent today
    """
    lock_document(invoice_id)
    invoice = remindable().filter(pk=invoice_id).first()
    if invoice is None:
        if by is not None:
            raise NotReminded("Nothing of it is open, or its contract has no reminders.")
        return None
    standing, today = standings_of([invoice])[invoice.pk], today_of(invoice, at=at)
    step = next_step(standing, terms_of(invoice.contract), today=today)
    if by is None and not step.is_due:
        return None
    if by is not None and not (step.level and may_be_sent_now(step, standing, today=today)):
        raise NotReminded(f"No reminder can be sent today. {step.why}")
    return _send(invoice, step, today=today, at=at, by=by)


def _send(invoice: Invoice, step: NextStep, *, today: date, at: datetime, by: User | None) -> DunningStep:
    assert invoice.contract_id is not None, "a driver's document has no reminders"
    assert invoice.due_date is not None, "an issued invoice has its day"
    row: DunningStep = DunningStep.objects.create(
        invoice=invoice,
        level=step.level,
        taken_on=today,
        due_date=invoice.due_date,
        currency=invoice.currency,
        open_amount=owed_now(invoice),
        fee=round_half_up(step.fee, currency=invoice.currency),
        is_last=step.is_last,
        suspends=step.suspends,
        threatens=step.threatens,
        letter=_letter_facts(invoice, today=today),
        reason=step.why[:200],
        decided_by=by,
        taken_at=at,
    )
    post_fee(row, at=at)
    if step.suspends:
        suspend_contract(
            contract_id=invoice.contract_id,
            cause=Suspension.Cause.OVERDUE,
            reason=f"Invoice {invoice.number} is {row.days_overdue} days overdue.",
            at=at,
        )
    _write_letter(row, at=at)
    ring_on_commit("reminder.sent", id=row.pk)
    return row


def _letter_facts(invoice: Invoice, *, today: date) -> dict[str, Any]:
    """Return what the letter tells besides the reminder itself: see ``DunningStep.letter``."""
    due = open_invoices(customer=invoice.customer_id, currency=invoice.currency, due_date__lte=today)
    older = open_items(customer=invoice.customer_id, currency=invoice.currency, due_date__lte=today)
    others = [(other, owed_now(other)) for other in due.exclude(pk=invoice.pk)]
    return {
        "fees": [
            {"level": fee.level, "taken_on": fee.taken_on.isoformat(), "open": str(fee.open_fee)}
            for fee in open_fees(invoice=invoice)
        ],
        "others": [
            {"number": other.number, "due_date": other.due_date.isoformat(), "open": str(owed)}
            for other, owed in others
            if owed
        ]
        + [
            {"number": item.number, "due_date": item.due_date.isoformat(), "open": str(item.open_amount)}
            for item in older
        ],
    }


def _write_letter(step: DunningStep, *, at: datetime) -> None:
    invoice = step.invoice
    assert invoice.customer is not None
    assert invoice.contract is not None
    language = invoice.customer.language
    letter = letters.reminder(
        language,
        level=step.level,
        is_last=step.is_last,
        is_suspending=step.suspends,
        is_threatening=step.threatens,
        fee=in_figures(step.fee, language=language) if step.fee.amount else "",
        amount=in_figures(step.open_amount, language=language),
        whole=in_figures(step.to_pay, language=language),
        number=invoice.number,
        due=format_date(step.due_date, format="long", locale=language),
        days=str(step.days_overdue),
        address=f"{settings.PUBLIC_URL}{reverse('portal:pay', args=[pay_token(invoice)])}",
        holder=invoice.seller_party.get("account_holder") or invoice.seller_party.get("name", str(invoice.seller)),
        iban=invoice.seller_party.get("iban", ""),
        reference=creditor_reference(invoice.number),
        contract=invoice.contract.number,
    )
    key = reminder_key(step.pk)
    write(invoice.customer, letter, kind="reminder", key=f"reminder:{step.pk}", at=at, attachment_key=key)


@transaction.atomic
def pause_reminders(*, invoice_id: int, until: date, reason: str, by: User, at: datetime) -> DunningPause:
    """Send no reminder of an invoice before a day; a later pause replaces it, and a day that is past ends it.

    :raises NotReminded: it is no contract's issued invoice, or the reason is empty
    """
    invoice = lock_document(invoice_id)
    if invoice.contract_id is None or invoice.kind != Invoice.Kind.INVOICE:
        raise NotReminded(f"{invoice} has no reminders.")
    if not reason.strip():
        raise NotReminded("A pause needs a reason.")
    pause: DunningPause = DunningPause.objects.create(
        invoice=invoice, until=until, reason=reason.strip()[:200], decided_by=by, decided_at=at
    )
    return pause


@transaction.atomic
def lift_when_paid(*, contract_id: int, at: datetime) -> Suspension | None:
    """Let a contract's cards charge again once nothing is open that they were blocked for; None: nothing is lifted.

    A block that a person made is lifted by a person.
    """
    standing = standing_suspension(contract_id)
    if standing is None or standing.cause != Suspension.Cause.OVERDUE or is_blocked_for(contract_id):
        return None
    return lift_suspension(contract_id=contract_id, reason="What was overdue is paid.", at=at)


def is_blocked_for(contract_id: int) -> bool:
    """Tell whether an invoice is open whose reminder blocked the contract's cards.

    What was disputed before that reminder does not count; a later dispute lifts no block.
    """
    blocking = DunningStep.objects.filter(invoice__contract=contract_id, suspends=True).order_by("-level")
    first = dict(blocking.values_list("invoice_id", "taken_at"))
    still_open = with_open_amounts(Invoice.objects.filter(pk__in=first)).filter(open_amount__gt=0)
    return any(
        is_open > disputed_amounts([pk], opened_before=first[pk]).get(pk, 0)
        for pk, is_open in still_open.values_list("pk", "open_amount")
    )


def contracts_to_lift() -> list[int]:
    """Return the contracts blocked for what was overdue and is open no longer."""
    standing = Suspension.objects.filter(cause=Suspension.Cause.OVERDUE, lifted_at__isnull=True)
    return [pk for pk in standing.values_list("contract_id", flat=True) if not is_blocked_for(pk)]
