"""Who gets in, and what the others hear: over real sockets, before the handshake completes."""

import asyncio
import base64
from contextlib import suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from apps.ocpp.consumers import CLOSE_SUPERSEDED
from apps.ocpp.models import EventKind, Frame, StationEvent
from apps.ocpp.simulator.charger import ConnectionLostError
from apps.stations.models import ChargingStation
from tests.integration.ocpp.conftest import in_database, tell, until


def basic(pair: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def knock(url: str, headers: dict[str, str] | None = None, subprotocols: list[str] | None = None) -> int:
    """Return the HTTP status that the door answers with; 101 is open."""

    async def story() -> int:
        try:
            async with connect(
                url,
                additional_headers=headers,
                subprotocols=["ocpp1.6"] if subprotocols is None else subprotocols or None,
                proxy=None,
            ) as socket:
                assert socket.subprotocol == ("ocpp2.0.1" if "ocpp2.0.1" in (subprotocols or ()) else "ocpp1.6")
                return 101
        except InvalidStatus as error:
            return error.response.status_code

    return tell(story)


class TestTheDoor:
    def test_opens_to_the_right_key_and_echoes_the_subprotocol(self, url, box):
        assert knock(f"{url}/BOX-1", basic(f"BOX-1:{box.key}"), ["ocpp2.0.1", "ocpp1.6"]) == 101

        box.station.refresh_from_db()
        assert (box.station.connection_no, box.station.protocol) == (1, "2.0.1")

    def test_opens_behind_a_doubled_slash(self, url, box):
        assert knock(f"{url}//BOX-1", basic(f"BOX-1:{box.key}")) == 101

    def test_takes_an_identity_with_colons(self, url, make_box):
        box = make_box("DE*ABC:1")

        assert knock(f"{url}/DE*ABC:1", basic(f"DE*ABC:1:{box.key}")) == 101

    def test_answers_401_to_an_unknown_identity_and_to_a_wrong_key_alike(self, url, box):
        pairs = [
            ("BOX-1", "BOX-1:wrong"),
            ("BOX-1", "BOX-1:"),
            ("BOX-1", f"box-1:{box.key}"),
            ("BOX-1", f"OTHER:{box.key}"),
            ("BOX-1", box.key),
            ("box-1", f"box-1:{box.key}"),
            ("OTHER", f"OTHER:{box.key}"),
            ("..", f"..:{box.key}"),
            ("BOX-1%00", f"BOX-1\0:{box.key}"),
            ("BOX-1%0A", f"BOX-1\n:{box.key}"),
            ("B%C3%96X-1", f"BÖX-1:{box.key}"),
            ("X" * 49, f"{'X' * 49}:{box.key}"),
        ]

        answers = [knock(f"{url}/{identity}", basic(pair)) for identity, pair in pairs]

        assert answers == [401] * len(pairs)
        box.station.refresh_from_db()
        assert box.station.connection_no == 0
        assert ChargingStation.objects.count() == 1
        assert not Frame.objects.exists()
        assert not StationEvent.objects.exists()

    def test_answers_401_without_a_readable_password(self, url, box):
        headers = [None, {"Authorization": "Basic %%%"}, {"Authorization": "Bearer abc"}, {"Authorization": ""}]

        assert [knock(f"{url}/BOX-1", header) for header in headers] == [401] * 4

    def test_refuses_without_a_protocol_in_common(self, url, box):
        offers = [[], ["ocpp2.1"], ["OCPP1.6"]]

        assert [knock(f"{url}/BOX-1", basic(f"BOX-1:{box.key}"), offer) for offer in offers] == [400] * 3
        box.station.refresh_from_db()
        assert box.station.connection_no == 0

    def test_answers_404_elsewhere(self, url, box):
        paths = ["", "/", "/BOX-1/more", "/../admin"]

        assert [knock(f"{url}{path}", basic(f"BOX-1:{box.key}")) for path in paths] == [404] * 4

    def test_opens_to_the_real_station_amid_wrong_guesses(self, url, box):
        async def story():
            guesses = [
                asyncio.create_task(asyncio.to_thread(knock, f"{url}/BOX-1", basic(f"BOX-1:{number}")))
                for number in range(12)
            ]
            await asyncio.sleep(0.1)
            async with box.at(url) as charger:
                registration = await asyncio.wait_for(charger.boot(), 2)
            return registration, {await guess for guess in guesses}

        assert tell(story) == ("Accepted", {401})


class TestTheNewestSocket:
    @pytest.mark.parametrize("elsewhere", [False, True])
    def test_wins_and_the_older_one_is_closed_with_an_event(self, url, second_url, box, elsewhere):
        async def story():
            async with box.at(url) as older, box.at(second_url if elsewhere else url) as newer:
                await asyncio.wait_for(older.closed.wait(), 5)
                assert await newer.boot() == "Accepted"
                await until(lambda: StationEvent.objects.filter(kind=EventKind.SUPERSEDED).exists())
                return older.close_code

        assert tell(story) == CLOSE_SUPERSEDED
        box.station.refresh_from_db()
        assert box.station.connection_no == 2

    def test_leaves_a_frame_of_the_older_one_kept_and_unanswered(self, url, box):
        async def story():
            # The process itself looks once a second who is newest: a socket it closed before the frame left is no case.
            for newest in range(7, 100, 7):
                async with box.at(url) as charger:
                    await in_database(lambda newest=newest: ChargingStation.objects.update(connection_no=newest))
                    with suppress(ConnectionLostError):
                        await charger.send_text('[2,"late","StopTransaction",{"transactionId":1,"meterStop":5}]')
                        await asyncio.wait_for(charger.closed.wait(), 5)
                        return charger.close_code
            return None

        assert tell(story) == CLOSE_SUPERSEDED
        assert Frame.objects.get().message_id == "late"

    def test_is_closed_by_a_frame_of_more_than_a_mebibyte(self, url, box):
        async def story():
            async with box.at(url) as charger:
                with suppress(ConnectionLostError):
                    await charger.send_text("x" * 1_048_577)
                await asyncio.wait_for(charger.closed.wait(), 5)
                return charger.close_code

        assert tell(story) == 1009
