"""What real chargers do around a session's start and stop, told frame by frame; each story ends with a clean audit."""

import json
from datetime import timedelta

import pytest

from apps.ocpp.models import EventKind, Frame, StationEvent
from apps.sessions.models import ChargingSession, MeterReading
from tests.factories import NOON, make_evse, make_token
from tests.integration.ocpp.conftest import in_database, tell
from tests.integration.ocpp.telling import ACCEPTED, bill, start, state, stop, told_once, values, wh, wire

HOUR = timedelta(hours=1)
KWH = 1_000_000
BOOT = {"chargePointVendor": "Tinkerforge", "chargePointModel": "WARP2"}


class TestMessageIdsThatRestartAtEachBoot:
    def test_are_no_key(self, url, site, site_box, clock):
        async def charge(at, meter_wh):
            async with wire(url, site_box) as box:
                clock.at = at
                await box.say("1", "BootNotification", BOOT)
                begun = await box.say("2", "StartTransaction", start(site.token.uid, at, meter_wh))
                transaction_id = begun[2]["transactionId"]
                clock.at = at + HOUR
                read = await box.say("3", "MeterValues", values(transaction_id, (at + HOUR / 2, wh(meter_wh + 2_000))))
                ended = await box.say("4", "StopTransaction", stop(transaction_id, at + HOUR, meter_wh + 5_000))
                return begun, read, ended

        async def story():
            return await charge(NOON, 1_000_000), await charge(NOON + 2 * HOUR, 1_005_000)

        first, second = tell(story)
        assert first[1:] == second[1:] == ([3, "3", {}], [3, "4", {}])
        assert first[0][2]["transactionId"] != second[0][2]["transactionId"]
        assert [cdr.energy_milliwh for cdr in bill(NOON + 4 * HOUR)] == [5 * KWH, 5 * KWH]


class TestAStartNeverAnswered:
    def test_is_one_session_however_and_whenever_it_is_told_again(self, url, site, site_box, clock):
        payload = start(site.token.uid, NOON)

        async def story():
            async with wire(url, site_box) as box:
                await box.socket.send(f'[2,"1","StartTransaction",{json.dumps(payload)}]')
                box.drop()
            heard = []
            for after, message_id in [(1, "1"), (60, "2"), (71 * 60, "1")]:
                clock.at = NOON + timedelta(minutes=after)
                async with wire(url, site_box) as box:
                    heard.append(await box.say(message_id, "StartTransaction", payload))
            transaction_id = heard[0][2]["transactionId"]
            async with wire(url, site_box) as box:
                await box.say("3", "StopTransaction", stop(transaction_id, NOON + HOUR))
                heard.append(await box.say("4", "StartTransaction", payload))
            return heard

        heard = tell(story)
        assert len({str(answer[2]) for answer in heard}) == 1
        assert heard[0][2]["idTagInfo"] == {"status": "Accepted"}
        _, records = told_once(NOON + 72 * HOUR)
        assert [cdr.energy_milliwh for cdr in records] == [10 * KWH]


