"""A paid start: written before, good at one connector for minutes, stopped before its ceiling, shown while it runs."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core import bells
from apps.sessions import services
from apps.sessions.domain.commands import AuthorisationStatus
from apps.sessions.domain.tokens import hash_token
from apps.sessions.errors import GrantRefused
from apps.sessions.models import Cdr, ChargingSession, StartGrant
from apps.sessions.selectors import live_session
from apps.stations.models import StationCommand
from tests.factories import NOON, make_evse, make_grant, make_site

from .conftest import BEGIN, KWH, session_of

TOKEN = "K7P2M9X4Q1R8T5W3Z6Y0"
MINUTE = timedelta(minutes=1)


def write(site, **fields) -> StartGrant:
    values = {
        "seller_id": site.owner.pk,
        "station_id": site.station.pk,
        "evse_id": site.evse.pk,
        "token": TOKEN,
        "tariff_version_id": site.version.pk,
        "currency": "EUR",
        "limit_amount": Decimal("10.00"),
        "waive_below": Decimal("0.50"),
        "granted_at": NOON,
        "expires_at": NOON + 3 * MINUTE,
        "language": "de",
    }
    return services.write_grant(**{**values, **fields})


class TestWriteGrant:
    def test_keeps_only_the_hash_of_the_token(self, site):
        grant = write(site)

        grant.refresh_from_db()
        assert grant.token_hash == hash_token(TOKEN)
        assert (grant.limit_amount, grant.waive_below, grant.contract, grant.language) == (
            Decimal("10.00"),
            Decimal("0.50"),
            None,
            "de",
        )
        assert services.authorise(token=TOKEN, station_id=site.station.pk, at=NOON) is AuthorisationStatus.ACCEPTED

    @pytest.mark.parametrize(
        "spoilt",
        [
            "another seller",
            "another station",
            "another tariff",
            "another currency",
            "no token",
            "long",
            "time",
            "discount",
            "decimals",
        ],
    )
    def test_refuses_what_does_not_belong_together(self, site, spoilt):
        other = make_site()
        fields = {
            "another seller": {"seller_id": other.owner.pk},
            "another station": {"evse_id": other.evse.pk},
            "another tariff": {"tariff_version_id": other.version.pk},
            "another currency": {"currency": "CHF"},
            "no token": {"token": " "},
            "long": {"token": "X" * 21},
            "time": {"expires_at": NOON},
            "discount": {"discount_percent": Decimal("100.5")},
            "decimals": {"discount_percent": Decimal("33.33333")},
        }[spoilt]

        with pytest.raises(GrantRefused):
            write(site, **fields)

        assert not StartGrant.objects.exists()


class TestStartElsewhere:
    def test_is_invalid_billed_to_nobody_and_stopped(self, wire, site):
        make_evse(station=site.station, number=2)
        grant = write(site)

        outcome = wire.begin(id_token=TOKEN, evse_number=2)

        session = session_of(outcome)
        assert outcome.status is AuthorisationStatus.INVALID
        assert (session.tariff_version, session.contract) == (None, None)
        assert session.review_reasons == [
            "It was paid for connector 1 and began at connector 2: nobody is billed by itself."
        ]
        command = StationCommand.objects.get()
        assert (command.action, command.payload) == ("RemoteStopTransaction", {"transactionId": outcome.transaction_id})
        assert command.reason == "It was paid for connector 1 and began at connector 2."
        grant.refresh_from_db()
        assert grant.used_by_session is None

    def test_told_again_is_the_same_session_and_stopped_once(self, wire, site):
        make_evse(station=site.station, number=2)
        write(site)

        first = wire.begin(id_token=TOKEN, evse_number=2)
        again = wire.begin(id_token=TOKEN, evse_number=2)

        assert first == again
        assert StationCommand.objects.count() == 1

    def test_leaves_the_grant_to_the_right_connector(self, wire, site):
        make_evse(station=site.station, number=2)
        write(site)
        wire.begin(id_token=TOKEN, evse_number=2)

        right = wire.begin(id_token=TOKEN, started_at=NOON + MINUTE)

        assert right.status is AuthorisationStatus.ACCEPTED
        assert ChargingSession.objects.filter(grant__isnull=False).get() == session_of(right)


class TestStartTooLateOrAgain:
    def test_is_stopped_when_the_grant_had_expired(self, wire, site):
        write(site)

        outcome = wire.begin(id_token=TOKEN, started_at=NOON + 3 * MINUTE)

        assert outcome.status is AuthorisationStatus.INVALID
        assert StationCommand.objects.get().reason == "It was paid for a start before 2026-06-01 12:03:00 UTC."

    def test_is_stopped_when_the_grant_is_used_up(self, wire, site):
        write(site)
        begun = wire.begin(id_token=TOKEN)
        wire.finish(begun.transaction_id, ended_at=NOON + MINUTE, meter_stop_milliwh=BEGIN)

        again = wire.begin(id_token=TOKEN, started_at=NOON + 2 * MINUTE)

        assert again.status is AuthorisationStatus.INVALID
        assert StationCommand.objects.get().reason == "It was paid for once and began a second time."

    def test_of_an_unknown_card_is_the_stations_own_business(self, wire):
        wire.begin(id_token="NOBODY")

        assert not StationCommand.objects.exists()


class TestAuthorise:
    def test_accepts_the_token_again_while_its_session_runs_and_not_after(self, wire, site):
        write(site)
        begun = wire.begin(id_token=TOKEN)
        long_after = NOON + timedelta(hours=1)

        during = services.authorise(token=TOKEN, station_id=site.station.pk, at=long_after)
        wire.finish(begun.transaction_id)
        after = services.authorise(token=TOKEN, station_id=site.station.pk, at=long_after)

        assert (during, after) == (AuthorisationStatus.ACCEPTED, AuthorisationStatus.INVALID)


class TestStopBeforeTheCeiling:
    """0.50 EUR per kWh and 19 % VAT, at most 22 kW, at most 10.00 EUR.

    16.789 kWh are 8.39 net and 9.98 gross; a milliwatt-hour more is billed as 16.790 kWh (steps of 1 Wh): 8.40 net and
    10.00 gross. Sampled every minute, a stop takes up to 120 s: 22 kW × 120 s = 0.733334 kWh. So it is asked for
    beyond 16.789 − 0.733334 = 16.055666 kWh.
    """

    @pytest.fixture
    def begun(self, wire, site):
        write(site)
        return wire.begin(id_token=TOKEN)

    def read(self, wire, begun, *samples) -> None:
        services.record_readings(
            tuple(wire.readings(begun.transaction_id, (at, BEGIN + energy)) for at, energy in samples)
        )

    def test_lets_the_session_run_a_milliwatt_hour_below(self, wire, begun):
        self.read(wire, begun, (NOON + timedelta(hours=1), 16_055_666))

        assert not StationCommand.objects.exists()

    def test_asks_for_the_stop_there_once_and_says_why(self, wire, begun):
        self.read(wire, begun, (NOON + timedelta(hours=1), 16_055_667))
        self.read(wire, begun, (NOON + timedelta(hours=1, minutes=1), 16_200_000))

        command = StationCommand.objects.get()
        assert command.payload == {"transactionId": begun.transaction_id}
        assert command.reason == "At full power the cost may soon pass the limit of 10.00 EUR."

    def test_waits_longer_where_the_station_samples_more_often(self, wire, begun):
        """Every 10 s: 22 kW × 20 s = 0.122223 kWh, so beyond 16.789 − 0.122223 = 16.666777 kWh."""
        often = [(NOON + timedelta(seconds=10 * n), 60_000 * n) for n in range(1, 9)]
        self.read(wire, begun, *often)

        self.read(wire, begun, (NOON + timedelta(hours=1), 16_666_777))
        before = StationCommand.objects.count()
        self.read(wire, begun, (NOON + timedelta(hours=1, seconds=1), 16_666_778))

        assert (before, StationCommand.objects.count()) == (0, 1)

    @pytest.mark.parametrize(
        "odd",
        [
            [(NOON + timedelta(minutes=30), 17_000_000), (NOON + timedelta(minutes=31), 16_000_000)],
            [(NOON.replace(year=1970), 17_000_000)],
            [(NOON + timedelta(minutes=1), 17_000_000)],
            [
                (NOON + timedelta(minutes=30), 9_000_000),
                (NOON + timedelta(minutes=31), -BEGIN),
                (NOON + timedelta(hours=1), 9_000_000 - BEGIN),
            ],
        ],
        ids=["a register that falls", "a clock that was never set", "a jump", "a register that begins again"],
    )
    def test_asks_for_it_too_where_readings_contradict_each_other(self, wire, begun, odd):
        for at, energy in odd:
            services.record_readings((wire.readings(begun.transaction_id, (at, BEGIN + energy), received_at=NOON),))

        assert StationCommand.objects.get().payload == {"transactionId": begun.transaction_id}

    def test_ends_below_the_limit_when_the_station_obeys_at_full_power(self, wire, begun):
        self.read(wire, begun, (NOON + timedelta(hours=1), 16_055_667))
        stop = NOON + timedelta(hours=1, seconds=120)

        session = wire.finish(begun.transaction_id, meter_stop_milliwh=BEGIN + 16_055_667 + 733_333, ended_at=stop)
        services.settle_sessions(session_ids=[session.pk], at=stop + 2 * MINUTE)
        cdr = services.rate_settled(session_id=session.pk, at=stop + 2 * MINUTE)

        assert cdr.gross.amount <= Decimal("10.00")
        assert cdr.document["adjustments"] == []

    def test_never_asks_a_session_without_a_limit(self, wire, site):
        write(site, limit_amount=None, token="NOLIMIT")
        begun = wire.begin(id_token="NOLIMIT", started_at=NOON + MINUTE)

        self.read(wire, begun, (NOON + timedelta(hours=1), 19_000_000))

        assert not StationCommand.objects.exists()


class TestLiveSession:
    @pytest.fixture
    def grant(self, site) -> StartGrant:
        return write(site)

    def test_is_none_until_the_car_starts(self, grant):
        assert live_session(grant.pk, NOON) is None

    def test_is_what_the_last_reading_said_priced_by_the_engine(self, wire, grant):
        begun = wire.begin(id_token=TOKEN)
        services.record_connector_states((wire.status("Charging", NOON + timedelta(seconds=5)),))
        at = NOON + timedelta(minutes=10)
        services.record_readings((wire.readings(begun.transaction_id, (at, BEGIN + 2 * KWH)),))

        live = live_session(grant.pk, at + timedelta(seconds=30))

        assert live.session_id == begun.session_id
        assert (live.status, live.state, live.is_rated) == ("live", "charging", False)
        assert (live.energy_milliwh, live.duration_ms, live.readings) == (2 * KWH, 630_000, 2)
        assert (live.running_gross, live.currency) == (Decimal("1.19"), "EUR")
        assert (live.started_at, live.ended_at, live.last_reading_at) == (NOON, None, at)

    def test_costs_nothing_when_it_has_just_begun(self, wire, grant):
        wire.begin(id_token=TOKEN)

        live = live_session(grant.pk, NOON)

        assert (live.energy_milliwh, live.duration_ms, live.running_gross) == (0, 0, Decimal("0.00"))

    def test_never_shows_more_than_the_limit(self, wire, grant):
        begun = wire.begin(id_token=TOKEN)
        services.record_readings((wire.readings(begun.transaction_id, (NOON + timedelta(hours=1), BEGIN + 20 * KWH)),))

        assert live_session(grant.pk, NOON + timedelta(hours=1)).running_gross == Decimal("10.00")

    def test_says_that_it_cannot_be_priced_while_the_register_contradicts_itself(self, wire, grant):
        begun = wire.begin(id_token=TOKEN)
        services.record_readings((wire.readings(begun.transaction_id, (NOON + MINUTE, BEGIN - KWH)),))

        live = live_session(grant.pk, NOON + MINUTE)

        assert (live.running_gross, live.energy_milliwh, live.readings) == (None, 0, 2)

    def test_stands_still_after_the_end_and_takes_the_charge_record_once_it_is_there(self, wire, grant):
        session = wire.finish(wire.begin(id_token=TOKEN).transaction_id, meter_stop_milliwh=BEGIN + KWH // 2)
        later = NOON + timedelta(hours=2)

        ended = live_session(grant.pk, later)
        services.settle_sessions(session_ids=[session.pk], at=later)
        services.rate_settled(session_id=session.pk, at=later)
        rated = live_session(grant.pk, later)

        assert (ended.duration_ms, ended.running_gross, ended.is_rated) == (3_600_000, Decimal("0.30"), False)
        # 0.30 EUR is below what a card can be charged.
        assert (rated.running_gross, rated.is_rated, rated.status) == (Decimal("0.00"), True, "settled")


class TestTheBell:
    def test_rings_for_every_new_charge_record(self, settled, monkeypatch, django_capture_on_commit_callbacks):
        heard = []
        monkeypatch.setattr(bells, "_send", lambda bell, tasks, ids: heard.append((bell, ids)))

        with django_capture_on_commit_callbacks(execute=True):
            services.rate_settled(session_id=settled.pk, at=NOON)
            services.rate_settled(session_id=settled.pk, at=NOON)

        assert heard == [("session.rated", {"id": Cdr.objects.get().pk})]


class TestGrantsOfContracts:
    def test_leave_nothing_open_after_the_session_began(self, wire, site):
        wire.begin()

        site.token.status = "blocked"
        site.token.save()

        answer = services.authorise(token=site.token.uid, station_id=site.station.pk, at=NOON)
        assert answer is AuthorisationStatus.BLOCKED

    def test_are_not_taken_for_a_drivers_payment(self, wire, site):
        make_grant(site=site, token="FLEET", contract=site.contract, granted_at=NOON - timedelta(hours=2))

        outcome = wire.begin(id_token="FLEET")

        assert outcome.status is AuthorisationStatus.INVALID
        assert not StationCommand.objects.exists()
