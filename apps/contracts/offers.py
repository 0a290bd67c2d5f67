"""How a contract comes about: a document is drafted, offered by a link, and accepted as the very file it is.

A contract that waits for acceptance is ``offered``: no card of it charges, nothing of it is billed. What was accepted
is a row for ever, with name, time, address and the file's hash; both sides keep the file.
"""

import re
from datetime import date, datetime, timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from apps.accounts.models import User
from apps.contracts.contract_sheets import Wanted, begin_of_day, content_of, local_day, print_html, version_at
from apps.contracts.domain.contract_words import WORDS, say_day
from apps.contracts.domain.versions import VersionKind, VersionStatus
from apps.contracts.groups import sites_from
from apps.contracts.models import AgreedTariff, Contract, ContractPlan, ContractVersion, SiteGroup, TariffAssignment
from apps.contracts.news import tell_changed
from apps.contracts.plans import why_not_ended, why_not_given
from apps.contracts.registrations import NotRegistered, check_registered
from apps.documents import renderer
from apps.documents.mails import enqueue_mail
from apps.documents.services import store_document
from apps.tariffs.models import Tariff

_SALT: Final = "contracts.offer"
LINK_LIVES_ON: Final = timedelta(days=30)
_NO_FILE_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)


class OfferRefused(Exception):
    """It is not drafted, offered or accepted; the message says why, and nothing was changed."""


def prepare_version(*, contract_id: int, wanted: Wanted, at: datetime, by: User) -> ContractVersion:
    """Draft a contract's next version with its document; nobody is told of it yet.

    wanted.kind  original for an offered contract, amendment for a running one

    :raises OfferRefused: another one is open, its days or what it gives cannot be, or somebody drafted one meanwhile
    """
    contract = _loaded(contract_id)
    _check(contract, wanted, at=at)
    number = _next_number(contract)
    content = content_of(contract, wanted, number=number, at=at)
    # Rendering takes a second and more, so it happens outside any transaction.
    rendered = renderer.render(print_html(content))
    with transaction.atomic():
        locked = Contract.objects.select_for_update().get(pk=contract_id)
        if locked.status != contract.status or _next_number(contract) != number:
            raise OfferRefused("Somebody else drafted a version of this contract just now: look at that one first.")
        document = store_document(
            seller_id=contract.seller_id,
            recipient_id=contract.customer.organisation_id,
            key=f"contract:{contract.pk}:version:{number}",
            kind="contract",
            media_type=rendered.media_type,
            language=content["language"],
            file_name=_NO_FILE_NAME.sub("-", f"{contract.number}-{number}") + rendered.extension,
            content=rendered.content,
            at=at,
        )
        version: ContractVersion = ContractVersion.objects.create(
            contract=contract,
            number=number,
            kind=wanted.kind.value,
            first_day=wanted.first_day,
            end_day=wanted.end_day,
            renews_months=wanted.renews_months,
            notice_days=wanted.notice_days,
            plan=wanted.plan,
            tariff=wanted.tariff,
            content=content,
            document=document,
            document_hash=document.sha256,
            made_at=at,
            made_by=by,
        )
        for group, tariff in wanted.group_tariffs:
            AgreedTariff.objects.create(version=version, group=group, tariff=tariff)
        return version


@transaction.atomic
def offer_version(*, version_id: int, at: datetime, by: User) -> ContractVersion:
    """Mail the customer a drafted version with the link by which it is accepted; offering again sends nothing.

    :raises OfferRefused: it was withdrawn or accepted, or its first day is over
    """
    version = _locked(version_id)
    if version.status == VersionStatus.OFFERED:
        return version
    _refuse_settled(version)
    if at >= acceptable_until(version):
        raise OfferRefused("Its first day is over: draft another one that applies from a later day.")
    contract = version.contract
    version.move(VersionStatus.OFFERED)
    version.offered_at, version.offered_by, version.offered_to = at, by, contract.customer.email
    version.save(update_fields=["status", "offered_at", "offered_by", "offered_to"])
    tell(
        version, kind="offer", key=f"contract-version:{version.pk}:offer", at=at, attach=True, link=offer_link(version)
    )
    return version


