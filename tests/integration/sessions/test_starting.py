from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError

from apps.contracts.models import Contract, IdToken
from apps.sessions import services
from apps.sessions.domain.commands import AuthorisationStatus, AuthoriseCommand, StartOutcome
from apps.sessions.models import ChargingSession, MeterReading, StartGrant
from apps.sessions.services import starting
from apps.tariffs.models import TariffVersion
from tests.factories import NOON, make_evse, make_grant, make_site, make_station
from tests.integration.sessions.conftest import BEGIN, Wire, session_of

pytestmark = pytest.mark.django_db


class TestStartSessions:
    def test_begins_a_session_on_the_account_of_the_cards_contract(self, wire, site):
        outcome = wire.begin(id_token=site.token.uid.lower())

        session = session_of(outcome)
        assert outcome.status is AuthorisationStatus.ACCEPTED
        assert 0 < outcome.transaction_id < 2**31
        assert (session.status, session.seller, session.contract, session.vehicle, session.tariff_version) == (
            "live",
            site.owner,
            site.contract,
            site.vehicle,
            site.version,
        )
        assert session.review_reasons == []
        assert session.time_zone == "Europe/Berlin"
        assert session.grant.contract == site.contract
        assert session.grant.limit_amount is None
        reading = session.readings.get()
        assert (reading.at, reading.energy_milliwh, reading.context) == (NOON, BEGIN, "Transaction.Begin")
        site.version.refresh_from_db()
        assert site.version.used_at == NOON

    def test_answers_a_repeated_start_with_the_same_transaction(self, wire):
        first = wire.begin()

        again = wire.begin()
        both = services.start_sessions((wire.start(), wire.start()))

        assert again == first
        assert both == (first, first)
        assert (ChargingSession.objects.count(), StartGrant.objects.count(), MeterReading.objects.count()) == (1, 1, 1)

    def test_makes_one_session_of_a_start_that_is_twice_in_a_batch(self, wire):
        one, two = services.start_sessions((wire.start(), wire.start()))

        assert one == two
        assert ChargingSession.objects.count() == 1

    def test_answers_a_repeat_after_a_reboot_an_hour_and_the_end(self, wire):
        first = wire.begin()
        wire.finish(first.transaction_id)

        again = wire.begin(received_at=NOON + timedelta(hours=71))

        assert again == first
        assert ChargingSession.objects.count() == 1

    def test_begins_anew_when_the_same_start_comes_after_72_hours(self, wire):
        first = wire.begin()
        wire.finish(first.transaction_id)

        again = wire.begin(received_at=NOON + timedelta(hours=73))

        assert again.transaction_id != first.transaction_id

    def test_takes_a_box_with_a_1970_clock_as_repeating_itself_only_while_live(self, wire):
        reset = datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)
        first = wire.begin(started_at=reset, received_at=NOON)
        repeated = wire.begin(started_at=reset, received_at=NOON + timedelta(minutes=1))
        wire.finish(first.transaction_id, ended_at=reset + timedelta(hours=1), received_at=NOON + timedelta(hours=1))

        next_driver = wire.begin(started_at=reset, received_at=NOON + timedelta(hours=2))

        assert repeated == first
        assert next_driver.session_id != first.session_id
        assert session_of(next_driver).review_reasons == [
            "The station's clock said 1970-01-01 00:00 UTC for a start received at 2026-06-01 14:00 UTC."
        ]

    @pytest.mark.parametrize(
        "different",
        [
            {"meter_start_milliwh": BEGIN + 1},
            {"started_at": NOON + timedelta(seconds=1)},
            {"id_token": "OTHER"},
        ],
    )
    def test_begins_another_session_when_the_key_differs(self, wire, different):
        first = wire.begin()

        other = wire.begin(**different)

        assert other.session_id != first.session_id
        assert session_of(first).status == "unresolved"
        assert session_of(other).status == "live"

    def test_does_not_mix_up_two_connectors(self, wire, site):
        make_evse(station=site.station, number=2)

        one, two = services.start_sessions((wire.start(evse_number=1), wire.start(evse_number=2)))

        assert one.session_id != two.session_id
        assert (session_of(one).evse.number, session_of(two).evse.number) == (1, 2)
        assert (session_of(one).status, session_of(two).status) == ("live", "live")

    def test_keeps_an_older_offline_start_from_displacing_the_live_session(self, wire):
        live = wire.begin()

        older = wire.begin(started_at=NOON - timedelta(hours=5), received_at=NOON + timedelta(minutes=1))

        assert session_of(live).status == "live"
        assert session_of(older).status == "unresolved"

    def test_leaves_one_live_session_of_several_in_a_batch(self, wire):
        outcomes = services.start_sessions(
            tuple(
                wire.start(started_at=NOON + timedelta(hours=hour), received_at=NOON + timedelta(hours=9))
                for hour in range(3)
            )
        )

        assert [session_of(outcome).status for outcome in outcomes] == ["unresolved", "unresolved", "live"]

    def test_starts_a_hundred_in_a_handful_of_statements(self, wire, site, django_assert_max_num_queries):
        commands = []
        for number in range(1, 101):
            if number > 1:
                make_evse(station=site.station, number=number)
            commands.append(wire.start(evse_number=number))

        with django_assert_max_num_queries(18):
            outcomes = services.start_sessions(tuple(commands))

        assert len({outcome.transaction_id for outcome in outcomes}) == 100


