"""OCPP 2.0.1 over real sockets: every message but the transactions', with exact frames."""

import json

import pytest

from apps.ocpp.models import EventKind, Frame, StationEvent
from apps.stations.domain.status import RegistrationStatus
from apps.stations.models import ChargingStation, Connector
from tests.integration.ocpp.conftest import tell
from tests.integration.ocpp.events import exchange

BOOT = '[2,"1","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"ACME","model":"X"}}]'
TOKEN = '{"idToken":"%s","type":"%s"}'


def heard(box, url: str, *frames: str) -> list:
    """Send frames on one socket and return what each was answered."""

    async def story():
        async with box.at(url, protocol="2.0.1") as charger:
            return [await exchange(charger, frame) for frame in frames]

    return tell(story)


class TestBootNotification:
    @pytest.mark.parametrize("registration", list(RegistrationStatus))
    def test_is_answered_by_the_stations_registration(self, url, box, registration):
        ChargingStation.objects.update(registration=registration)

        ((kind, message_id, answer),) = heard(box, url, BOOT)

        assert (kind, message_id, answer.pop("status")) == (3, "1", registration.value)
        assert answer.keys() == {"currentTime", "interval"}
        box.station.refresh_from_db()
        assert (box.station.protocol, box.station.vendor, box.station.model) == ("2.0.1", "ACME", "X")
        assert StationEvent.objects.get(kind=EventKind.BOOT).text == "ACME X (PowerUp)"


class TestHeartbeat:
    def test_tells_the_time_and_touches_no_row(self, url, box):
        ((kind, message_id, answer),) = heard(box, url, '[2,"h","Heartbeat",{}]')

        assert (kind, message_id, list(answer)) == (3, "h", ["currentTime"])
        assert not Frame.objects.exists()


class TestStatusNotification:
    @pytest.mark.parametrize("status", ["Available", "Occupied", "Reserved", "Unavailable", "Faulted"])
    def test_is_that_of_one_connector_of_an_evse(self, url, box, status):
        second = Connector.objects.create(evse=box.station.evses.get(number=2), number=2, max_power_w=22_000)
        payload = f'{{"timestamp":"2026-11-22T12:00:00Z","connectorStatus":"{status}","evseId":2,"connectorId":2}}'

        answers = heard(box, url, f'[2,"s","StatusNotification",{payload}]')

        assert answers == [[3, "s", {}]]
        second.refresh_from_db()
        assert second.status == status
        assert set(Connector.objects.exclude(pk=second.pk).values_list("status", flat=True)) == {"Unknown"}
        assert StationEvent.objects.filter(kind=EventKind.FAULT).count() == (status == "Faulted")

    def test_of_a_connector_that_is_not_there_is_answered_and_kept(self, url, box):
        payload = '{"timestamp":"2026-11-22T12:00:00Z","connectorStatus":"Available","evseId":9,"connectorId":1}'

        assert heard(box, url, f'[2,"s","StatusNotification",{payload}]') == [[3, "s", {}]]
        assert Frame.objects.filter(action="StatusNotification").count() == 1


class TestAuthorize:
    @pytest.mark.parametrize(
        ("kind", "status"),
        [(kind, "Accepted") for kind in ("Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress")]
        + [("NoAuthorization", "Invalid")],
    )
    def test_knows_a_card_whatever_type_the_station_gives_it(self, url, site, site_box, kind, status):
        answers = heard(site_box, url, f'[2,"a","Authorize",{{"idToken":{TOKEN % (site.token.uid.lower(), kind)}}}]')

        assert answers == [[3, "a", {"idTokenInfo": {"status": status}}]]

    def test_refuses_a_stranger(self, url, box):
        answers = heard(box, url, f'[2,"a","Authorize",{{"idToken":{TOKEN % ("STRANGER", "ISO14443")}}}]')

        assert answers == [[3, "a", {"idTokenInfo": {"status": "Invalid"}}]]


REPORT = '{"requestId":1,"generatedAt":"2026-11-22T12:00:00Z","seqNo":0,"tbc":false}'
CHARGER = '"component":{"name":"Connector"},"variable":{"name":"Problem"}'


