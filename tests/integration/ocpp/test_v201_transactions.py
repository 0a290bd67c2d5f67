"""What real 2.0.1 stations tell of their transactions, over real sockets: legal, odd and out of order."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from apps.core.audit import find_violations
from apps.ocpp import v201
from apps.ocpp.models import EventKind, Frame, StationEvent
from apps.ocpp.simulator.charger import ConnectionLostError
from apps.sessions import services as sessions
from apps.sessions.models import ChargingSession, MeterReading, StateChange
from apps.stations.models import Connector
from tests.factories import make_evse, make_grant, make_token
from tests.integration.ocpp.conftest import process, tell
from tests.integration.ocpp.events import event, exchange, meter, sample, tell_events

ACCEPTED = {"idTokenInfo": {"status": "Accepted"}}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def at() -> datetime:
    """Two hours ago: what is told of it is told late, and yet believed."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


def told(box, url: str, *events) -> list:
    """Tell events on one socket and return the answers' payloads."""

    async def story():
        async with box.at(url, protocol="2.0.1") as charger:
            return await tell_events(charger, *events)

    return tell(story)


def begin(at: datetime, wh: int = 1_000):
    return [meter(at, sample(wh, context="Transaction.Begin"))]


def end(at: datetime, wh: int = 11_000):
    return [meter(at, sample(wh, context="Transaction.End"))]


def settled() -> ChargingSession:
    """Let time pass until the one session is over, and return it."""
    sessions.sweep_unsettled(at=datetime.now(UTC) + timedelta(minutes=5))
    return ChargingSession.objects.get()


def reviewed() -> list[str]:
    """Let time pass, and return why the one session waits for a person."""
    session = settled()
    assert session.status == "review"
    return session.review_reasons


class TestAWholeTransaction:
    def test_is_told_by_the_simulator_and_kept(self, url, site, site_box, at):
        async def story():
            async with site_box.at(url, protocol="2.0.1", power_w=10_000) as charger:
                await charger.boot()
                return await charger.charge(site.token.uid, started_at=at, energy_wh=10_000, meter_start_wh=500)

        answer = tell(story)
        session = ChargingSession.objects.get()
        assert (answer.transaction_id, answer.status) == (session.transaction_ref, "Accepted")
        assert (session.started_at, session.ended_at) == (at, at + timedelta(hours=1))
        assert (session.meter_start_milliwh, session.meter_stop_milliwh) == (500_000, 10_500_000)
        assert (session.contract, session.token) == (site.contract, site.token)
        assert session.review_reasons == []
        readings = MeterReading.objects.order_by("at").values_list("energy_milliwh", flat=True)
        assert list(readings) == [500_000, 3_000_000, 5_500_000, 8_000_000, 10_500_000]
        assert list(StateChange.objects.order_by("pk").values_list("state", flat=True)) == ["idle", "charging", "gone"]
        assert site.evse.connectors.get().status == "Available"
        assert settled().status == "settled"
        assert list(find_violations()) == []

    def test_is_answered_frame_by_frame(self, url, site, site_box, at):
        card = {"idToken": site.token.uid, "type": "ISO14443"}
        events = [
            event("Started", at, trigger="CablePluggedIn", info={"chargingState": "EVConnected"}, values=begin(at)),
            {**event("Updated", at + MINUTE, trigger="Authorized"), "idToken": card},
            event("Updated", at + 2 * MINUTE, trigger="ChargingStateChanged", info={"chargingState": "Charging"}),
            event(
                "Ended",
                at + 60 * MINUTE,
                trigger="EVDeparted",
                info={"stoppedReason": "EVDisconnected"},
                values=end(at),
            ),
        ]
        frames = [json.dumps([2, str(number), "TransactionEvent", one]) for number, one in enumerate(events)]

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                return [await exchange(charger, frame) for frame in frames]

        assert tell(story) == [[3, "0", {}], [3, "1", ACCEPTED], [3, "2", {}], [3, "3", {}]]

    def test_with_every_field_there_is_loses_nothing(self, url, site, site_box, at):
        extra = {"offline": True, "numberOfPhasesUsed": 3, "cableMaxCurrent": 32, "reservationId": 7}
        started = event("Started", at, token=site.token.uid, values=begin(at), **extra)

        told(site_box, url, started, event("Ended", at + 60 * MINUTE, values=end(at + 60 * MINUTE), **extra))

        assert settled().status == "settled"
        assert json.loads(Frame.objects.filter(action="TransactionEvent").earliest("pk").payload)[3] == started


