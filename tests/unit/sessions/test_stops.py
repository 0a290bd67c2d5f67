from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.sessions.domain.commands import EndCommand, Measurand, MeasuredSample, MeterSample
from apps.sessions.domain.kept import as_document, command_of
from apps.sessions.domain.signed import Encoding, Moment, SignedFormat, SignedSample
from apps.sessions.domain.stops import Begun, ToldStop, may_end, place_stops

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
BACK = NOON + timedelta(days=2)
HOUR = timedelta(hours=1)
KWH = 1_000_000
STOP = ToldStop(
    key=1,
    transaction_id=-1,
    id_token="CARD1",
    ended_at=NOON + HOUR,
    meter_stop_milliwh=1_010 * KWH,
    received_at=BACK,
)
SESSION = Begun(
    key=11,
    evse=1,
    id_token="CARD1",
    started_at=NOON,
    told_at=BACK + HOUR / 60,
    meter_start_milliwh=1_000 * KWH,
    awaits_end=True,
    last_at=None,
    last_milliwh=None,
    max_power_w=22_000,
)


class TestAStopThatMayEndASession:
    @pytest.mark.parametrize("stop", [{}, {"id_token": ""}, {"ended_at": NOON, "meter_stop_milliwh": 1_000 * KWH}])
    def test_is_contradicted_by_nothing(self, stop):
        assert may_end(replace(STOP, **stop), SESSION)

    @pytest.mark.parametrize(
        ("stop", "session"),
        [
            ({"id_token": "CARD2"}, {}),
            ({"ended_at": NOON - HOUR}, {}),
            ({"ended_at": NOON + timedelta(days=8)}, {}),
            ({"meter_stop_milliwh": 1_000 * KWH - 1}, {}),
            # 22 kW deliver 24.3 kWh in an hour with the headroom; this is another connector's register.
            ({"meter_stop_milliwh": 1_025 * KWH}, {}),
            ({}, {"awaits_end": False}),
            ({}, {"last_milliwh": 1_011 * KWH}),
            ({}, {"last_at": NOON + 2 * HOUR}),
        ],
    )
    def test_is_not_one_of_another_card_time_or_register(self, stop, session):
        assert not may_end(replace(STOP, **stop), replace(SESSION, **session))


class TestPlacingStops:
    def test_finds_the_only_session_that_one_can_mean(self):
        assert place_stops([STOP], [SESSION]) == {1: 11}

    def test_gives_each_of_a_cards_sessions_its_own_stop(self):
        later = replace(
            SESSION, key=12, started_at=NOON + 2 * HOUR, meter_start_milliwh=1_010 * KWH, told_at=BACK + HOUR
        )
        second = replace(STOP, key=2, ended_at=NOON + 3 * HOUR, meter_stop_milliwh=1_015 * KWH)

        assert place_stops([second, STOP], [later, SESSION]) == {1: 11, 2: 12}

    def test_passes_over_who_had_left_before_another_began(self):
        other = replace(SESSION, key=12, id_token="CARD2", started_at=NOON + HOUR / 2, awaits_end=False)

        assert place_stops([STOP], [SESSION, other]) == {}

    def test_leaves_two_connectors_that_fit_to_a_person(self):
        beside = replace(SESSION, key=12, evse=2)

        assert place_stops([STOP], [SESSION, beside]) == {}

    def test_knows_two_connectors_apart_by_their_registers(self):
        beside = replace(SESSION, key=12, evse=2, meter_start_milliwh=5_000 * KWH)

        assert place_stops([replace(STOP, id_token="")], [SESSION, beside]) == {1: 11}

    def test_leaves_two_stops_of_one_session_to_a_person(self):
        again = replace(STOP, key=2, meter_stop_milliwh=1_011 * KWH)

        assert place_stops([STOP, again], [SESSION]) == {}

    @pytest.mark.parametrize(("told_after_start", "placed"), [(False, {1: 11}), (True, {})])
    def test_takes_a_number_of_the_stations_own_only_from_before_the_start(self, told_after_start, placed):
        own = replace(STOP, transaction_id=4711, received_at=BACK + HOUR if told_after_start else BACK)

        assert place_stops([own], [SESSION]) == placed

    @pytest.mark.parametrize(
        ("stop", "session"), [({"meter_stop_milliwh": None}, {}), ({}, {"meter_start_milliwh": None})]
    )
    def test_places_nothing_without_a_register(self, stop, session):
        assert place_stops([replace(STOP, **stop)], [replace(SESSION, **session)]) == {}


class TestAKeptStop:
    def test_is_carried_out_as_it_was_told(self):
        command = EndCommand(
            station_id=1,
            transaction_id=-1,
            id_token=None,
            meter_stop_milliwh=1_010 * KWH,
            ended_at=NOON,
            reason="Local",
            samples=(MeterSample(at=NOON, energy_milliwh=5),),
            received_at=BACK,
            frame_id=7,
            notes=("odd",),
            measured=(MeasuredSample(at=NOON, kind=Measurand.POWER, value_milli=3),),
            signed=(
                SignedSample(
                    at=None, moment=Moment.END, format=SignedFormat.OCMF, encoding=Encoding.PLAIN, raw=b"OCMF|\x00\xff"
                ),
            ),
        )

        assert command_of(as_document(command)) == command
