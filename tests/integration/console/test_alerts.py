"""Alerts: who is told what, once, until it is over."""

from datetime import timedelta

import pytest

from apps.accounts.domain.roles import Role
from apps.console.alerts import sweep_alerts
from apps.documents.models import Mail, MailTopic
from apps.stations.models import ChargingStation, Connector
from tests.factories import NOON, Site, make_member, make_owner, make_session, make_site, make_user

DOWN_AT = NOON + timedelta(minutes=15)


def minutes(count: int):
    return timedelta(minutes=count)


@pytest.fixture
def site(db) -> Site:
    site = make_site()
    for name, role in (
        ("olga", Role.OWNER),
        ("tim", Role.TECHNICIAN),
        ("flora", Role.FINANCE),
        ("rex", Role.READ_ONLY),
    ):
        make_member(organisation=site.owner, role=role, user=make_user(email=f"{name}@example.com", is_staff=True))
    hear(site)
    return site


def hear(site: Site, *, at=NOON) -> None:
    ChargingStation.objects.filter(pk=site.station.pk).update(last_seen_at=at)


def told() -> list[tuple[str, str]]:
    """Return who was told what since the last look, and forget nothing but the mails seen."""
    mails = Mail.objects.filter(attempts=0).order_by("pk")
    found = [(mail.recipient.partition("@")[0], mail.body.splitlines()[0]) for mail in mails]
    mails.update(attempts=1)
    return found


def put_in_review(site: Site, *, at=NOON, **fields):
    values = {"status": "review", "started_at": at, "ended_at": at, "end_received_at": at, "review_reasons": ["Odd."]}
    return make_session(site=site, **{**values, **fields})


class TestAStationThatIsOffline:
    def test_is_told_to_owner_and_technician_after_a_quarter_of_an_hour(self, site):
        sweep_alerts(at=DOWN_AT - timedelta(seconds=1))
        before = told()

        sweep_alerts(at=DOWN_AT)

        line = f"{site.station.identity}, {site.location.name}: offline, zuletzt gehört 2026-06-01 14:00 CEST"
        assert before == []
        assert told() == [("olga", line), ("tim", line)]

    def test_is_told_once(self, site):
        counts = [sweep_alerts(at=DOWN_AT + minutes(n)) for n in (0, 1, 60, 60 * 24 * 30)]

        assert counts == [2, 0, 0, 0]

    def test_that_comes_back_is_told_and_alarms_anew_the_next_time(self, site):
        sweep_alerts(at=DOWN_AT)
        hear(site, at=NOON + minutes(20))
        told()

        sweep_alerts(at=NOON + minutes(21))
        back = told()
        sweep_alerts(at=NOON + minutes(22))
        sweep_alerts(at=NOON + minutes(35))

        assert [line.rpartition(": ")[2] for _, line in back] == ["wieder online"] * 2
        assert [line.partition(", zuletzt")[0] for _, line in told()] == [
            f"{site.station.identity}, {site.location.name}: offline"
        ] * 2

    def test_that_was_never_seen_alarms_nobody(self, site):
        hear(site, at=None)

        assert sweep_alerts(at=DOWN_AT) == 0

    def test_is_in_one_mail_with_the_others(self, site):
        neighbour = ChargingStation.objects.create(
            location=site.location, identity="CS-NEIGHBOUR", key_hash="0" * 64, last_seen_at=NOON
        )

        sweep_alerts(at=DOWN_AT)

        mail = Mail.objects.get(recipient="tim@example.com")
        assert mail.subject == f"{site.owner.name}: 2 Störungen"
        assert neighbour.identity in mail.body
        assert site.station.identity in mail.body

    def test_is_told_in_english_outside_the_german_speaking_countries(self, db):
        site = make_site(owner=make_owner(country="NL"))
        make_member(organisation=site.owner, role=Role.OWNER)
        hear(site)

        sweep_alerts(at=DOWN_AT)

        mail = Mail.objects.get()
        assert (mail.language, mail.subject) == ("en", f"{site.owner.name}: 1 station or connector is down")

    def test_is_told_to_nobody_of_another_owner_and_to_no_closed_account(self, site):
        stranger = make_site()
        make_member(organisation=stranger.owner, role=Role.OWNER, user=make_user(email="stranger@example.com"))
        site.owner.memberships.get(user__email="tim@example.com").user.delete()
        make_member(organisation=site.owner, role=Role.OWNER, user=make_user(email="gone@example.com", is_active=False))

        sweep_alerts(at=DOWN_AT)

        assert [name for name, _ in told()] == ["olga"]

    @pytest.mark.django_db(transaction=True)
    def test_is_told_once_by_two_sweeps_at_once(self, site, at_once):
        counts = at_once(lambda: sweep_alerts(at=DOWN_AT), lambda: sweep_alerts(at=DOWN_AT))

        assert sorted(counts) == [0, 2]
        assert MailTopic.objects.count() == 2


class TestAFaultedConnector:
    def test_is_told_once_however_often_it_says_so_and_again_after_it_was_well(self, site):
        connector = Connector.objects.filter(evse=site.evse)
        counts = []
        for n, status in enumerate(("Faulted", "Faulted", "Available", "Faulted")):
            hear(site, at=NOON + minutes(n))
            connector.update(status=status, status_at=NOON + minutes(n))
            counts.append(sweep_alerts(at=NOON + minutes(n)))

        assert counts == [2, 0, 0, 2]
        assert told()[0] == ("olga", f"{connector.get()}, {site.location.name}: gestört")


class TestASessionInReview:
    def test_is_told_to_who_may_decide_it(self, site):
        session = put_in_review(site)

        sweep_alerts(at=NOON)

        assert told() == [("olga", f"{session}: Odd."), ("flora", f"{session}: Odd.")]

    def test_comes_with_the_others_the_next_morning_once_the_day_had_its_mail(self, site):
        put_in_review(site)
        sweep_alerts(at=NOON)
        told()
        for n in (1, 2):
            put_in_review(site, at=NOON + timedelta(hours=n))
        # Seven o'clock in Berlin is five in summer.
        morning = NOON.replace(day=2, hour=5)
        counts = []
        for at in (NOON + timedelta(hours=3), morning - minutes(1), morning, morning + timedelta(hours=1)):
            hear(site, at=at)
            counts.append(sweep_alerts(at=at))

        mail = Mail.objects.filter(recipient="flora@example.com").latest("pk")
        assert counts == [0, 0, 2, 0]
        assert mail.subject == f"{site.owner.name}: 2 Ladevorgänge warten auf Prüfung"

    def test_is_told_again_after_three_days(self, site):
        session = put_in_review(site)
        counts = []
        for at in (NOON, NOON + timedelta(days=2), NOON + timedelta(days=3, minutes=1), NOON + timedelta(days=9)):
            hear(site, at=at)
            counts.append(sweep_alerts(at=at))

        assert counts == [2, 0, 2, 0]
        assert told()[-1] == ("flora", f"{session} (seit über drei Tagen): Odd.")

    def test_is_cleared_when_it_is_decided(self, site):
        session = put_in_review(site)
        sweep_alerts(at=NOON)
        session.status, session.settled_at = "settled", NOON
        session.save()

        sweep_alerts(at=NOON + minutes(1))

        assert set(MailTopic.objects.values_list("cleared_at", flat=True)) == {NOON + minutes(1)}
