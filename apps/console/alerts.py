"""Alerts to an owner's operators: what is wrong now, told to each person once until it is over.

A query over state finds what is wrong; ``MailTopic`` knows who was told. What is over is cleared, and a station that
is back is told too. Sessions in review come in one mail a day: the first at once, the rest in the morning.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from apps.accounts.domain.roles import HARDWARE_ROLES, MONEY_ROLES, SUPPORT_ROLES, Role
from apps.accounts.models import Membership, Organisation
from apps.console import alert_words as words
from apps.console.alert_words import Language
from apps.core.words import money
from apps.documents.mails import enqueue_mail, told_keys
from apps.documents.models import Mail, MailTopic
from apps.invoices.disputed import open_disputes
from apps.invoices.domain.line_disputes import is_pressing
from apps.payments.domain.disputes import ALARM_BEFORE
from apps.payments.selectors import disputes_to_answer
from apps.sessions.models import ChargingSession
from apps.sessions.review_queue import in_review, is_alarming
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import ChargingStation, Connector

OFFLINE_AFTER: Final = timedelta(minutes=15)
DIGEST_AT: Final = time(7)
"""When the day's mail about reviews is due, on the organisation's clock."""
STATIONS: Final = "stations"
REVIEW: Final = "review"
DISPUTES: Final = "disputes"
LINES: Final = "lines"
_PAGES: Final = {
    STATIONS: "admin:stations_chargingstation_changelist",
    REVIEW: "console:reviews",
    DISPUTES: "admin:payments_dispute_changelist",
    LINES: "console:disputed-lines",
}
_SUBJECTS: Final = {
    STATIONS: words.stations_subject,
    REVIEW: words.review_subject,
    DISPUTES: words.disputes_subject,
    LINES: words.lines_subject,
}

Wrong: TypeAlias = dict[str, str]
"""What is wrong: natural key → the line that tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """Whom is told what, and how: one organisation's alerts of one kind."""

    organisation: Organisation
    language: Language
    kind: str
    roles: frozenset[Role]
    at: datetime


def sweep_alerts(*, at: datetime) -> int:
    """Tell every owner's operators what is wrong and was not told yet; return how many mails that makes."""
    owners = Organisation.objects.filter(is_station_owner=True).order_by("pk")
    return sum(alert_operators(organisation_id=pk, at=at) for pk in owners.values_list("pk", flat=True))


@transaction.atomic
def alert_operators(*, organisation_id: int, at: datetime) -> int:
    """Enqueue what one organisation's operators are to be told now; return how many mails that makes."""
    # Two sweeps at once would both find the same things untold.
    organisation = Organisation.objects.select_for_update(no_key=True).get(pk=organisation_id)
    language = words.language_of(organisation.country.code)
    stations = _Told(organisation=organisation, language=language, kind=STATIONS, roles=HARDWARE_ROLES, at=at)
    down = _offline(stations) | _faulted(stations)
    count = _tell_back(stations, _clear(stations, down)) + _tell(stations, down)
    reviews = _Told(organisation=organisation, language=language, kind=REVIEW, roles=SUPPORT_ROLES, at=at)
    waiting = _waiting(reviews)
    _clear(reviews, waiting)
    disputes = _Told(organisation=organisation, language=language, kind=DISPUTES, roles=MONEY_ROLES, at=at)
    pressing = _pressing(disputes)
    _clear(disputes, pressing)
    lines = _Told(organisation=organisation, language=language, kind=LINES, roles=MONEY_ROLES, at=at)
    disputed = _disputed_lines(lines)
    _clear(lines, disputed)
    return count + _tell(reviews, waiting) + _tell(disputes, pressing) + _tell(lines, disputed)


def _offline(told: _Told) -> Wrong:
    zone = ZoneInfo(told.organisation.time_zone)
    silent = ChargingStation.objects.filter(
        location__owner=told.organisation, last_seen_at__lte=told.at - OFFLINE_AFTER
    ).select_related("location")
    return {
        f"station:{station.pk}:offline": words.offline_line(
            told.language,
            station=station.identity,
            location=station.location.name,
            since=station.last_seen_at.astimezone(zone),
        )
        for station in silent
    }


def _faulted(told: _Told) -> Wrong:
    faulted = Connector.objects.filter(
        evse__station__location__owner=told.organisation, status=ConnectorStatus.FAULTED
    ).select_related("evse__station__location")
    return {
        f"connector:{connector.pk}:faulted": words.faulted_line(
            told.language, connector=str(connector), location=connector.evse.station.location.name
        )
        for connector in faulted
    }


def _waiting(told: _Told) -> Wrong:
    """Return what waits for review; what has waited for three days is another thing, and told again."""
    wrong: Wrong = {}
    for session in in_review().filter(seller=told.organisation).select_related("station"):
        is_old = is_alarming(session.waiting_since, told.at)
        line = words.review_line(told.language, session=str(session), reason=_reason(session), is_old=is_old)
        wrong[f"session:{session.pk}:review" + ("-old" if is_old else "")] = line
    return wrong