class TestACardShownWithAnEventDated1970:
    def test_is_worth_what_it_is_worth_now(self, url, site, site_box, at):
        make_grant(site=site, token="ENDED", granted_at=at - timedelta(days=1))

        *_, answer = told(
            site_box,
            url,
            event("Started", at, token=site.token.uid, values=begin(at)),
            event("Updated", at.replace(year=1970), token="ENDED"),
        )

        assert answer["idTokenInfo"]["status"] != "Accepted"


class TestATransactionThatBeginsWithTheCable:
    def test_waits_for_its_card_and_is_paid_for_from_then_on(self, url, site, site_box, at):
        _, authorised, _ = told(
            site_box,
            url,
            event("Started", at, trigger="CablePluggedIn", values=begin(at)),
            event("Updated", at + 5 * MINUTE, trigger="Authorized", token=site.token.uid),
            event("Ended", at + 60 * MINUTE, values=end(at + 60 * MINUTE)),
        )

        session = settled()
        assert authorised == ACCEPTED
        assert (session.status, session.contract) == ("settled", site.contract)
        assert (session.begun_at, session.started_at) == (at, at + 5 * MINUTE)
        assert session.meter_start_milliwh == 1_000_000

    def test_and_ends_with_it_is_over_without_a_word(self, url, site, site_box, at):
        told(
            site_box,
            url,
            event("Started", at, values=begin(at)),
            event("Ended", at + MINUTE, values=end(at + MINUTE, 1_000)),
        )

        session = settled()
        assert (session.status, session.review_reasons, session.is_billable) == ("settled", [], False)

    def test_and_delivers_what_nobody_asked_for_waits_for_a_person(self, url, site, site_box, at):
        told(
            site_box,
            url,
            event("Started", at, values=begin(at)),
            event("Ended", at + 60 * MINUTE, values=end(at + 60 * MINUTE)),
        )

        assert reviewed() == ["Nobody agreed to pay for this session."]

    def test_and_was_over_before_its_card_was_told_is_paid_for_after_all(self, url, site, site_box, at):
        told(site_box, url, event("Started", at), event("Ended", at + 60 * MINUTE))
        assert settled().status == "settled"

        told(
            site_box,
            url,
            event("Updated", at + MINUTE, token=site.token.uid, values=begin(at + MINUTE)),
            event("Updated", at + 60 * MINUTE, values=end(at + 60 * MINUTE)),
        )

        session = ChargingSession.objects.get()
        assert (session.contract, session.started_at) == (site.contract, at + MINUTE)
        session = settled()
        assert (session.status, session.meter_stop_milliwh) == ("settled", 11_000_000)

    def test_may_be_claimed_after_a_card_was_refused(self, url, site, site_box, at):
        answers = told(
            site_box,
            url,
            event("Started", at, values=begin(at)),
            event("Updated", at + MINUTE, token="STRANGER"),
            event("Updated", at + 2 * MINUTE, token=site.token.uid),
            event("Ended", at + 60 * MINUTE, values=end(at + 60 * MINUTE)),
        )

        session = settled()
        assert answers[1:3] == [{"idTokenInfo": {"status": "Invalid"}}, ACCEPTED]
        assert (session.status, session.contract) == ("settled", site.contract)

    def test_keeps_its_payer_whoever_shows_a_card_later(self, url, site, site_box, at):
        other = make_token(contract=site.contract)

        answers = told(
            site_box,
            url,
            event("Started", at, token=site.token.uid, values=begin(at)),
            event("Ended", at + 60 * MINUTE, token=other.uid, trigger="StopAuthorized", values=end(at + 60 * MINUTE)),
        )

        assert answers == [ACCEPTED, ACCEPTED]
        assert settled().token == site.token


class TestAnEventWithoutEvse:
    def test_is_found_by_its_transaction(self, url, site, site_box, at):
        make_evse(station=site.station, number=2)

        told(
            site_box,
            url,
            event("Started", at, evse=2, token=site.token.uid, values=begin(at)),
            event("Updated", at + MINUTE, evse=None, values=[meter(at + MINUTE, sample(1_100))]),
            event("Ended", at + 60 * MINUTE, evse=None, values=end(at + 60 * MINUTE)),
        )

        session = settled()
        assert (session.evse.number, session.status, session.readings.count()) == (2, "settled", 3)

    def test_of_an_only_evse_is_at_that(self, url, site, site_box, at):
        told(
            site_box,
            url,
            event("Started", at, evse=None, token=site.token.uid, values=begin(at)),
            event("Ended", at + 60 * MINUTE, evse=None, values=end(at + 60 * MINUTE)),
        )

        assert settled().status == "settled"

    def test_of_one_among_several_waits_for_a_person(self, url, site, site_box, at):
        make_evse(station=site.station, number=2)

        told(
            site_box,
            url,
            event("Started", at, evse=None, token=site.token.uid, values=begin(at)),
            event("Ended", at + 60 * MINUTE, evse=None, values=end(at + 60 * MINUTE)),
        )

        assert reviewed() == ["The station has not said at which connector."]

    def test_is_moved_once_another_says_where(self, url, site, site_box, at):
        second = make_evse(station=site.station, number=2)

        told(
            site_box,
            url,
            event("Started", at, evse=None, token=site.token.uid, values=begin(at)),
            event("Updated", at + MINUTE, evse=2),
            event("Ended", at + 60 * MINUTE, values=end(at + 60 * MINUTE)),
        )

        session = settled()
        assert (session.evse, session.status) == (second, "settled")


