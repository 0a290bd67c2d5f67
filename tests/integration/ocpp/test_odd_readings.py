"""Meter values as real chargers send them: late, odd, mislabelled. The certain is billed, the rest asks a person."""

from datetime import timedelta

import pytest

from apps.ocpp.models import Frame
from apps.sessions.models import ChargingSession, MeterReading
from tests.factories import NOON
from tests.integration.ocpp.conftest import in_database, tell
from tests.integration.ocpp.telling import bill, start, state, stop, told_once, values, wh, wire

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
HALF = NOON + HOUR / 2
KWH = 1_000_000


async def charge(
    url, site_box, clock, token, *payloads, start_at=NOON, stop_at=NOON + HOUR, meter=(1_000_000, 1_010_000)
):
    """Start, send these MeterValues of the transaction (a function of its id each), stop; return the answers."""
    async with wire(url, site_box) as box:
        begun = await box.say("1", "StartTransaction", start(token, start_at, meter[0]))
        transaction_id = begun[2]["transactionId"]
        clock.at = NOON + HOUR
        heard = [await box.say(str(n), "MeterValues", tell_of(transaction_id)) for n, tell_of in enumerate(payloads, 2)]
        return [*heard, await box.say("99", "StopTransaction", stop(transaction_id, stop_at, meter[1]))]


def sent(*readings, named=True):
    """Return what makes a MeterValues payload of a transaction's id."""
    return lambda transaction_id: values(transaction_id if named else None, *readings)


class TestReadingsThatCount:
    @pytest.mark.parametrize(
        ("payloads", "kept"),
        [
            pytest.param(
                [
                    sent((NOON + 45 * MINUTE, wh(1_007_500))),
                    sent((NOON + 15 * MINUTE, wh(1_002_500))),
                    sent((HALF, wh(1_005_000)), (NOON + 15 * MINUTE, wh(1_002_500))),
                ],
                [1_002_500, 1_005_000, 1_007_500],
                id="out of order and one twice",
            ),
            pytest.param([sent((HALF, {"value": "1005000"}))], [1_005_000], id="no unit, no measurand"),
            pytest.param([sent((HALF, {"value": "1005.0", "unit": "kWh"}))], [1_005_000], id="kWh, said so"),
            pytest.param([sent((HALF, wh(1_005_000)), named=False)], [1_005_000], id="no transaction id"),
            pytest.param(
                [sent((HALF, {"value": "51.5", "unit": "A", "measurand": "Current.Import"}))], [], id="no energy"
            ),
            pytest.param(
                [sent((HALF, {"value": "17", "measurand": "Vendor.Magic", "unit": "Furlong"}))],
                [],
                id="unknown measurand",
            ),
            pytest.param([sent(("1970-01-01T00:07:12Z", wh(1_005_000)))], [1_005_000], id="dated 1970"),
        ],
    )
    def test_are_kept_and_the_session_is_billed_between_start_and_stop(
        self, url, site, site_box, clock, payloads, kept
    ):
        answers = tell(lambda: charge(url, site_box, clock, site.token.uid, *payloads))

        assert all(answer[0] == 3 and answer[2] == {} for answer in answers)
        session, records = told_once(NOON + 2 * HOUR)
        assert (session.status, session.review_reasons) == ("settled", [])
        assert [(cdr.revision, cdr.energy_milliwh) for cdr in records] == [(1, 10 * KWH)]
        inner = session.readings.filter(context="Sample.Periodic").order_by("energy_milliwh")
        assert [reading.energy_milliwh for reading in inner] == [energy * 1_000 for energy in kept]


class TestARegisterThatContradictsItself:
    """Nothing is repaired: an invented kilowatt-hour would be somebody's money."""

    @pytest.mark.parametrize(
        ("payloads", "meter", "sentence"),
        [
            pytest.param(
                [], (1_010_000, 1_000_000), "The end reading 1000.000 kWh is below the begin", id="stop < start"
            ),
            pytest.param([], (0, 910_080), "The register rises by 910.080 kWh", id="odometer"),
            pytest.param(
                [sent((HALF, wh(910_040)))],
                (0, 910_080),
                "The begin reading is 0, but the register stands at 910.040",
                id="odometer with readings",
            ),
            pytest.param(
                [sent((NOON + MINUTE, wh(0))), sent((HALF, wh(5_000)))],
                (1_000_000, 1_010_000),
                "The register falls from 1000.000 kWh",
                id="counted from zero within the transaction",
            ),
            pytest.param(
                [sent((HALF, {"value": "1005.0", "unit": "Wh"}))],
                (1_000_000, 1_010_000),
                "The register falls from 1000.000 kWh",
                id="kWh labelled Wh",
            ),
            pytest.param(
                [sent((HALF, {"value": "1005000", "unit": "kWh"}))],
                (1_000_000, 1_010_000),
                "The register rises by 1004000.000 kWh",
                id="Wh labelled kWh",
            ),
            pytest.param(
                [sent((HALF, wh(1_005_000)), (HALF, wh(1_005_001)))],
                (1_000_000, 1_010_000),
                "Two values for one instant",
                id="two values for one instant",
            ),
            pytest.param([], (1_000_000, 1_910_000), "The register rises by 910.000 kWh", id="jump"),
            pytest.param(
                [sent((HALF, wh(999_999_999)))], (999_999_000, 500), "The end reading 0.500 kWh is below", id="rollover"
            ),
        ],
    )
    def test_is_answered_kept_and_billed_to_nobody(self, url, site, site_box, clock, payloads, meter, sentence):
        answers = tell(lambda: charge(url, site_box, clock, site.token.uid, *payloads, meter=meter))

        assert [answer[2] for answer in answers] == [{}] * (len(payloads) + 1)
        session, records = told_once(NOON + 2 * HOUR)
        assert records == []
        assert session.status == "review"
        assert any(reason.startswith(sentence) for reason in session.review_reasons), session.review_reasons
        assert (session.meter_start_milliwh, session.meter_stop_milliwh) == (meter[0] * 1_000, meter[1] * 1_000)


