"""A station gets a new key over OCPP: from either version's station, with every way that its answer may go astray."""

import asyncio
import json
from datetime import timedelta

import pytest
from websockets.exceptions import InvalidStatus

from apps.core import clock
from apps.ocpp.models import Direction, EventKind, Frame, StationEvent
from apps.stations.domain.redaction import MASK
from apps.stations.models import ConfigurationKey, StationCommand
from apps.stations.services import rotate_station_key, sweep_commands, sweep_keys
from tests.integration.ocpp.conftest import Box, in_database, tell, until

ACTIONS = {"1.6": "ChangeConfiguration", "2.0.1": "SetVariables"}


def renew(box: Box) -> StationCommand:
    return rotate_station_key(station_id=box.station.pk, at=clock.now(), requested_by=None)


def key_in(payload) -> str:
    if "key" in payload:
        assert payload["key"] == "AuthorizationKey"
        return payload["value"]
    (item,) = payload["setVariableData"]
    assert (item["component"]["name"], item["variable"]["name"]) == ("SecurityCtrlr", "BasicAuthPassword")
    return item["attributeValue"]


def answer_of(protocol: str, status: str):
    def reply(payload):
        if protocol == "1.6":
            return {"status": status}
        (item,) = payload["setVariableData"]
        return {
            "setVariableResult": [
                {"attributeStatus": status, "component": item["component"], "variable": item["variable"]}
            ]
        }

    return reply


async def gets_in(box: Box, url: str, key: str, protocol: str = "1.6") -> bool:
    try:
        async with Box(station=box.station, key=key).at(url, protocol=protocol):
            return True
    except InvalidStatus:
        return False


async def take_key(box: Box, url: str, protocol: str, status: str | None) -> tuple[StationCommand, str]:
    """Connect, ask for a new key, answer ``status`` (None: nothing); return the command and the key."""
    async with box.at(url, protocol=protocol) as charger:
        reply = answer_of(protocol, status or "")

        async def answer(payload):
            return reply(payload) if status is not None else None

        charger.replies[ACTIONS[protocol]] = answer
        # The version is known from the connection.
        await until(lambda: box.station.refresh_from_db() or box.station.connection_no > 0)
        command = await in_database(lambda: renew(box))
        action, payload = await asyncio.wait_for(charger.requests.get(), 5)
        assert action == ACTIONS[protocol]
        if status is not None:
            await until(lambda: command.refresh_from_db() or command.ended_at is not None)
    return command, key_in(payload)


@pytest.mark.parametrize("protocol", ["1.6", "2.0.1"])
class TestANewKey:
    @pytest.mark.parametrize("status", ["Accepted", "RebootRequired"])
    def test_counts_beside_the_old_one_until_its_first_use(self, url, box, protocol, status):
        async def story():
            _, key = await take_key(box, url, protocol, status)
            assert len(bytes.fromhex(key)) == 20
            assert await gets_in(box, url, box.key, protocol)
            assert await gets_in(box, url, key, protocol)
            assert not await gets_in(box, url, box.key, protocol)
            return await gets_in(box, url, key, protocol)

        assert tell(story)
        box.station.refresh_from_db()
        assert (box.station.new_key_hash, box.station.new_key_command) == ("", None)
        assert StationEvent.objects.filter(kind=EventKind.SECURITY, text__contains="new key").count() == 1

    def test_stands_in_clear_nowhere(self, url, box, protocol, caplog):
        _, key = tell(lambda: take_key(box, url, protocol, "Accepted"))

        (sent,) = Frame.objects.filter(direction=Direction.OUT, action=ACTIONS[protocol])
        command = StationCommand.objects.get()
        box.station.refresh_from_db()
        kept = json.dumps([list(Frame.objects.values_list("payload", "note")), command.payload, command.answer])
        assert MASK in sent.payload
        assert key not in kept + command.sealed + caplog.text + box.station.new_key_hash
        assert command.sealed == ""
        assert not ConfigurationKey.objects.filter(value__contains=key).exists()

    def test_is_nothing_once_it_was_rejected(self, url, box, protocol):
        async def story():
            command, key = await take_key(box, url, protocol, "Rejected")
            assert command.status == "rejected"
            assert not await gets_in(box, url, key, protocol)
            return await gets_in(box, url, box.key, protocol)

        assert tell(story)
        assert sweep_keys(at=clock.now()) == 1
        box.station.refresh_from_db()
        assert (box.station.new_key_hash, box.station.new_key_command) == ("", None)

    def test_counts_for_a_month_where_its_answer_was_lost(self, url, box, protocol):
        async def story():
            command, key = await take_key(box, url, protocol, None)
            await in_database(lambda: sweep_commands(at=clock.now() + timedelta(minutes=11)))
            await in_database(command.refresh_from_db)
            assert command.status == "timed_out"
            assert await in_database(lambda: sweep_keys(at=clock.now() + timedelta(days=29))) == 0
            assert await gets_in(box, url, box.key, protocol)
            return await gets_in(box, url, key, protocol)

        assert tell(story)


class TestAKeyThatWaits:
    def test_is_forgotten_when_the_station_never_came(self, box):
        at = clock.now()
        rotate_station_key(station_id=box.station.pk, at=at, requested_by=None)

        sweep_commands(at=at + timedelta(minutes=11))

        assert sweep_keys(at=at + timedelta(minutes=11)) == 1
        box.station.refresh_from_db()
        assert box.station.new_key_hash == ""

    def test_is_sealed_in_its_command(self, box):
        command = renew(box)

        assert command.payload == {"key": "AuthorizationKey", "value": MASK}
        assert len(command.wire_payload()["value"]) == 40
        assert command.wire_payload()["value"] not in command.sealed