@transaction.atomic
def withdraw_version(*, version_id: int, at: datetime) -> ContractVersion:
    """Take back a version that nobody accepted; its link says so. Again changes nothing.

    :raises OfferRefused: it was accepted
    """
    version = _locked(version_id)
    if version.status == VersionStatus.WITHDRAWN:
        return version
    _refuse_settled(version)
    version.move(VersionStatus.WITHDRAWN)
    version.withdrawn_at = at
    version.save(update_fields=["status", "withdrawn_at"])
    return version


@transaction.atomic
def accept_version(
    *, version_id: int, name: str, document_hash: str, address: str | None, at: datetime, by: User | None = None
) -> ContractVersion:
    """Accept an offered version for the customer; accepting again returns it as it was accepted first.

    name           of the person who accepts · address  from which (IP) · by: who was signed in; None: by the link
    document_hash  SHA-256 of the file they saw

    :raises OfferRefused: it is not offered any more, is another file, has no name, or cannot apply any more
    """
    version = _locked(version_id)
    if version.status == VersionStatus.ACCEPTED:
        return version
    if version.status != VersionStatus.OFFERED:
        raise OfferRefused("This offer was withdrawn.")
    if at >= acceptable_until(version):
        raise OfferRefused("This offer is over: its first day has passed.")
    if document_hash != version.document_hash:
        raise OfferRefused("This is not the document that was offered. Open it again.")
    if not name.strip():
        raise OfferRefused("Say who accepts it.")
    version.move(VersionStatus.ACCEPTED)
    version.accepted_at, version.accepted_by, version.accepted_address = at, by, address
    version.accepted_name, version.accepted_hash = " ".join(name.split())[:120], document_hash
    version.save(
        update_fields=[
            "status",
            "accepted_at",
            "accepted_by",
            "accepted_address",
            "accepted_name",
            "accepted_hash",
        ]
    )
    _apply(version, at=at)
    key = f"contract-version:{version.pk}:accepted"
    news = f"version:{version.number}"
    tell_changed(version.contract, what="accepted", key=news, at=at, version=version.number)
    tell(version, kind="accepted", key=key, at=at, attach=True)
    tell(version, kind="accepted", key=f"{key}:seller", at=at, attach=True, recipient=version.contract.seller.email)
    return version


def acceptable_until(version: ContractVersion) -> datetime:
    """Return the end of an offer's first day: later it would apply to days that are over."""
    return begin_of_day(version.first_day + timedelta(days=1), version.contract.seller)


def offer_token(version: ContractVersion) -> str:
    """Return the signed token by which whoever was mailed an offer reads and accepts it."""
    return signing.dumps([version.pk, version.document_hash], salt=_SALT)


def offer_link(version: ContractVersion) -> str:
    return f"{settings.PUBLIC_URL}{reverse('portal:offer', args=[offer_token(version)])}"


def version_of(token: str, *, at: datetime) -> ContractVersion | None:
    """Return the version that a link was sent for, offered or settled; None for a forged or old one or a mere draft.

    A document names people, so its link dies 30 days after the offer is over.
    """
    try:
        pk, document_hash = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    found: ContractVersion | None = (
        ContractVersion.objects.filter(pk=pk, document_hash=document_hash, offered_at__isnull=False)
        .select_related("contract__seller", "contract__customer", "document")
        .first()
    )
    return found if found is not None and at < acceptable_until(found) + LINK_LIVES_ON else None


def tell(
    version: ContractVersion,
    *,
    kind: str,
    key: str,
    at: datetime,
    attach: bool = False,
    link: str = "",
    recipient: str = "",
) -> None:
    """Enqueue a mail about a version to the customer, or to ``recipient``; key: what is told once.

    kind  offer | accepted | renewal | ended
    """
    contract = version.contract
    language = contract.customer.language
    words = WORDS[language]
    last = version.end_day - timedelta(days=1) if version.end_day else None
    notice = version.term.last_notice
    facts = {
        "seller": contract.seller.name,
        "number": contract.number,
        "version": version.number,
        "first": say_day(version.first_day, language=language),
        "last": say_day(last, language=language) if last else words.until_further_notice,
        "notice": say_day(notice, language=language) if notice else "",
        "months": version.renews_months,
        "name": version.accepted_name,
        "at": f"{version.accepted_at:%Y-%m-%d %H:%M}" if version.accepted_at else "",
        "hash": version.document_hash,
        "link": link,
    }
    subject, body = getattr(words, f"{kind}_subject"), getattr(words, f"{kind}_body")
    enqueue_mail(
        organisation_id=contract.seller_id,
        recipient=recipient or contract.customer.email,
        kind="contract",
        language=language,
        subject=subject.format(**facts),
        body=body.format(**facts),
        at=at,
        keys=[key],
        attachment_key=version.document.key if attach and version.document else "",
    )