class TestALostStop:
    def test_leaves_the_next_driver_with_their_own_session_alone(self, url, site, site_box, clock):
        next_card = make_token(contract=site.contract)

        async def story():
            async with wire(url, site_box) as box:
                first = await box.say("1", "StartTransaction", start(site.token.uid, NOON))
                clock.at = NOON + 2 * HOUR
                second = await box.say("2", "StartTransaction", start(next_card.uid, NOON + 2 * HOUR, 1_012_000))
                await box.say("3", "MeterValues", values(None, (NOON + 2.5 * HOUR, wh(1_014_000))))
                clock.at = NOON + 3 * HOUR
                await box.say("4", "StopTransaction", stop(second[2]["transactionId"], NOON + 3 * HOUR, 1_016_000))
                clock.at = NOON + 24 * HOUR
                late = await box.say("5", "StopTransaction", stop(first[2]["transactionId"], NOON + HOUR, 1_010_000))
                return first, second, late

        first, second, late = tell(story)
        assert first[2]["transactionId"] != second[2]["transactionId"]
        assert late == [3, "5", {}]
        records = bill(NOON + 25 * HOUR)
        assert [(cdr.session.id_token, cdr.energy_milliwh) for cdr in records] == [
            (site.token.uid, 10 * KWH),
            (next_card.uid, 4 * KWH),
        ]

    def test_is_given_up_by_rule_and_flagged_and_never_blocks_the_card(self, url, site, site_box, clock):
        async def story():
            async with wire(url, site_box) as box:
                await box.say("1", "StartTransaction", start(site.token.uid, NOON))
                clock.at = NOON + HOUR
                await box.say("2", "StatusNotification", state("Available", NOON + HOUR))
                await in_database(lambda: bill(NOON + 2 * HOUR))
                clock.at = NOON + 3 * HOUR
                may = await box.say("3", "Authorize", {"idTag": site.token.uid})
                again = await box.say("4", "StartTransaction", start(site.token.uid, NOON + 3 * HOUR, 1_020_000))
                ended = stop(again[2]["transactionId"], NOON + 4 * HOUR, 1_021_000)
                clock.at = NOON + 4 * HOUR
                await box.say("5", "StopTransaction", ended)
                return may, again

        may, again = tell(story)
        assert may == [3, "3", ACCEPTED]
        assert again[2]["idTagInfo"] == {"status": "Accepted"}
        records = bill(NOON + 73 * HOUR)
        assert [cdr.energy_milliwh for cdr in records] == [1 * KWH]
        orphan = ChargingSession.objects.exclude(pk=records[0].session_id).get()
        assert orphan.status == "review"
        assert orphan.review_reasons == ["The station never said when this session ended."]


class TestAConnectionLostInTheMiddle:
    @pytest.mark.parametrize("is_booted", [False, True])
    def test_ends_nothing_with_a_boot_or_without(self, url, site, site_box, clock, is_booted):
        async def story():
            async with wire(url, site_box) as box:
                begun = await box.say("1", "StartTransaction", start(site.token.uid, NOON))
                box.drop()
            transaction_id = begun[2]["transactionId"]
            clock.at = NOON + HOUR
            async with wire(url, site_box) as box:
                if is_booted:
                    await box.say("1", "BootNotification", BOOT)
                    await box.say("2", "StatusNotification", state("Charging", NOON + HOUR))
                read = await box.say("3", "MeterValues", values(transaction_id, (NOON + HOUR, wh(1_004_000))))
                clock.at = NOON + 2 * HOUR
                return read, await box.say("4", "StopTransaction", stop(transaction_id, NOON + 2 * HOUR))

        assert tell(story) == ([3, "3", {}], [3, "4", {}])
        session, records = told_once(NOON + 3 * HOUR)
        assert (session.status, session.review_reasons) == ("settled", [])
        assert [cdr.energy_milliwh for cdr in records] == [10 * KWH]
        assert MeterReading.objects.filter(at=NOON + HOUR, energy_milliwh=1_004 * KWH).count() == 1


class TestAStopToldAgain:
    @pytest.mark.parametrize("after", [timedelta(minutes=1), HOUR, timedelta(days=7)])
    def test_after_a_reboot_an_hour_or_a_week_changes_nothing(self, url, site, site_box, clock, after):
        async def story():
            async with wire(url, site_box) as box:
                begun = await box.say("1", "StartTransaction", start(site.token.uid, NOON))
                ended = stop(begun[2]["transactionId"], NOON + HOUR, idTag=site.token.uid, reason="Local")
                clock.at = NOON + HOUR
                first = await box.say("2", "StopTransaction", ended)
            before = await in_database(lambda: bill(NOON + HOUR + timedelta(minutes=2)))
            clock.at = NOON + HOUR + after
            async with wire(url, site_box) as box:
                await box.say("1", "BootNotification", BOOT)
                return before, first, await box.say("2", "StopTransaction", ended)

        before, first, again = tell(story)
        assert first == again == [3, "2", ACCEPTED]
        session, records = told_once(clock.at + HOUR)
        assert records == before
        assert [(cdr.revision, cdr.energy_milliwh) for cdr in records] == [(1, 10 * KWH)]
        assert session.end_received_at == NOON + HOUR
        assert Frame.objects.filter(action="StopTransaction").count() == 2