def _pressing(told: _Told) -> Wrong:
    """Return the disputes that nobody has answered and the bank will soon have decided."""
    zone = ZoneInfo(told.organisation.time_zone)
    pressing = disputes_to_answer().filter(payment__seller=told.organisation, due_by__lte=told.at + ALARM_BEFORE)
    return {
        f"dispute:{dispute.pk}:due": words.dispute_line(
            told.language,
            payment=str(dispute.payment),
            amount=money(dispute.amount),
            by=dispute.due_by.astimezone(zone),
        )
        for dispute in pressing.select_related("payment__invoice")
    }


def _disputed_lines(told: _Told) -> Wrong:
    """Return the lines whose customers wait for an answer; one that is soon due is another thing, and told again."""
    today = told.at.astimezone(ZoneInfo(told.organisation.time_zone)).date()
    waiting = open_disputes().filter(line__invoice__seller=told.organisation).select_related("line__invoice__customer")
    return {
        f"line-dispute:{dispute.pk}" + (":due" if is_pressing(dispute.answer_by, today=today) else ""): words.line_line(
            told.language,
            line=f"{dispute.line.invoice} / {dispute.line.position}",
            customer=str(dispute.line.invoice.customer or ""),
            by=dispute.answer_by,
        )
        for dispute in waiting
    }


def _reason(session: ChargingSession) -> str:
    first, *others = session.review_reasons
    return f"{first} (+{len(others)})" if others else str(first)


def _clear(told: _Told, wrong: Mapping[str, str]) -> dict[str, set[str]]:
    """Note what is over; return per recipient the keys that are."""
    open_ = MailTopic.objects.filter(mail__organisation=told.organisation, mail__kind=told.kind, cleared_at=None)
    over = list(open_.exclude(key__in=list(wrong)))
    MailTopic.objects.filter(pk__in=[topic.pk for topic in over]).update(cleared_at=told.at)
    cleared: dict[str, set[str]] = {}
    for topic in over:
        cleared.setdefault(topic.recipient, set()).add(topic.key)
    return cleared


def _tell(told: _Told, wrong: Wrong) -> int:
    count = 0
    for recipient in _recipients(told):
        keys = wrong.keys() - told_keys(recipient=recipient, keys=list(wrong)) if wrong else set()
        if not keys or (told.kind == REVIEW and _had_todays(told, recipient)):
            continue
        _enqueue(
            told,
            recipient,
            subject=_SUBJECTS[told.kind](told.language, count=len(keys), name=told.organisation.name),
            lines=[line for key, line in wrong.items() if key in keys],
            keys=keys,
        )
        count += 1
    return count


def _tell_back(told: _Told, cleared: Mapping[str, set[str]]) -> int:
    """Tell those who know that a station was offline that it is back."""
    count = 0
    for recipient in _recipients(told):
        keys = {key for key in cleared.get(recipient, ()) if key.endswith(":offline")}
        ids = [int(key.split(":")[1]) for key in keys]
        stations = ChargingStation.objects.filter(pk__in=ids, location__owner=told.organisation)
        lines = [
            words.back_line(told.language, station=station.identity, location=station.location.name)
            for station in stations.select_related("location")
        ]
        if lines:
            subject = words.back_subject(told.language, count=len(lines), name=told.organisation.name)
            _enqueue(told, recipient, subject=subject, lines=lines, keys=())
            count += 1
    return count


def _recipients(told: _Told) -> list[str]:
    members = Membership.objects.filter(
        organisation=told.organisation, role__in=[role.value for role in told.roles], user__is_active=True
    )
    return list(members.order_by("pk").values_list("user__email", flat=True))


def _had_todays(told: _Told, recipient: str) -> bool:
    """Whether the recipient had a mail about reviews since this day's (or, before it, the last day's) was due."""
    zone = ZoneInfo(told.organisation.time_zone)
    local = told.at.astimezone(zone)
    day = local.date() if local.time() >= DIGEST_AT else local.date() - timedelta(days=1)
    due_at = datetime.combine(day, DIGEST_AT, tzinfo=zone)
    about = Q(organisation=told.organisation, kind=REVIEW, recipient__iexact=recipient)
    return Mail.objects.filter(about, created_at__gte=due_at).exists()


def _enqueue(told: _Told, recipient: str, *, subject: str, lines: list[str], keys: Iterable[str]) -> None:
    enqueue_mail(
        organisation_id=told.organisation.pk,
        recipient=recipient,
        kind=told.kind,
        language=told.language,
        subject=subject,
        body=words.body(told.language, lines, address=f"{settings.PUBLIC_URL}{reverse(_PAGES[told.kind])}"),
        at=told.at,
        keys=list(keys),
    )
