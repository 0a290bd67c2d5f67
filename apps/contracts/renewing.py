"""What a day asks of contracts with versions: renew, remind before, end; and to end one by notice.

Each contract is a story of its own under its lock; the same day again finds nothing left to do.
"""

import logging
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.contracts.contract_sheets import begin_of_day, local_day
from apps.contracts.domain.renewals import Due, earliest_end, renewed, what_is_due
from apps.contracts.domain.versions import VersionKind, VersionStatus
from apps.contracts.groups import OwnTariff, own_tariffs
from apps.contracts.models import Contract, ContractPlan, ContractVersion, Ending, IdToken, Suspension
from apps.contracts.news import tell_changed
from apps.contracts.offers import OfferRefused, keep_plans, plans_until, run_until, tell
from apps.core.bells import ring_on_commit
from apps.documents.mails import told_keys

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applied to a contract on a day; None and [] where nothing did.

    tariffs   of its own: everywhere, and at the sites of groups
    version   the last accepted one that had begun · is_over: the contract had ended by then
    cards     of the contract today whose own time the day lies in
    """

    day: date
    version: ContractVersion | None
    is_over: bool
    plan: ContractPlan | None
    tariffs: list[OwnTariff]
    suspensions: list[Suspension]
    cards: list[IdToken]


def sweep_contracts(*, at: datetime) -> int:
    """Do what is due of every contract with an accepted version that has an end; return how many moved."""
    ids = (
        ContractVersion.objects.filter(status=VersionStatus.ACCEPTED, end_day__isnull=False)
        .exclude(contract__status__in=[Contract.Status.ENDED, Contract.Status.OFFERED])
        .order_by("contract_id")
        .values_list("contract_id", flat=True)
        .distinct()
    )
    return sum(_swept(contract_id, at=at) for contract_id in list(ids))


def _swept(contract_id: int, *, at: datetime) -> bool:
    try:
        return do_what_is_due(contract_id=contract_id, at=at)
    except OfferRefused as refusal:
        # One that cannot be renewed stops no other; its operator finds it in the log and on its page.
        log.warning("contract %s: %s", contract_id, refusal)
        return False


@transaction.atomic
def do_what_is_due(*, contract_id: int, at: datetime) -> bool:
    """Renew a contract, remind of its renewal or end it, as its day asks; tell whether anything was done.

    :raises OfferRefused: its plans cannot go on
    """
    contract = _locked(contract_id)
    version = last_accepted(contract)
    if version is None or contract.status in (Contract.Status.ENDED, Contract.Status.OFFERED):
        return False
    version.contract = contract
    match what_is_due(version.term, today=local_day(at, contract.seller)):
        case Due.RENEW:
            _renew(contract, version, at=at)
        case Due.REMIND:
            return _remind(contract, version, at=at)
        case Due.END:
            # A suspended one is left: what became of it is a person's to say.
            if contract.status == Contract.Status.SUSPENDED:
                return False
            contract.status = Contract.Status.ENDED
            contract.save(update_fields=["status"])
            tell_changed(contract, what="ended", key=f"ended:version:{version.number}", at=at)
            ring_on_commit("contract.suspended", id=contract.pk)
        case Due.NOTHING:
            return False
    return True


@transaction.atomic
def terminate_contract(
    *, contract_id: int, end_day: date, reason: str, at: datetime, by: User, is_agreed: bool = False
) -> ContractVersion:
    """End a contract on a day by notice, as its last version, and tell the customer; the same again is the same.

    end_day    the first day without it, later than the seller's today
    is_agreed  earlier than the notice allows, since both sides want it, or for good cause

    :raises OfferRefused: it has ended, waits for acceptance, has an open offer, or the notice is too short
    """
    contract = _locked(contract_id)
    last = last_accepted(contract)
    if last is not None and last.kind == VersionKind.TERMINATION and last.end_day == end_day:
        return last
    today = local_day(at, contract.seller)
    if contract.status in (Contract.Status.ENDED, Contract.Status.OFFERED):
        raise OfferRefused(f"{contract} is {contract.get_status_display().lower()}.")
    if not reason.strip():
        raise OfferRefused("Ending a contract needs a reason.")
    if ContractVersion.objects.filter(contract=contract, status__in=["drafted", "offered"]).exists():
        raise OfferRefused("Another version of it is open: withdraw that one first.")
    if end_day <= today:
        raise OfferRefused("It can end today at the earliest: its last day is today or later.")
    if last is not None and not is_agreed and end_day < (soonest := earliest_end(last.term, given_on=today)):
        raise OfferRefused(f"By its notice it ends on {soonest} at the earliest, unless both sides agree.")
    ends = begin_of_day(end_day, contract.seller)
    renews = last is not None and last.renews_months > 0
    if contract.valid_to is not None and ends > contract.valid_to and not renews:
        raise OfferRefused("It ends earlier already: amend it where it shall run longer.")
    version: ContractVersion = ContractVersion.objects.create(
        contract=contract,
        number=last_number(contract) + 1,
        kind=VersionKind.TERMINATION.value,
        status=VersionStatus.ACCEPTED.value,
        first_day=end_day,
        end_day=end_day,
        renews_months=0,
        notice_days=0,
        content={"reason": reason.strip()[:200], "given_on": today.isoformat()},
        made_at=at,
        made_by=by,
        accepted_at=at,
        accepted_name=(by.name or by.email)[:120],
        accepted_by=by,
    )
    if ends <= contract.valid_from:
        raise OfferRefused("It must end after it begins.")
    run_until(contract, ends)
    contract.save(update_fields=["valid_to"])
    # It may end within a term that a renewal would have begun.
    rows = _plans_on(contract, last.end_day, end_day) if last is not None and renews else _plans(contract)
    keep_plans(contract, plans_until(rows, end_day))
    tell(version, kind="ended", key=f"contract-version:{version.pk}:ended", at=at)
    tell_changed(contract, what="terminated", key=f"version:{version.number}", at=at, version=version.number)
    return version


def what_applied(contract: Contract, day: date) -> Applied:
    """Tell what applied to a contract on a local day of its seller, past or to come as far as it is agreed."""
    begin, end = (
        begin_of_day(day, contract.seller),
        begin_of_day(date.fromordinal(day.toordinal() + 1), contract.seller),
    )
    versions = ContractVersion.objects.filter(contract=contract, status=VersionStatus.ACCEPTED, first_day__lte=day)
    version = versions.select_related("document").order_by("-first_day", "-number").first()
    is_over = (contract.valid_to is not None and contract.valid_to <= begin) or contract.valid_from >= end
    endings = Ending.objects.filter(contract=contract, first_day__lte=day).exclude(end_day__lte=day)
    is_over = is_over or endings.exists()
    plans = ContractPlan.objects.filter(contract=contract, first_day__lte=day).exclude(end_day__lte=day)
    blocks = Suspension.objects.filter(contract=contract, since__lt=end).exclude(lifted_at__lte=begin)
    cards = (
        IdToken.objects.filter(contract=contract)
        .exclude(valid_from__gte=end)
        .exclude(valid_to__lte=begin)
        .select_related("vehicle", "cost_centre")
    )
    return Applied(
        day=day,
        version=version,
        is_over=is_over,
        plan=None if is_over else plans.select_related("plan").first(),
        tariffs=own_tariffs(contract, begin, end),
        suspensions=list(blocks),
        cards=list(cards),
    )


def last_accepted(contract: Contract) -> ContractVersion | None:
    """Return the accepted version that was agreed last; it says how long the contract runs."""
    accepted = ContractVersion.objects.filter(contract=contract, status=VersionStatus.ACCEPTED)
    found: ContractVersion | None = accepted.select_related("document").order_by("-number").first()
    return found


def last_number(contract: Contract) -> int:
    numbers: QuerySet[ContractVersion] = ContractVersion.objects.filter(contract=contract).order_by("-number")
    return numbers.values_list("number", flat=True).first() or 0


def _locked(contract_id: int) -> Contract:
    Contract.objects.select_for_update().get(pk=contract_id)
    contract: Contract = Contract.objects.select_related("seller", "customer").get(pk=contract_id)
    return contract


def _renew(contract: Contract, version: ContractVersion, *, at: datetime) -> None:
    """Write the renewal as a version, until the day is within its notice again: a sweep may have slept for months."""
    today = local_day(at, contract.seller)
    term = version.term
    while what_is_due(term, today=today) is Due.RENEW:
        assert term.end is not None
        begins, term = term.end, renewed(term)
        renewal: ContractVersion = ContractVersion.objects.create(
            contract=contract,
            number=last_number(contract) + 1,
            kind=VersionKind.RENEWAL.value,
            status=VersionStatus.ACCEPTED.value,
            first_day=begins,
            end_day=term.end,
            renews_months=term.renews_months,
            notice_days=term.notice_days,
            content={"renews": version.number},
            made_at=at,
            accepted_at=at,
            accepted_name="renewed by itself",
        )
        assert term.end is not None
        run_until(contract, begin_of_day(term.end, contract.seller))
        contract.save(update_fields=["valid_to"])
        keep_plans(contract, _plans_on(contract, begins, term.end))
        tell_changed(contract, what="renewed", key=f"version:{renewal.number}", at=at, version=renewal.number)


def _plans_on(contract: Contract, old_end: date | None, new_end: date) -> list[ContractPlan]:
    """Let the plan that ended with the term go on to the new end."""
    rows = _plans(contract)
    if rows and rows[-1].end_day is not None and rows[-1].end_day == old_end:
        rows[-1].end_day = new_end
    return rows


def _plans(contract: Contract) -> list[ContractPlan]:
    return list(ContractPlan.objects.filter(contract=contract).select_related("plan").order_by("first_day"))


def _remind(contract: Contract, version: ContractVersion, *, at: datetime) -> bool:
    key = f"contract-version:{version.pk}:renewal"
    if told_keys(recipient=contract.customer.email, keys=[key]):
        return False
    tell(version, kind="renewal", key=key, at=at)
    return True
