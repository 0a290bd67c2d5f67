"""Tell a customer when a month's charging reaches a threshold of a budget; each threshold once a month."""

from datetime import date, datetime

from babel.dates import format_date
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation

from apps.core.domain.zones import zone
from apps.core.sweeps import one_by_one
from apps.core.words import amount
from apps.documents.mails import enqueue_mail
from apps.sessions.budgets import BudgetUse, use_of
from apps.sessions.domain.budget_letters import letter
from apps.sessions.domain.budgets import reached
from apps.sessions.models import Budget, BudgetAlert, Cdr


def watch_record(*, cdr_id: int, at: datetime) -> None:
    """Look at the budgets that a new charge record counts for, in the month in which its supply ended."""
    cdr = Cdr.objects.select_related("session").get(pk=cdr_id)
    if cdr.session.contract_id is not None and cdr.purpose == Cdr.Purpose.RETAIL:
        watch_contract(contract_id=cdr.session.contract_id, month=cdr.tax_date.replace(day=1), at=at)


def sweep_budgets(*, at: datetime) -> None:
    """Look at every contract with budgets, in this month: what a bell that was not heard would have told."""
    contracts = Budget.objects.order_by("contract").values_list("contract_id", "seller__time_zone").distinct()
    zones = dict(contracts)

    def watch(contract_id: int) -> None:
        month = at.astimezone(zone(zones[contract_id])).date().replace(day=1)
        watch_contract(contract_id=contract_id, month=month, at=at)

    one_by_one(zones, watch)


@transaction.atomic
def watch_contract(*, contract_id: int, month: date, at: datetime) -> None:
    """Tell what the month has reached of a contract's budgets; who comes at the same time waits and finds it told.

    month  its first day
    """
    budgets = Budget.objects.select_for_update(of=("self",)).filter(contract=contract_id).order_by("pk")
    found = list(budgets.select_related("seller", "contract__customer", "vehicle", "cost_centre"))
    if not found:
        return
    told: dict[int, set[int]] = {budget.pk: set() for budget in found}
    for budget_id, threshold in BudgetAlert.objects.filter(budget__in=found, month=month).values_list(
        "budget", "threshold"
    ):
        told[budget_id].add(threshold)
    for use in use_of(found, month=month):
        budget = use.budget
        new = reached(used=use.used, amount=budget.amount, thresholds=budget.thresholds, told=told[budget.pk])
        if new:
            _tell(use, thresholds=new, month=month, at=at)


def _tell(use: BudgetUse, *, thresholds: tuple[int, ...], month: date, at: datetime) -> None:
    """Remember each threshold, and write one mail about the highest."""
    budget = use.budget
    BudgetAlert.objects.bulk_create(
        BudgetAlert(budget=budget, month=month, threshold=one, used=use.used, told_at=at) for one in thresholds
    )
    customer = budget.contract.customer
    recipient = budget.recipient or customer.email
    if not recipient:
        return
    language = customer.language
    with translation.override(language):
        used, whole = amount(use.used, budget.currency), amount(budget.amount, budget.currency)
    subject, body = letter(
        language,
        is_gross=use.is_gross,
        percent=str(thresholds[-1]),
        what=budget.what,
        used=used,
        amount=whole,
        month=format_date(month, "LLLL yyyy", locale=language),
        number=budget.contract.number,
        address=f"{settings.PUBLIC_URL}{reverse('portal:sessions')}",
    )
    enqueue_mail(
        organisation_id=budget.seller_id,
        recipient=recipient,
        kind="budget",
        language=language,
        subject=subject,
        body=f"{body}\n\n{budget.seller}\n",
        at=at,
        keys=[f"budget:{budget.pk}:{month.isoformat()}:{thresholds[-1]}"],
    )
