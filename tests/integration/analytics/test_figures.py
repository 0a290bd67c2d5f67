"""Figures by hour and by day equal a direct query over sessions and charge records, whatever happened and how often."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command

from apps.analytics import tasks
from apps.analytics.models import CountedSession, DayFigure, SessionHour, StaleDay, StationDay
from apps.analytics.services import figures, uptime
from apps.core.clock import to_epoch_ms
from apps.invoices.models import Invoice, InvoiceLine
from apps.invoices.services.billing import run_billing
from apps.invoices.services.crediting import credit_amounts
from apps.ocpp.models import Frame
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services.rating import price, repeat_cdr, write_cdr
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts
from tests.factories import Site, make_contract, make_customer, make_evse, make_session, make_site, make_token
from tests.integration.analytics.world import KWH, beside, make_record

BERLIN = ZoneInfo("Europe/Berlin")
ZERO = Decimal(0)
DAY_AND_NIGHT = [
    {"price_components": [{"type": "ENERGY", "price": "0.70"}], "restrictions": {"start_time": "07:00"}},
    {"price_components": [{"type": "ENERGY", "price": "0.30"}, {"type": "FLAT", "price": "1.00"}]},
]


@pytest.fixture
def site(db) -> Site:
    return make_site()


def facts(session: ChargingSession, readings: list[tuple[datetime, int]]) -> SessionFacts:
    register = tuple(Reading(at_ms=to_epoch_ms(at), energy_milliwh=energy) for at, energy in readings)
    return SessionFacts(
        started_at_ms=register[0].at_ms, ended_at_ms=register[-1].at_ms, time_zone=session.time_zone, register=register
    )


class Town:
    """An owner's autumn at several places for several payers, told by chance."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        first = make_site(elements=DAY_AND_NIGHT)
        others = [beside(first), beside(first, elements=DAY_AND_NIGHT)]
        self.sites = [first, *others]
        customer = make_customer(seller=first.owner)
        self.contracts = [first.contract, make_contract(customer=customer), None]
        make_token(contract=self.contracts[1])
        self.clock = dict.fromkeys(range(len(self.sites)), datetime(2026, 10, 23, 20, 0, tzinfo=UTC))

    @property
    def owner(self):
        return self.sites[0].owner

    def charge(self) -> None:
        number = self.random.randrange(len(self.sites))
        site, begin = self.sites[number], self.clock[number]
        readings = [(begin, self.random.randrange(10**9))]
        for _ in range(self.random.randrange(1, 6)):
            at, energy = readings[-1]
            later = timedelta(milliseconds=self.random.randrange(1, 9_000_000))
            readings.append((at + later, energy + self.random.randrange(0, 20 * KWH)))
        end = readings[-1][0]
        self.clock[number] = end + timedelta(minutes=self.random.randrange(90))
        contract = self.random.choice(self.contracts)
        nobody_pays = self.random.random() < 0.1
        session = make_session(
            site=site,
            contract=None if nobody_pays else contract,
            token=None,
            vehicle=None,
            tariff_version=None if nobody_pays else site.version,
            status="settled",
            started_at=begin,
            start_received_at=begin,
            ended_at=end,
            end_received_at=end,
            settled_at=end,
            meter_start_milliwh=readings[0][1],
            meter_stop_milliwh=readings[-1][1],
            occupied_until=end + timedelta(minutes=20) if self.random.random() < 0.3 else None,
        )
        if not nobody_pays:
            write_cdr(session, price(session, facts=facts(session, readings), grant=GrantTerms()), at=end)

    def correct(self) -> None:
        """Let a reading that came late move a session's energy to other hours, in a revision of its own."""
        cdr = self.random.choice(list(current_revisions(Cdr.objects.filter(session__seller=self.owner))))
        middle = cdr.started_at + (cdr.ended_at - cdr.started_at) / 3
        begin = cdr.inputs["register"]["energy_milliwh"][0]
        readings = [
            (cdr.started_at, begin),
            (middle, begin + self.random.randrange(5 * KWH)),
            (cdr.ended_at, begin + self.random.randrange(5 * KWH, 9 * KWH)),
        ]
        priced = price(cdr.session, facts=facts(cdr.session, readings), grant=GrantTerms())
        write_cdr(cdr.session, priced, at=cdr.ended_at, reason="A reading came late.", is_automatic=True)

    def credit(self) -> None:
        """Give back a part of a line."""
        line = self.random.choice(list(InvoiceLine.objects.filter(cdr__isnull=False, net__gt=1)))
        invoice = line.invoice
        credit_amounts(
            invoice_id=invoice.pk, amounts={line.pk: Decimal("0.07")}, reason="goodwill", at=invoice.issued_at, by=None
        )