class TestWhoPays:
    @pytest.mark.parametrize(
        ("change", "status", "word"),
        [
            ({"status": IdToken.Status.BLOCKED}, AuthorisationStatus.BLOCKED, "blocked"),
            ({"status": IdToken.Status.RETIRED}, AuthorisationStatus.INVALID, "unknown"),
        ],
    )
    def test_keeps_the_session_of_a_card_that_may_not_charge(self, wire, site, change, status, word):
        IdToken.objects.filter(pk=site.token.pk).update(**change)

        outcome = wire.begin()

        session = session_of(outcome)
        assert outcome.status == session.authorisation == status
        assert (session.contract, session.tariff_version, session.vehicle) == (None, None, None)
        assert session.review_reasons == [
            f"Card …{site.token.uid[-4:]} was {word} when the session began: nobody is billed by itself."
        ]
        assert not StartGrant.objects.exists()
        assert session.readings.count() == 1

    @pytest.mark.parametrize(
        ("contract", "status"),
        [
            ({"status": Contract.Status.SUSPENDED}, AuthorisationStatus.BLOCKED),
            ({"status": Contract.Status.ENDED}, AuthorisationStatus.EXPIRED),
            ({"valid_to": NOON}, AuthorisationStatus.EXPIRED),
            ({"valid_to": NOON + timedelta(seconds=1)}, AuthorisationStatus.ACCEPTED),
            ({"valid_from": NOON + timedelta(seconds=1)}, AuthorisationStatus.EXPIRED),
            ({"valid_from": NOON}, AuthorisationStatus.ACCEPTED),
        ],
    )
    def test_asks_the_contract_at_the_instant_of_the_start(self, wire, site, contract, status):
        Contract.objects.filter(pk=site.contract.pk).update(**contract)

        outcome = wire.begin()

        assert outcome.status is status
        assert services.authorise(token=site.token.uid, station_id=site.station.pk, at=NOON) is status

    def test_does_not_know_the_card_of_another_seller(self, wire):
        stranger = make_site()

        outcome = wire.begin(id_token=stranger.token.uid)

        assert outcome.status is AuthorisationStatus.INVALID
        assert session_of(outcome).token is None

    def test_accepts_without_a_tariff_and_asks_for_a_person(self, wire, site):
        TariffVersion.objects.filter(pk=site.version.pk).update(valid_to=NOON)

        outcome = wire.begin()

        session = session_of(outcome)
        assert outcome.status is AuthorisationStatus.ACCEPTED
        assert session.tariff_version is None
        assert session.review_reasons == [
            f"“{site.tariff.name}” is the owner's default, but has no published version in force at that time. "
            "Nothing below it is asked."
        ]

    def test_uses_up_an_open_grant_once(self, wire, site):
        grant = make_grant(site=site, limit_amount="25.00", evse=site.evse)

        first = wire.begin(id_token="adhoc01")
        second = wire.begin(id_token="adhoc01", started_at=NOON + timedelta(minutes=5))

        grant.refresh_from_db()
        assert first.status is AuthorisationStatus.ACCEPTED
        assert grant.used_by_session_id == first.session_id
        assert session_of(first).contract is None
        assert session_of(first).tariff_version == site.version
        assert second.status is AuthorisationStatus.INVALID

    @pytest.mark.parametrize("spoilt", ["expired", "other evse", "other station"])
    def test_does_not_use_a_grant_that_is_not_for_this_start(self, wire, site, spoilt):
        fields = {
            "expired": {"granted_at": NOON - timedelta(hours=1)},
            "other evse": {"evse": make_evse(station=site.station, number=2)},
            "other station": {"site": make_site()},
        }[spoilt]
        grant = make_grant(**{"site": site, **fields})

        outcome = wire.begin(id_token="ADHOC01")

        grant.refresh_from_db()
        assert outcome.status is AuthorisationStatus.INVALID
        assert grant.used_by_session is None