class TestAnUnknownCardChargedOffline:
    def test_keeps_its_energy_and_is_billed_to_nobody(self, url, site, site_box, clock):
        clock.at = NOON + 5 * HOUR

        async def story():
            async with wire(url, site_box) as box:
                begun = await box.say("1", "StartTransaction", start("04A1B2C3D4", NOON))
                return begun, await box.say("2", "StopTransaction", stop(begun[2]["transactionId"], NOON + HOUR))

        begun, ended = tell(story)
        assert begun[2]["idTagInfo"] == {"status": "Invalid"}
        assert ended == [3, "2", {}]
        session, records = told_once(NOON + 6 * HOUR)
        assert records == []
        assert (session.status, session.contract_id, session.id_token) == ("review", None, "04A1B2C3D4")
        assert session.meter_stop_milliwh - session.meter_start_milliwh == 10 * KWH
        assert session.review_reasons


class TestTheStartsAnswerLost:
    def test_each_connector_keeps_its_own_session(self, url, site, site_box, clock):
        make_evse(station=site.station, number=2)
        other = make_token(contract=site.contract)

        async def story():
            async with wire(url, site_box) as box:
                await box.say("1", "StartTransaction", start(site.token.uid, NOON))
                await box.say("2", "StartTransaction", start(other.uid, NOON, 2_000_000, connector=2))
                clock.at = NOON + HOUR
                half = NOON + HOUR / 2
                answers = [
                    await box.say("3", "MeterValues", values(-1, (half, wh(2_001_000)), connector=2)),
                    await box.say("4", "MeterValues", values(-1, (half, wh(1_004_000)))),
                    await box.say("5", "StopTransaction", stop(-1, NOON + HOUR, 2_003_000, idTag=other.uid.lower())),
                    await box.say("6", "StopTransaction", stop(-1, NOON + HOUR, 1_010_000)),
                ]
                return [answer[2] for answer in answers]

        assert tell(story) == [{}, {}, ACCEPTED, {}]
        records = bill(NOON + 2 * HOUR)
        assert {cdr.session.evse.number: cdr.energy_milliwh for cdr in records} == {1: 10 * KWH, 2: 3 * KWH}
        read = MeterReading.objects.filter(at=NOON + HOUR / 2).values_list("session__evse__number", "energy_milliwh")
        assert sorted(read) == [(1, 1_004 * KWH), (2, 2_001 * KWH)]


class TestAnotherStationsTransaction:
    """CVE-2026-28230: an id that is right, from a station that never had it."""

    def test_is_out_of_reach(self, url, site, site_box, make_box, clock):
        attacker = make_box("ATTACKER", connectors=1)

        async def story():
            async with wire(url, site_box) as box, wire(url, attacker) as evil:
                begun = await box.say("1", "StartTransaction", start(site.token.uid, NOON))
                transaction_id = begun[2]["transactionId"]
                clock.at = NOON + HOUR
                heard = [
                    await evil.say("1", "MeterValues", values(transaction_id, (NOON + HOUR / 2, wh(9_000_000)))),
                    await evil.say("2", "StopTransaction", stop(transaction_id, NOON + HOUR / 2, 9_000_000)),
                    await evil.say("3", "StopTransaction", stop(-1, NOON + HOUR / 2, idTag=site.token.uid)),
                ]
                ended = await box.say("2", "StopTransaction", stop(transaction_id, NOON + HOUR))
                return heard, ended

        heard, ended = tell(story)
        assert [answer[2] for answer in heard[:2]] == [{}, {}]
        assert ended == [3, "2", {}]
        session, records = told_once(NOON + 2 * HOUR)
        assert session.station == site.station
        assert [cdr.energy_milliwh for cdr in records] == [10 * KWH]
        assert not MeterReading.objects.filter(energy_milliwh=9_000 * KWH).exists()
        events = StationEvent.objects.filter(kind=EventKind.REVIEW)
        assert {event.station_id for event in events} == {attacker.station.pk}
        assert events.count() == 3


class TestADataTransfer:
    @pytest.mark.parametrize(
        "payload",
        [
            {"vendorId": "org.unknown"},
            {"vendorId": "org.unknown", "messageId": "Ping", "data": '{"a":[1,2]}'},
        ],
    )
    def test_of_a_vendor_that_nobody_knows_is_told_so(self, url, box, payload):
        async def story():
            async with wire(url, box) as line:
                return await line.say("7", "DataTransfer", payload)

        assert tell(story) == [3, "7", {"status": "UnknownVendorId"}]
        assert bill(NOON) == []