class TestALostStart:
    def test_is_noticed_by_an_update(self, url, site, site_box, at):
        answers = told(
            site_box,
            url,
            event("Updated", at, token=site.token.uid, values=[meter(at, sample(1_200))]),
            event("Ended", at + 60 * MINUTE, values=end(at + 60 * MINUTE)),
        )

        assert answers == [ACCEPTED, {}]
        assert reviewed() == [
            "The station never told when this session began.",
            "The station never told the register at the beginning.",
        ]
        assert ChargingSession.objects.get().contract == site.contract

    def test_is_noticed_by_an_end_which_takes_nobodys_connector(self, url, site, site_box, at):
        now = at + timedelta(hours=1)

        told(
            site_box,
            url,
            event("Started", now, ref="LIVE", token=site.token.uid, values=begin(now, 50_000)),
            event("Ended", at, ref="LOST", token=site.token.uid, values=[*begin(at), *end(at)]),
        )

        lost, live = ChargingSession.objects.order_by("started_at")
        assert (lost.transaction_ref, lost.status, lost.meter_start_milliwh) == ("LOST", "ended", 1_000_000)
        assert (live.transaction_ref, live.status) == ("LIVE", "live")
        sessions.sweep_unsettled(at=datetime.now(UTC) + timedelta(minutes=5))
        lost.refresh_from_db()
        assert lost.review_reasons == [
            "The station never told when this session began.",
            "Its card was told only with its end.",
        ]

    def test_that_comes_after_all_takes_the_session_out_of_review(self, url, site, site_box, at):
        ended = event("Ended", at + 60 * MINUTE, values=end(at + 60 * MINUTE))
        told(site_box, url, ended)
        assert reviewed()

        told(site_box, url, event("Started", at, token=site.token.uid, values=begin(at)))

        session = settled()
        assert (session.status, session.review_reasons) == ("settled", [])
        assert (session.started_at, session.meter_start_milliwh, session.contract) == (at, 1_000_000, site.contract)


class TestDuplicates:
    def test_change_nothing_and_get_the_same_answer(self, url, site, site_box, at):
        events = [
            event("Started", at, token=site.token.uid, values=begin(at), info={"chargingState": "Charging"}),
            event("Updated", at + MINUTE, values=[meter(at + MINUTE, sample(1_100))]),
            event("Ended", at + 60 * MINUTE, token=site.token.uid, values=end(at + 60 * MINUTE)),
        ]

        first = told(site_box, url, *events)
        before = ChargingSession.objects.values().get(), MeterReading.objects.count(), StateChange.objects.count()
        again = told(site_box, url, *events, *reversed(events))

        assert again == [*first, *reversed(first)]
        after = ChargingSession.objects.values().get(), MeterReading.objects.count(), StateChange.objects.count()
        assert before == after
        assert not StationEvent.objects.filter(kind=EventKind.REVIEW).exists()

    def test_of_an_id_after_its_end_are_shown_to_a_person(self, url, site, site_box, at):
        told(
            site_box,
            url,
            event("Started", at, token=site.token.uid, values=begin(at)),
            event("Ended", at + 10 * MINUTE, values=end(at + 10 * MINUTE, 2_000)),
            event("Started", at + 20 * MINUTE, token=site.token.uid, values=begin(at + 20 * MINUTE, 2_000)),
        )

        shown = StationEvent.objects.get(kind=EventKind.REVIEW)
        assert shown.text.startswith("a transaction begins under the id of one that has ended")
        assert settled().status == "settled"

    def test_of_another_station_are_another_transaction(self, url, site, site_box, make_box, at):
        stranger = make_box("STRANGER")
        told(site_box, url, event("Started", at, token=site.token.uid, values=begin(at)))

        told(stranger, url, event("Ended", at + MINUTE, values=end(at)))

        assert ChargingSession.objects.get(station=site.station).ended_at is None
        assert ChargingSession.objects.get(station=stranger.station).contract is None