class TestAMeterThatSendsNoNumber:
    @pytest.mark.parametrize("value", ["NaN", "1e1000000", "1_000", "١٢٣", "", "-", "0x10", "Infinity", "12,5"])
    def test_is_answered_and_billed_by_start_and_stop(self, url, site, site_box, clock, value):
        told = sent((HALF, {"value": value, "measurand": "Energy.Active.Import.Register", "unit": "Wh"}))

        answers = tell(lambda: charge(url, site_box, clock, site.token.uid, told))

        assert [answer[2] for answer in answers] == [{}, {}]
        _, records = told_once(NOON + 2 * HOUR)
        assert [cdr.energy_milliwh for cdr in records] == [10 * KWH]
        assert Frame.objects.get(action="MeterValues").note == f"no energy: {value!r} 'Wh'"
        assert MeterReading.objects.count() == 2


class TestReadingsAfterTheirStop:
    def test_for_28_minutes_change_nothing(self, url, site, site_box, clock):
        async def story():
            async with wire(url, site_box) as box:
                begun = await box.say("1", "StartTransaction", start(site.token.uid, NOON))
                transaction_id = begun[2]["transactionId"]
                clock.at = NOON + HOUR
                await box.say("2", "StopTransaction", stop(transaction_id, NOON + HOUR))
                await box.say("3", "StatusNotification", state("Available", NOON + HOUR))
                heard = []
                for minute in range(1, 29):
                    clock.at = NOON + HOUR + minute * MINUTE
                    told = values(transaction_id, (clock.at, wh(1_010_000 + minute)))
                    heard.append(await box.say(str(minute + 3), "MeterValues", told))
                    if minute == 5:
                        await in_database(lambda: bill(clock.at))
                return heard

        assert [answer[2] for answer in tell(story)] == [{}] * 28
        session, records = told_once(clock.at + HOUR)
        assert [(cdr.revision, cdr.energy_milliwh) for cdr in records] == [(1, 10 * KWH)]
        assert session.readings.count() == 2 + 28

    def test_of_the_time_before_it_still_count(self, url, site, site_box, clock):
        async def story():
            async with wire(url, site_box) as box:
                begun = await box.say("1", "StartTransaction", start(site.token.uid, NOON))
                transaction_id = begun[2]["transactionId"]
                clock.at = NOON + HOUR
                await box.say("2", "StopTransaction", stop(transaction_id, NOON + HOUR))
                return await box.say("3", "MeterValues", values(transaction_id, (HALF, wh(1_009_000))))

        assert tell(story) == [3, "3", {}]
        session, records = told_once(NOON + 2 * HOUR)
        assert [cdr.energy_milliwh for cdr in records] == [10 * KWH]
        assert session.readings.filter(at=HALF, energy_milliwh=1_009 * KWH).count() == 1

    def test_without_a_transaction_belong_to_nobody_once_it_is_over(self, url, site, site_box, clock):
        async def story():
            async with wire(url, site_box) as box:
                begun = await box.say("1", "StartTransaction", start(site.token.uid, NOON))
                clock.at = NOON + HOUR
                await box.say("2", "StopTransaction", stop(begun[2]["transactionId"], NOON + HOUR))
                return await box.say("3", "MeterValues", values(None, (NOON + HOUR + MINUTE, wh(1_010_500))))

        assert tell(story) == [3, "3", {}]
        _, records = told_once(NOON + 2 * HOUR)
        assert [cdr.energy_milliwh for cdr in records] == [10 * KWH]
        assert MeterReading.objects.count() == 2
        assert ChargingSession.objects.count() == 1