class TestAuthorise:
    def test_answers_from_open_grants_and_writes_nothing(self, site):
        make_grant(site=site)

        assert services.authorise(token="adhoc01 ", station_id=site.station.pk, at=NOON) is AuthorisationStatus.ACCEPTED
        assert services.authorise(token="adhoc02", station_id=site.station.pk, at=NOON) is AuthorisationStatus.INVALID
        assert StartGrant.objects.get().used_by_session is None
        assert not ChargingSession.objects.exists()

    def test_answers_many_in_five_queries_each_by_its_own_station_and_instant(self, site, django_assert_num_queries):
        elsewhere = make_site()
        make_grant(site=site)
        IdToken.objects.filter(pk=elsewhere.token.pk).update(status=IdToken.Status.BLOCKED)
        asked = [
            (site, site.token.uid, NOON),
            (site, "ADHOC01", NOON),
            (site, "ADHOC01", NOON + timedelta(hours=1)),
            (elsewhere, "ADHOC01", NOON),
            (elsewhere, site.token.uid, NOON),
            (elsewhere, elsewhere.token.uid, NOON),
        ]
        commands = tuple(
            AuthoriseCommand(station_id=at_site.station.pk, token=token, at=at) for at_site, token, at in asked
        )

        with django_assert_num_queries(5):
            statuses = services.authorise_tokens(commands * 20)

        assert [status.value for status in statuses[:6]] == [
            "Accepted",
            "Accepted",
            "Invalid",
            "Invalid",
            "Invalid",
            "Blocked",
        ]
        assert statuses == statuses[:6] * 20