class TestEnergy:
    @pytest.mark.parametrize(
        ("values", "milliwh"),
        [
            ([{"value": 11_000}], 11_000_000),
            ([{"value": 11.0005, "unitOfMeasure": {"unit": "kWh"}}], 11_000_500),
            ([{"value": 11, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}], 11_000_000),
            ([{"value": 110_000, "unitOfMeasure": {"multiplier": -1}}], 11_000_000),
            ([{"value": 11_000.000000000002, "unitOfMeasure": {}}], 11_000_000),
            (
                [{"value": 4_000, "phase": "L1"}, {"value": 3_500, "phase": "L2"}, {"value": 3_500, "phase": "L3"}],
                11_000_000,
            ),
            ([{"value": 11_000}, {"value": 4_000, "phase": "L1"}], 11_000_000),
            ([{"value": 5, "measurand": "Power.Active.Import"}, {"value": 11_000}], 11_000_000),
            ([{"value": 9, "location": "Inlet"}, {"value": 11_000, "context": "Transaction.End"}], 11_000_000),
        ],
    )
    def test_of_the_end_is_read_in_every_spelling(self, url, site, site_box, at, values, milliwh):
        told(
            site_box,
            url,
            event("Started", at, token=site.token.uid, values=begin(at)),
            event("Ended", at + 60 * MINUTE, values=[meter(at + 60 * MINUTE, *values)]),
        )

        session = settled()
        assert (session.meter_stop_milliwh, session.status, session.review_reasons) == (milliwh, "settled", [])

    def test_told_only_with_the_end_is_enough(self, url, site, site_box, at):
        ended_at = at + 60 * MINUTE

        told(
            site_box,
            url,
            event("Started", at, token=site.token.uid),
            event("Ended", ended_at, values=[*begin(at), meter(at + MINUTE, sample(1_100)), *end(ended_at)]),
        )

        session = settled()
        assert (session.meter_start_milliwh, session.meter_stop_milliwh) == (1_000_000, 11_000_000)
        assert (session.status, session.readings.count()) == ("settled", 3)

    @pytest.mark.parametrize("order", [(1, 2), (2, 1)])
    def test_told_beside_the_end_is_enough_if_it_was_the_last(self, url, site, site_box, at, order):
        ended_at = at + 60 * MINUTE
        events = [
            event("Started", at, token=site.token.uid, values=begin(at)),
            event("Updated", ended_at, values=end(ended_at)),
            event("Ended", ended_at),
        ]

        told(site_box, url, events[0], *[events[number] for number in order])

        assert settled().meter_stop_milliwh == 11_000_000

    def test_never_told_waits_for_a_person(self, url, site, site_box, at):
        told(site_box, url, event("Started", at, token=site.token.uid), event("Ended", at + 60 * MINUTE))

        assert reviewed() == [
            "The station never told the register at the beginning.",
            "The station never told the register at the end.",
        ]

    def test_signed_beside_its_value_is_read_and_kept(self, url, site, site_box, at):
        signed = {"signedMeterData": "T0NNRg==", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": ""}

        told(
            site_box,
            url,
            event("Started", at, token=site.token.uid, values=begin(at)),
            event("Ended", at + 60 * MINUTE, values=[meter(at + 60 * MINUTE, sample(11_000, signedMeterValue=signed))]),
        )

        assert settled().meter_stop_milliwh == 11_000_000
        assert Frame.objects.filter(payload__contains='"signedMeterData":"T0NNRg=="').exists()

    def test_of_meter_values_belongs_to_who_charges_at_the_evse(self, url, site, site_box, at):
        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await tell_events(charger, event("Started", at, token=site.token.uid, values=begin(at)))
                return await charger.call(
                    "MeterValues", {"evseId": 1, "meterValue": [meter(at + MINUTE, sample(1_100))]}
                )

        assert tell(story) == {}
        assert ChargingSession.objects.get().readings.filter(energy_milliwh=1_100_000).exists()


class TestTheVehicle:
    @pytest.mark.parametrize(
        ("state", "stored", "shown"),
        [
            ("Charging", "charging", "Charging"),
            ("SuspendedEV", "idle", "SuspendedEV"),
            ("SuspendedEVSE", "held_back", "SuspendedEVSE"),
            ("EVConnected", "idle", "Occupied"),
            ("Idle", "gone", "Unknown"),
        ],
    )
    def test_is_told_by_the_charging_state(self, url, site, site_box, at, state, stored, shown):
        told(
            site_box,
            url,
            event("Started", at, token=site.token.uid, values=begin(at)),
            event("Updated", at + MINUTE, evse=None, info={"chargingState": state}),
        )

        change = StateChange.objects.get()
        assert (change.at, change.state) == (at + MINUTE, stored)
        assert site.evse.connectors.get().status == shown

    def test_is_not_said_to_stand_there_by_the_last_state_before_the_end(self, url, site, site_box, at):
        told(
            site_box,
            url,
            event("Started", at, token=site.token.uid, values=begin(at)),
            event("Ended", at + MINUTE, info={"chargingState": "Charging"}, values=end(at + MINUTE, 1_010)),
        )

        assert not StateChange.objects.exists()

    def test_has_not_left_because_another_connector_of_its_evse_is_free(self, url, site, site_box, at):
        Connector.objects.create(evse=site.evse, number=2, max_power_w=22_000)

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await charger.status("Preparing", at=at)
                await tell_events(charger, event("Started", at, token=site.token.uid, values=begin(at)))
                free = {"timestamp": (at + MINUTE).isoformat(), "connectorStatus": "Available", "evseId": 1}
                await charger.call("StatusNotification", {**free, "connectorId": 2})

        tell(story)
        assert not StateChange.objects.exists()


class TestAnEventThatIsOdd:
    @pytest.mark.parametrize(
        "payload",
        [
            "{}",
            "[]",
            "null",
            '{"eventType":"Started"}',
            '{"eventType":["Ended"],"transactionInfo":{"transactionId":"X"}}',
            '{"eventType":"Ended","transactionInfo":"X","evse":7,"idToken":[],"meterValue":{}}',
            '{"eventType":"Started","timestamp":5,"seqNo":"0","transactionInfo":{"transactionId":17},"idToken":{"idToken":{}}}',
            '{"eventType":"Updated","transactionInfo":{"transactionId":"%s","remoteStartId":"x"},"evse":{"id":{}}}'
            % ("x" * 99),
            '{"eventType":"Ended","transactionInfo":{"transactionId":"E","stoppedReason":{},"chargingState":{}}}',
            '{"eventType":"Started","eventType":"Ended","transactionInfo":{"transactionId":"TWICE"}}',
        ],
    )
    def test_is_answered_as_valid_and_kept(self, url, site_box, payload):
        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                return await exchange(charger, f'[2,"odd","TransactionEvent",{payload}]')

        assert tell(story) == [3, "odd", {}]
        assert Frame.objects.get(action="TransactionEvent").payload == f'[2,"odd","TransactionEvent",{payload}]'
        named = ChargingSession.objects.exists()
        assert named or StationEvent.objects.filter(kind=EventKind.REVIEW).exists()

    def test_that_breaks_its_handler_is_answered_minimally_and_shown_to_a_person(
        self, url, site, site_box, monkeypatch, at
    ):
        def break_down(_):
            raise ValueError("poison")

        monkeypatch.setitem(v201.HANDLERS, "TransactionEvent", break_down)

        assert told(site_box, url, event("Started", at, token=site.token.uid)) == [{}]
        assert (
            StationEvent.objects.get(kind=EventKind.REVIEW).text
            == "TransactionEvent could not be acted on (ValueError)"
        )

    @pytest.mark.parametrize("kind", ["NoAuthorization", "KeyCode", "Central"])
    def test_of_a_token_of_any_type_is_that_token_or_nobody(self, url, site, site_box, at, kind):
        (answer,) = told(site_box, url, event("Started", at, token=site.token.uid, token_type=kind, values=begin(at)))

        is_somebody = kind != "NoAuthorization"
        assert answer == (ACCEPTED if is_somebody else {})
        assert (ChargingSession.objects.get().contract == site.contract) is is_somebody


class TestAKill:
    @pytest.mark.parametrize("where", ["received", "committed", "before_send"])
    def test_between_receipt_and_answer_of_an_end_costs_a_retry(self, url, site, site_box, at, where):
        ended = event("Ended", at + 60 * MINUTE, values=end(at + 60 * MINUTE))
        with process(failpoint=f"ocpp.stop.{where}") as (doomed_url, server):
            told(site_box, doomed_url, event("Started", at, token=site.token.uid, values=begin(at)))
            with pytest.raises(ConnectionLostError):
                told(site_box, doomed_url, ended)
            exit_code = server.wait()

        assert exit_code == -9
        assert told(site_box, url, ended) == [{}]
        session = settled()
        assert (session.status, session.meter_stop_milliwh) == ("settled", 11_000_000)
        assert list(find_violations()) == []
