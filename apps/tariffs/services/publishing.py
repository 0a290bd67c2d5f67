"""Publishing versions: at most one prices a moment, and what was published stays.

Publishing and withdrawing lock the tariff first, so that two of them never see the same neighbours. A version begins
now or later, and ends the one before it at its own start.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from apps.accounts.models import User
from apps.tariffs.domain.lint import Finding, Profile
from apps.tariffs.domain.status import VersionStatus
from apps.tariffs.models import Tariff, TariffVersion
from apps.tariffs.selectors import findings_of
from apps.tariffs.services.drafts import lock_draft

_MINUTE: Final = timedelta(minutes=1)
# Between reading the clock and committing; a version must not begin before it is stored.
_LEAD: Final = timedelta(seconds=10)
# Whoever means a later day has mistyped the year; the calendar of the pages has to reach it too.
_FARTHEST: Final = timedelta(days=3653)


class PublishRefused(ValueError):
    """The version cannot be published as asked; the message says why.

    findings  of the linter, where they are the reason
    """

    def __init__(self, message: str, findings: tuple[Finding, ...] = ()) -> None:
        self.findings = findings
        super().__init__(message)


class WarningsNotAccepted(PublishRefused):
    """Nothing forbids it, but what the linter warns of has to be accepted first."""


_checks: Final[list[Callable[[Tariff, datetime], str]]] = []


def register_publish_check(check: Callable[[Tariff, datetime], str]) -> None:
    """Let an app above say why a tariff must not be published from an instant on; "" where it may."""
    _checks.append(check)


@transaction.atomic
def publish_version(
    *,
    version_id: int,
    expected_edit_no: int,
    valid_from: datetime | None,
    by: User,
    at: datetime,
    accept_warnings: bool = False,
    profiles: tuple[Profile, ...] = (),
) -> TariffVersion:
    """Freeze a draft and let it price sessions from ``valid_from`` on, until the next version begins.

    expected_edit_no  of the draft as the person read it: nobody publishes what they have not seen
    valid_from        None: now, which while another version is in force means the next full minute
    profiles          rules of markets to be checked besides

    :raises NotADraft: it is published already
    :raises EditConflict: somebody saved it in the meantime
    :raises PublishRefused: errors in it, the moment is taken, past or more than ten years ahead, or a registered
        check speaks against it
    :raises WarningsNotAccepted: the linter warns
    """
    tariff_id = TariffVersion.objects.values_list("tariff_id", flat=True).get(pk=version_id)
    tariff: Tariff = Tariff.objects.select_for_update().get(pk=tariff_id)
    version = lock_draft(version_id=version_id, expected_edit_no=expected_edit_no)
    valid_from = _start(version, valid_from, at=at)
    findings = findings_of(version, profiles=profiles, valid_from=valid_from)
    _refuse_findings(findings, accept_warnings=accept_warnings)
    for check in _checks:
        if problem := check(tariff, valid_from):
            raise PublishRefused(problem)
    version.valid_to = _make_room(version, valid_from)
    version.status = VersionStatus.PUBLISHED
    version.valid_from = valid_from
    version.published_at, version.published_by = at, by
    version.save()
    return version


@transaction.atomic
def withdraw_version(*, version_id: int, at: datetime) -> TariffVersion:
    """Make a published version a draft again, as long as it has not begun; the one before it goes on in its place.

    Once it was in force a driver may have been told its prices, even if none charged.

    :raises PublishRefused: it has begun, or is a draft
    """
    tariff_id = TariffVersion.objects.values_list("tariff_id", flat=True).get(pk=version_id)
    Tariff.objects.select_for_update().get(pk=tariff_id)
    version: TariffVersion = TariffVersion.objects.select_for_update().get(pk=version_id)
    if version.valid_from is None:
        raise PublishRefused("This version is not published.")
    if version.valid_from <= at or version.used_at is not None:
        raise PublishRefused("This version is in force already. Publish another one instead.")
    began, ended = version.valid_from, version.valid_to
    version.status = VersionStatus.DRAFT
    version.valid_from = version.valid_to = None
    version.published_at = version.published_by = None
    version.edit_no += 1
    version.save()
    TariffVersion.objects.published().filter(tariff_id=tariff_id, valid_to=began).update(valid_to=ended)
    return version


@transaction.atomic
def end_version(*, version_id: int, valid_to: datetime, at: datetime) -> TariffVersion:
    """Let a published version end without another one after it: from then on the tariff has no price.

    :raises PublishRefused: the moment is past, not after its start or more than ten years ahead, or its end is set
    """
    version: TariffVersion = TariffVersion.objects.select_for_update().get(pk=version_id)
    if version.valid_from is None:
        raise PublishRefused("This version is not published.")
    if version.valid_to is not None:
        raise PublishRefused(f"This version ends at {version.valid_to:%Y-%m-%d %H:%M} UTC already.")
    if valid_to < at + _LEAD or valid_to <= version.valid_from:
        raise PublishRefused("Choose a moment that lies ahead, and after its start.")
    _refuse_far_future(valid_to, at=at)
    version.valid_to = valid_to
    version.save()
    return version


def _refuse_findings(findings: tuple[Finding, ...], *, accept_warnings: bool) -> None:
    errors = tuple(finding for finding in findings if finding.is_error)
    if errors:
        raise PublishRefused("It has errors, so nobody could be charged by it.", errors)
    if findings and not accept_warnings:
        raise WarningsNotAccepted("Read the warnings and accept them, or mend the draft.", findings)


def earliest_start(*, tariff_id: int, at: datetime) -> datetime:
    """Return when a version of the tariff may begin at the earliest.

    While another one is in force that is a full minute that lies ahead still when this is stored: a session that
    starts meanwhile takes the old version, which must not have ended by then.
    """
    if not TariffVersion.objects.in_force(at).filter(tariff_id=tariff_id).exists():
        return at
    ready = at + _LEAD
    return ready.replace(second=0, microsecond=0) + (_MINUTE if ready.second or ready.microsecond else timedelta(0))


def _start(version: TariffVersion, valid_from: datetime | None, *, at: datetime) -> datetime:
    earliest = earliest_start(tariff_id=version.tariff_id, at=at)
    if valid_from is not None and valid_from < earliest:
        raise PublishRefused("Choose a moment that lies ahead: what was charged until now is not priced again.")
    _refuse_far_future(valid_from or earliest, at=at)
    return valid_from or earliest


def _refuse_far_future(moment: datetime, *, at: datetime) -> None:
    if moment - at > _FARTHEST:
        raise PublishRefused("Choose a moment within the next ten years.")


def _make_room(version: TariffVersion, valid_from: datetime) -> datetime | None:
    """End the version before at ``valid_from``, and return when the one after begins; None: there is none."""
    published = TariffVersion.objects.published().filter(tariff_id=version.tariff_id)
    if published.filter(valid_from=valid_from).exists():
        raise PublishRefused("Another version begins at that moment. Withdraw that one, or choose another moment.")
    published.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=valid_from), valid_from__lt=valid_from).update(
        valid_to=valid_from
    )
    following: TariffVersion | None = published.filter(valid_from__gt=valid_from).order_by("valid_from").first()
    return following.valid_from if following else None