class TestUnknownConnector:
    def test_belongs_to_the_only_evse(self, wire, site):
        session = session_of(wire.begin(evse_number=7))

        assert session.evse == site.evse
        assert session.review_reasons == ["The station named connector 7, which it does not have."]

    def test_belongs_to_the_lowest_evse_at_which_nobody_charges_and_is_never_billed_by_itself(self, wire, site):
        second = make_evse(station=site.station, number=2)
        known = wire.begin()

        session = session_of(wire.begin(evse_number=7))
        wire.finish(session.transaction_id)
        settled = services.settle_sessions(session_ids=[session.pk], at=NOON + timedelta(hours=2))

        session.refresh_from_db()
        assert (session.evse, session.status, settled) == (second, "review", ())
        assert session.review_reasons == ["The station named connector 7, which it does not have."]
        assert session_of(known).status == "live"

    def test_told_again_is_the_same_transaction(self, wire, site):
        make_evse(station=site.station, number=2)

        first = wire.begin(evse_number=7)
        again = services.start_sessions((wire.start(evse_number=7), wire.start(evse_number=7)))

        assert again == (first, first)
        assert ChargingSession.objects.get().evse == site.evse

    def test_is_not_the_start_of_another_connector_told_again(self, wire, site):
        make_evse(station=site.station, number=2)
        numbers = (7, 1, 8)

        outcomes = services.start_sessions(tuple(wire.start(evse_number=number) for number in numbers))

        assert len({outcome.transaction_id for outcome in outcomes}) == 3
        assert tuple(wire.begin(evse_number=number) for number in numbers) == outcomes

    def test_of_a_station_without_connectors_adds_the_one_it_names_and_asks_a_person(self, wire, site):
        bare = make_station(location=site.location)

        first = wire.begin(station_id=bare.pk, evse_number=2)
        again = wire.begin(station_id=bare.pk, evse_number=2)

        session = session_of(first)
        assert (first, session.evse.number, session.evse.station) == (again, 2, bare)
        assert session.review_reasons == [
            "The station was set up without connectors; connector 2 was added when it charged."
        ]
        assert (session.status, ChargingSession.objects.count()) == ("live", 1)

    @pytest.mark.parametrize("number", [0, -3, 2**31 - 1])
    def test_of_a_station_without_connectors_that_names_none_is_at_the_first(self, wire, site, number):
        bare = make_station(location=site.location)

        assert session_of(wire.begin(station_id=bare.pk, evse_number=number)).evse.number == 1


@pytest.mark.django_db(transaction=True)
class TestTwoProcessesAtOnce:
    def test_would_collide_without_the_lock(self, at_once, monkeypatch):
        wire = Wire(make_site())
        monkeypatch.setattr(starting.Evse.objects, "select_for_update", lambda **_: starting.Evse.objects.all())
        both_have_looked = Barrier(2)
        displace = starting.displace

        def wait_until_the_other_has_looked_too(sessions):
            displace(sessions)
            both_have_looked.wait(timeout=10)

        monkeypatch.setattr(starting, "displace", wait_until_the_other_has_looked_too)
        one, two = wire.start(), wire.start()

        with pytest.raises(IntegrityError, match="session_one_live_per_evse"):
            at_once(lambda: services.start_sessions((one,)), lambda: services.start_sessions((two,)))

        assert ChargingSession.objects.count() == 1

    def test_begin_one_session_of_the_same_start(self, at_once):
        wire = Wire(make_site())
        one, two = wire.start(), wire.start()

        outcomes = at_once(lambda: services.start_sessions((one,)), lambda: services.start_sessions((two,)))

        assert outcomes[0] == outcomes[1]
        assert isinstance(outcomes[0][0], StartOutcome)
        assert (ChargingSession.objects.count(), StartGrant.objects.count(), MeterReading.objects.count()) == (1, 1, 1)

    def test_leave_one_live_session_of_two_different_starts(self, at_once):
        wire = Wire(make_site())
        one, two = wire.start(), wire.start(started_at=NOON + timedelta(minutes=1))

        at_once(lambda: services.start_sessions((one,)), lambda: services.start_sessions((two,)))

        assert sorted(ChargingSession.objects.values_list("status", flat=True)) == ["live", "unresolved"]

    def test_give_a_grant_for_any_evse_to_one_of_two_starts(self, at_once):
        site = make_site()
        make_evse(station=site.station, number=2)
        make_grant(site=site)
        wire = Wire(site)
        one = wire.start(id_token="ADHOC01", evse_number=1)
        two = wire.start(id_token="ADHOC01", evse_number=2)

        outcomes = at_once(lambda: services.start_sessions((one,)), lambda: services.start_sessions((two,)))

        assert sorted(outcome.status for (outcome,) in outcomes) == ["Accepted", "Invalid"]