def counted_by(field: str, owner, **where) -> dict:
    """Return the figures summed by a field: key → sessions, energy, net, in use, charging."""
    sums: dict = {}
    rows = SessionHour.objects.filter(seller=owner, **where)
    for key, *amounts in rows.values_list(field, "sessions", "energy_milliwh", "net", "in_use_ms", "charging_ms"):
        sums[key] = tuple(a + b for a, b in zip(sums.get(key, (0, 0, ZERO, 0, 0)), amounts, strict=True))
    return {key: amounts for key, amounts in sums.items() if any(amounts)}


def asked_directly(owner) -> list[tuple]:
    """Return of each settled session what its facts say: the session, its record, amounts."""
    found = []
    for session in ChargingSession.objects.filter(seller=owner, status="settled").select_related(
        "contract", "station", "tariff_version"
    ):
        record = session.cdrs.order_by("-revision").first()
        back = sum((note.net.amount for note in InvoiceLine.objects.filter(credits__cdr=record)), ZERO) if record else 0
        until = session.occupied_until or session.ended_at
        energy = record.energy_milliwh if record else session.meter_stop_milliwh - session.meter_start_milliwh
        in_use_ms = to_epoch_ms(until) - to_epoch_ms(session.started_at)
        plugged_ms = to_epoch_ms(session.ended_at) - to_epoch_ms(session.started_at)
        charging = record.document["charging_ms"] if record else plugged_ms
        found.append((session, record, (1, energy, record.net.amount + back if record else ZERO, in_use_ms, charging)))
    return found


def directly_by(key, owner) -> dict:
    sums: dict = {}
    for session, _, amounts in asked_directly(owner):
        before = sums.get(key(session), (0, 0, ZERO, 0, 0))
        sums[key(session)] = tuple(a + b for a, b in zip(before, amounts, strict=True))
    return {each: amounts for each, amounts in sums.items() if any(amounts)}