def _loaded(contract_id: int) -> Contract:
    contract: Contract = Contract.objects.select_related("seller", "customer", "tier").get(pk=contract_id)
    return contract


def _locked(version_id: int) -> ContractVersion:
    """Lock the contract, then read its version, so that two at once meet at the contract."""
    contract_id = ContractVersion.objects.values_list("contract_id", flat=True).get(pk=version_id)
    Contract.objects.select_for_update().get(pk=contract_id)
    version: ContractVersion = ContractVersion.objects.select_related(
        "contract__seller", "contract__customer", "contract__tier", "plan", "tariff", "document"
    ).get(pk=version_id)
    return version


def _next_number(contract: Contract) -> int:
    last = (
        ContractVersion.objects.filter(contract=contract).order_by("-number").values_list("number", flat=True).first()
    )
    return (last or 0) + 1


def _refuse_settled(version: ContractVersion) -> None:
    if version.status == VersionStatus.ACCEPTED:
        raise OfferRefused(f"{version} was accepted by {version.accepted_name}: amend it instead.")
    if version.status == VersionStatus.WITHDRAWN:
        raise OfferRefused(f"{version} was withdrawn: draft another one.")


def _check(contract: Contract, wanted: Wanted, *, at: datetime) -> None:
    """Refuse what could not be offered, before anything is printed."""
    if contract.status == Contract.Status.ENDED:
        raise OfferRefused(f"{contract} has ended.")
    is_new = contract.status == Contract.Status.OFFERED
    if (wanted.kind is VersionKind.ORIGINAL) != is_new:
        raise OfferRefused("A contract that waits for acceptance gets its first document, a running one an amendment.")
    if ContractVersion.objects.filter(contract=contract, status__in=["drafted", "offered"]).exists():
        raise OfferRefused("Another version of it is open: offer or withdraw that one first.")
    if wanted.first_day < local_day(at, contract.seller):
        raise OfferRefused("It cannot apply to days that are over.")
    if wanted.end_day is not None and wanted.end_day <= wanted.first_day:
        raise OfferRefused("It must end after it begins.")
    if wanted.renews_months and wanted.end_day is None:
        raise OfferRefused("What runs until further notice is not renewed: name the last day of its term.")
    _check_gifts(contract, wanted, at=begin_of_day(wanted.first_day, contract.seller))


def _check_gifts(contract: Contract, wanted: Wanted, *, at: datetime) -> None:
    if why := why_not_given(contract, _plan_rows(contract, wanted)):
        raise OfferRefused(why)
    if wanted.tariff is not None:
        _check_tariff(contract, wanted.tariff, group=None, at=at)
    for group, tariff in wanted.group_tariffs:
        if group.seller_id != contract.seller_id:
            raise OfferRefused("This site group belongs to another seller.")
        _check_tariff(contract, tariff, group=group, at=at)


def _check_tariff(contract: Contract, tariff: Tariff, *, group: SiteGroup | None, at: datetime) -> None:
    if tariff.owner_id != contract.seller_id:
        raise OfferRefused("This tariff belongs to another seller.")
    if version_at(tariff, at) is None:
        raise OfferRefused(f"{tariff} has no published version on that day.")
    if TariffAssignment.objects.filter(contract=contract, group=group, valid_from__gt=at).exists():
        where = f" at sites of {group}" if group is not None else ""
        raise OfferRefused(
            f"A tariff is assigned to this contract{where} for a later day already: end that assignment first."
        )
    try:
        check_registered(seller=contract.seller, locations=sites_from(group, at) if group is not None else None, at=at)
    except NotRegistered as refusal:
        raise OfferRefused(str(refusal)) from refusal


