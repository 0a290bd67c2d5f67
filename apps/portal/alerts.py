"""What waits for somebody of the customer's, the most pressing first; each leads to where it is done."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.domain.versions import VersionStatus
from apps.contracts.models import Contract, ContractVersion, IdToken, Suspension
from apps.contracts.offers import acceptable_until
from apps.invoices.domain.line_disputes import LineDisputeStatus
from apps.invoices.models import LineDispute
from apps.payments.selectors import expiring_methods
from apps.portal import selectors
from apps.portal.access import is_administrator
from apps.sessions.budgets import BudgetUse

_ENDS_SOON: Final = timedelta(days=60)
_ANSWERED_LATELY: Final = timedelta(days=14)
_SHOWN_ANSWERS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A sentence, and where it is seen to; tone as the pages colour it: bad, warn, or "" for news."""

    words: str
    address: str
    link: str
    tone: str = ""


def alerts_of(
    membership: Membership, *, invoices: Iterable[Any], budgets: Iterable[BudgetUse], today: date, at: datetime
) -> list[Alert]:
    """Return what waits; ``invoices``: those with something open, ``budgets``: of this month."""
    return [
        *_suspensions(membership),
        *_overdue(invoices, today=today),
        *_offers(membership, at=at),
        *_methods(membership, today=today),
        *_budgets(budgets),
        *_ending(membership, at=at),
        *_cards(membership),
        *_answers(membership, at=at),
    ]


def _suspensions(membership: Membership) -> Iterator[Alert]:
    for one in selectors.suspensions_of(membership):
        is_overdue = one.cause == Suspension.Cause.OVERDUE
        blocked = _("The cards of contract %(number)s are blocked.") % {"number": one.contract.number}
        then = (
            _("They charge again as soon as the overdue invoices below are paid.")
            if is_overdue
            else _("Please ask %(seller)s.") % {"seller": one.contract.seller}
        )
        address = reverse("portal:invoices") if is_overdue else reverse("portal:contract", args=[one.contract_id])
        link = _("Invoices") if is_overdue else _("Contract")
        yield Alert(words=f"{blocked} {then}", address=address, link=link, tone="bad")


def _overdue(invoices: Iterable[Any], *, today: date) -> Iterator[Alert]:
    for one in invoices:
        if one.due_date < today:
            told = {"number": one.number, "day": date_format(one.due_date, "DATE_FORMAT")}
            words = _("Invoice %(number)s was due on %(day)s.") % told
            yield Alert(
                words=words, address=reverse("portal:invoice", args=[one.uid]), link=_("Look and pay"), tone="bad"
            )


def _offers(membership: Membership, *, at: datetime) -> Iterator[Alert]:
    offered = bought_rows(membership, ContractVersion.objects.filter(status=VersionStatus.OFFERED))
    for one in offered.select_related("contract__seller"):
        if at >= acceptable_until(one):
            continue
        words = _("%(seller)s offers you contract %(number)s.") % {
            "seller": one.contract.seller,
            "number": one.contract.number,
        }
        address = reverse("portal:contract", args=[one.contract_id])
        yield Alert(words=words, address=address, link=_("Read and accept"), tone="warn")


def _methods(membership: Membership, *, today: date) -> Iterator[Alert]:
    """What whoever may replace a card or account should do before the next charge."""
    if not is_administrator(membership):
        return
    address, link = reverse("portal:payment-method"), _("Payment")
    if selectors.has_no_method(membership):
        words = _("No card or account is saved, so invoices are not collected by themselves.")
        yield Alert(words=words, address=address, link=_("Add a card or account"), tone="warn")
    for method in bought_rows(membership, expiring_methods(on=today)):
        words = _("%(method)s is valid until %(expiry)s. Save another card or account before your next charge.") % {
            "method": method,
            "expiry": method.expiry,
        }
        yield Alert(words=words, address=address, link=link, tone="warn")


def _budgets(budgets: Iterable[BudgetUse]) -> Iterator[Alert]:
    for use in budgets:
        if use.percent >= 100:
            words = _("The budget of %(what)s is used up: %(percent)s %% this month.") % {
                "what": use.budget.what,
                "percent": use.percent,
            }
            yield Alert(words=words, address=reverse("portal:budgets"), link=_("Budgets"), tone="warn")


def _ending(membership: Membership, *, at: datetime) -> Iterator[Alert]:
    running = Contract.objects.filter(status=Contract.Status.ACTIVE, valid_to__gt=at, valid_to__lte=at + _ENDS_SOON)
    for one in bought_rows(membership, running).order_by("valid_to", "pk"):
        day = date_format(one.valid_to.astimezone(selectors.zone_of(membership)), "DATE_FORMAT")
        words = _("Contract %(number)s ends on %(day)s.") % {"number": one.number, "day": day}
        yield Alert(words=words, address=reverse("portal:contract", args=[one.pk]), link=_("Contract"))


def _cards(membership: Membership) -> Iterator[Alert]:
    count = bought_rows(membership, IdToken.objects.filter(status=IdToken.Status.BLOCKED)).count()
    if count:
        words = ngettext("%(count)s card is blocked.", "%(count)s cards are blocked.", count) % {"count": count}
        yield Alert(words=words, address=f"{reverse('portal:cards')}?status=blocked", link=_("Cards"))


def _answers(membership: Membership, *, at: datetime) -> Iterator[Alert]:
    answered = LineDispute.objects.filter(
        status__in=[LineDisputeStatus.CREDITED, LineDisputeStatus.EXPLAINED], ended_at__gte=at - _ANSWERED_LATELY
    )
    found = bought_rows(membership, answered).select_related("line__invoice__seller").order_by("-ended_at")
    for one in found[:_SHOWN_ANSWERS]:
        invoice = one.line.invoice
        told = {"seller": invoice.seller, "number": invoice.number, "position": one.line.position}
        words = _("%(seller)s has answered your dispute of %(number)s, line %(position)s.") % told
        address = reverse("portal:line", args=[invoice.uid, one.line.position])
        yield Alert(words=words, address=address, link=_("Read the answer"))