def energy_by_hour(owner) -> Counter:
    """Return each hour's energy as exact fractions, by walking along each session's readings."""
    sums: Counter = Counter()
    for session, record, amounts in asked_directly(owner):
        if record:
            columns = record.inputs["register"]
            register = list(zip(columns["at_ms"], columns["energy_milliwh"], strict=True))
        else:
            register = [(to_epoch_ms(session.started_at), 0), (to_epoch_ms(session.ended_at), amounts[1])]
        for (begin, low), (end, high) in pairwise(register):
            at = begin
            while at < end:
                cut = min(end, (at // 3_600_000 + 1) * 3_600_000)
                sums[at // 3_600_000] += Fraction((high - low) * (cut - at), end - begin)
                at = cut
    return sums


def everything(model, *but: str) -> list[tuple]:
    fields = [field.attname for field in model._meta.concrete_fields if field.attname not in ("id", *but)]
    return sorted(model.objects.values_list(*fields), key=str)


class TestFigures:
    @pytest.mark.parametrize("seed", [1, 2])
    def test_equal_a_direct_query_after_late_data_revisions_and_credits(self, db, seed):
        town = Town(seed)
        for _ in range(50):
            town.charge()
        figures.sweep_figures()
        run_billing(seller_id=town.owner.pk, until_date=date(2026, 12, 31), at=datetime(2027, 1, 2, tzinfo=UTC))
        for _ in range(8):
            town.credit()
            town.correct()
            town.charge()
        figures.sweep_figures()

        by = {
            "evse_id": lambda session: session.evse_id,
            "location_id": lambda session: session.station.location_id,
            "tariff_id": lambda session: session.tariff_version and session.tariff_version.tariff_id,
            "customer_id": lambda session: session.contract and session.contract.customer_id,
            "session_id": lambda session: session.pk,
        }
        for field, key in by.items():
            assert counted_by(field, town.owner) == directly_by(key, town.owner), field
        begun = Counter(session.started_at.astimezone(BERLIN).date() for session, *_ in asked_directly(town.owner))
        assert {day: sums[0] for day, sums in counted_by("local_date", town.owner).items() if sums[0]} == begun
        hours = {to_epoch_ms(at) // 3_600_000: sums[1] for at, sums in counted_by("starts_at", town.owner).items()}
        for hour, energy in energy_by_hour(town.owner).items():
            # Each session's hour is whole milliwatt-hours; of one hour there are at most a few.
            assert abs(hours.get(hour, 0) - energy) < 10
        assert any(hour.local_date == date(2026, 10, 25) for hour in SessionHour.objects.all())
        for by_name, field in (("hour", "local_hour"), ("site", "location_id"), ("connector", "evse_id")):
            for day in SessionHour.objects.values_list("local_date", flat=True).distinct():
                rows = DayFigure.objects.filter(seller=town.owner, by=by_name, local_date=day).values_list(
                    "key", "sessions", "energy_milliwh", "net", "in_use_ms", "charging_ms"
                )
                summed = {key: tuple(amounts) for key, *amounts in rows if any(amounts)}
                assert summed == counted_by(field, town.owner, local_date=day)

        kept = [everything(model) for model in (SessionHour, CountedSession, DayFigure)]
        call_command("rebuild_figures", "--anew")
        assert [everything(model) for model in (SessionHour, CountedSession, DayFigure)] == kept
        assert not StaleDay.objects.exists()
        assert figures.count_all() == 0

    def test_follow_the_bells_of_records_and_credit_notes_and_forget_what_goes_to_review(self, site):
        cdr = make_record(site, kwh=10)
        tasks.count_record(id=cdr.pk)
        assert counted_by("seller_id", site.owner) == {
            site.owner.pk: (1, 10 * KWH, Decimal("5.00"), 3_600_000, 3_600_000)
        }

        run_billing(seller_id=site.owner.pk, until_date=date(2026, 12, 31), at=datetime(2027, 1, 2, tzinfo=UTC))
        line = InvoiceLine.objects.get()
        note = credit_amounts(
            invoice_id=line.invoice_id, amounts={line.pk: Decimal("2.00")}, reason="late", at=cdr.rated_at, by=None
        )
        tasks.count_credits(id=note.pk)
        assert counted_by("tariff_id", site.owner)[site.tariff.pk][2] == Decimal("3.00")

        # A new revision starts anew: what was credited was credited of the one before.
        again = repeat_cdr(cdr_id=cdr.pk, reason="billed to another", at=cdr.rated_at)
        tasks.count_record(id=again.pk)
        assert counted_by("tariff_id", site.owner)[site.tariff.pk][2] == Decimal("5.00")

        cdr.session.refresh_from_db()
        cdr.session.set_in_review(reasons=["The register jumped."])
        tasks.sweep_figures()
        assert not SessionHour.objects.exists()
        assert not DayFigure.objects.exists()
        assert Invoice.objects.count() == 2

    def test_follow_the_owner_to_another_time_zone(self, site):
        make_record(site)
        figures.sweep_figures()
        site.owner.time_zone = "America/New_York"
        site.owner.save()

        figures.count_all()

        # 07:00 UTC in October
        assert SessionHour.objects.get().local_hour == 3

    def test_never_count_two_currencies_as_one(self, site):
        elsewhere = beside(site, currency="CHF")
        make_record(site)
        make_record(replace(elsewhere, location=site.location))

        figures.sweep_figures()

        rows = DayFigure.objects.filter(by="hour").values_list("currency", "sessions")
        assert sorted(rows) == [("CHF", 1), ("EUR", 1)]


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_count_a_session_and_sum_up_its_day_once(self, at_once):
        site = make_site()
        cdrs = [
            make_record(replace(site, evse=make_evse(station=site.station, number=number))) for number in range(2, 6)
        ]

        at_once(*(lambda cdr=cdr: figures.count_record(cdr_id=cdr.pk) for cdr in (*cdrs, *cdrs)))
        figures.sum_up_days()

        assert SessionHour.objects.count() == CountedSession.objects.count() == 4
        (day,) = DayFigure.objects.filter(by="site")
        assert (day.sessions, day.energy_milliwh, day.net) == (4, 40 * KWH, Decimal("20.00"))


class TestUptime:
    def test_is_said_once_of_each_day_that_is_over(self, site):
        begin = datetime(2026, 10, 4, 22, 0, tzinfo=UTC)
        site.station.last_seen_at = begin + timedelta(days=3)
        site.station.save()

        def say(minute: int, action: str, body: str) -> None:
            at = begin + timedelta(minutes=minute)
            payload = f'[2,"m{minute}","{action}",{body}]'
            Frame.objects.create(
                station=site.station, connection_no=1, direction="in", received_at=at, action=action, payload=payload
            )

        for minute in (*range(-5, 600, 5), *range(660, 1500, 5)):
            say(minute, "Heartbeat", "{}")
        say(60, "StatusNotification", '{"connectorId":1,"errorCode":"GroundFailure","status":"Faulted"}')
        say(90, "StatusNotification", '{"connectorId":1,"errorCode":"NoError","status":"Available"}')
        say(91, "StatusNotification", '{"connectorId":"?"}')
        at = begin + timedelta(days=1, hours=2)

        assert [uptime.sweep_uptime(at=at), uptime.sweep_uptime(at=at)] == [2, 0]

        row = StationDay.objects.get(local_date=date(2026, 10, 5))
        minutes = [row.watched_ms, row.available_ms, row.offline_ms, row.faulted_ms]
        assert [each // 60_000 for each in minutes] == [1440, 1345, 65, 30]