def _plan_rows(contract: Contract, wanted: Wanted | ContractVersion) -> list[ContractPlan]:
    """Return the plans that a contract would have, unsaved; only what changes is another instance than is stored."""
    rows = list(ContractPlan.objects.filter(contract=contract).select_related("plan").order_by("first_day"))
    if wanted.plan is not None:
        rows = [row for row in rows if row.first_day < wanted.first_day]
        for row in rows:
            if row.end_day is None or row.end_day > wanted.first_day:
                row.end_day = wanted.first_day
        rows.append(
            ContractPlan(contract=contract, plan=wanted.plan, first_day=wanted.first_day, end_day=wanted.end_day)
        )
        return rows
    if rows and rows[-1].end_day is not None and rows[-1].end_day == _end_before(contract, wanted):
        # It only ended with the term.
        rows[-1].end_day = wanted.end_day
    return rows if wanted.end_day is None else plans_until(rows, wanted.end_day)


def plans_until(rows: list[ContractPlan], end_day: date) -> list[ContractPlan]:
    """Cut plans off at the first day without the contract; those of later days fall away."""
    kept = [row for row in rows if row.first_day < end_day]
    for row in kept:
        if row.end_day is None or row.end_day > end_day:
            row.end_day = end_day
    return kept


def _end_before(contract: Contract, wanted: Wanted | ContractVersion) -> date | None:
    """Return where the term ended that was agreed before."""
    agreed = ContractVersion.objects.filter(contract=contract, status=VersionStatus.ACCEPTED)
    if isinstance(wanted, ContractVersion):
        agreed = agreed.exclude(pk=wanted.pk)
    end_day: date | None = agreed.order_by("-number").values_list("end_day", flat=True).first()
    return end_day


def _apply(version: ContractVersion, *, at: datetime) -> None:
    """Let the contract be what its accepted version says."""
    contract = version.contract
    begin = begin_of_day(version.first_day, contract.seller)
    if contract.status == Contract.Status.OFFERED:
        contract.status, contract.valid_from = Contract.Status.ACTIVE, max(begin, at)
    run_until(contract, begin_of_day(version.end_day, contract.seller) if version.end_day else None)
    contract.save(update_fields=["status", "valid_from", "valid_to"])
    keep_plans(contract, _plan_rows(contract, version))
    if version.tariff is not None:
        _assign(contract, version.tariff, group=None, begin=begin)
    for agreed in version.group_tariffs.select_related("group", "tariff"):
        _assign(contract, agreed.tariff, group=agreed.group, begin=begin)


def run_until(contract: Contract, ends: datetime | None) -> None:
    """Set when a contract ends, unsaved; None: until further notice.

    :raises OfferRefused: days that were billed would change
    """
    contract.valid_to = ends
    if why := why_not_ended(contract):
        raise OfferRefused(why)


def keep_plans(contract: Contract, rows: list[ContractPlan]) -> None:
    """Let a contract have these plans and no others.

    :raises OfferRefused: days that were billed had another
    """
    if why := why_not_given(contract, rows):
        raise OfferRefused(why)
    ContractPlan.objects.filter(contract=contract).exclude(pk__in=[row.pk for row in rows if row.pk]).delete()
    # Ends first, so that no day has two plans in between.
    for row in sorted(rows, key=lambda row: row.pk is None):
        row.save()


def _assign(contract: Contract, tariff: Tariff, *, group: SiteGroup | None, begin: datetime) -> None:
    """Let a tariff apply to the contract from ``begin`` on, at a group's sites or everywhere (None)."""
    of_its_rank = TariffAssignment.objects.filter(contract=contract, group=group)
    if of_its_rank.filter(valid_from__gt=begin).exists():
        raise OfferRefused("Another tariff was agreed on meanwhile. Please ask the seller for a new offer.")
    for row in of_its_rank.filter(valid_from__lte=begin).exclude(valid_to__lte=begin):
        if row.valid_from == begin:
            row.delete()
        else:
            row.valid_to = begin
            row.save(update_fields=["valid_to"])
    TariffAssignment.objects.create(
        seller=contract.seller, tariff=tariff, contract=contract, group=group, valid_from=begin
    )