class TestWhatIsAcknowledged:
    @pytest.mark.parametrize(
        ("action", "payload", "answer"),
        [
            ("NotifyReport", REPORT, {}),
            ("LogStatusNotification", '{"status":"Uploaded","requestId":4}', {}),
            ("FirmwareStatusNotification", '{"status":"Installed","requestId":4}', {}),
            ("PublishFirmwareStatusNotification", '{"status":"Published","location":["http://a"]}', {}),
            ("ReservationStatusUpdate", '{"reservationId":1,"reservationUpdateStatus":"Expired"}', {}),
            ("NotifyMonitoringReport", '{"requestId":1,"seqNo":0,"generatedAt":"2026-11-22T12:00:00Z"}', {}),
            (
                "NotifyCustomerInformation",
                '{"data":"x","seqNo":0,"generatedAt":"2026-11-22T12:00:00Z","requestId":1}',
                {},
            ),
            ("NotifyDisplayMessages", '{"requestId":1}', {}),
            ("ClearedChargingLimit", '{"chargingLimitSource":"EMS"}', {}),
            ("NotifyChargingLimit", '{"chargingLimit":{"chargingLimitSource":"EMS"}}', {}),
            ("MeterValues", '{"evseId":0,"meterValue":[{"timestamp":"x","sampledValue":[{"value":"?"}]}]}', {}),
            ("DataTransfer", '{"vendorId":"com.example"}', {"status": "UnknownVendorId"}),
            ("SignCertificate", '{"csr":"x"}', {"status": "Rejected"}),
            ("GetCertificateStatus", None, {"status": "Failed"}),
        ],
    )
    def test_is_answered_as_its_schema_has_it(self, url, box, action, payload, answer):
        ocsp = (
            '{"hashAlgorithm":"SHA256","issuerNameHash":"a","issuerKeyHash":"b","serialNumber":"c","responderURL":"d"}'
        )
        payload = payload or f'{{"ocspRequestData":{ocsp}}}'

        assert heard(box, url, f'[2,"m","{action}",{payload}]') == [[3, "m", answer]]
        assert Frame.objects.get(action=action).payload == f'[2,"m","{action}",{payload}]'


class TestWhatAnOperatorShouldSee:
    def test_is_an_alert_of_the_stations_monitoring(self, url, box):
        fields = '"timestamp":"2026-11-22T12:00:00Z","eventNotificationType":"HardWiredNotification",' + CHARGER
        alert = f'{{"eventId":1,"trigger":"Alerting","actualValue":"true","techInfo":"GFI",{fields}}}'
        over = f'{{"eventId":2,"trigger":"Alerting","actualValue":"false","cleared":true,{fields}}}'
        head = '{"generatedAt":"2026-11-22T12:00:00Z","seqNo":0,"eventData":'

        answers = heard(box, url, f'[2,"1","NotifyEvent",{head}[{alert}]}}]', f'[2,"2","NotifyEvent",{head}[{over}]}}]')

        assert answers == [[3, "1", {}], [3, "2", {}]]
        assert StationEvent.objects.get(kind=EventKind.FAULT).text == "Connector Problem: true GFI"

    def test_is_a_security_event(self, url, box):
        payload = '{"type":"InvalidFirmwareSignature","timestamp":"2026-11-22T12:00:00Z"}'

        assert heard(box, url, f'[2,"1","SecurityEventNotification",{payload}]') == [[3, "1", {}]]
        assert StationEvent.objects.get(kind=EventKind.SECURITY).text == "InvalidFirmwareSignature"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("frame", "message_id", "code"),
        [
            ('[2,"1","Authorize",{}]', "1", "OccurrenceConstraintViolation"),
            ('[2,"1","Authorize",{"idToken":5}]', "1", "TypeConstraintViolation"),
            ('[2,"1","Heartbeat",[]]', "1", "FormatViolation"),
            ('[2,"1","StartTransaction",{}]', "1", "NotImplemented"),
            ('[2,"1","Reset",{}]', "1", "NotSupported"),
            ('[2,"1","MakeCoffee",{}]', "1", "NotImplemented"),
            ("[]", "-1", "RpcFrameworkError"),
            ("{", "-1", "RpcFrameworkError"),
        ],
    )
    def test_is_refused_in_the_words_of_two_nought_one(self, url, box, frame, message_id, code):
        (answer,) = heard(box, url, frame)

        assert (answer[0], answer[1], answer[2]) == (4, message_id, code)


class TestTheVersions:
    def test_live_side_by_side_on_one_server(self, url, make_box):
        old, new = make_box("OLD"), make_box("NEW")

        async def story():
            async with old.at(url) as first, new.at(url, protocol="2.0.1") as second:
                return await first.boot(), await second.boot()

        assert tell(story) == ("Accepted", "Accepted")
        assert dict(ChargingStation.objects.values_list("identity", "protocol")) == {"OLD": "1.6", "NEW": "2.0.1"}

    def test_of_a_station_held_to_one_is_that_one(self, url, box):
        ChargingStation.objects.update(only_protocol="1.6")

        async def story():
            async with box.at(url) as charger:
                return await charger.boot()

        assert tell(story) == "Accepted"
        frame = Frame.objects.get(action="BootNotification")
        assert json.loads(frame.payload)[3]["chargePointModel"] == "Simulator"
