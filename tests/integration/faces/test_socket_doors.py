"""Who gets through which socket, through the whole ASGI application: each role, and a charger at another's station.

What the addresses of pages are asked stands in ``doors.csv``. A socket that ``config.asgi`` gains needs a row here.
"""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from apps.console.routing import BOARD_PATH
from apps.core import clock
from apps.ocpp import door
from apps.ocpp.authentication import Brake
from apps.ocpp.pool import stop_pool
from apps.ocpp.routing import STATION_PATH
from apps.ocpp.writer import writer
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import ChargingStation
from apps.stations.services import ConnectorStatusUpdate, record_connector_statuses, set_station_key
from config.asgi import WEBSOCKETS, application
from tests.factories import Site, make_site
from tests.integration.ocpp.conftest import in_database, serving, tell
from tests.integration.tenants import people_of, signed_in

OWN, THEIRS = "own", "another's"
NOT_FOR_THEM: Final = (403, set())
# Of the live board: what the door answers, and whose stations it then rings for.
BOARD: Final[dict[str, tuple[int, set[str]]]] = {
    "anonymous": NOT_FOR_THEM,
    "fleet_user": NOT_FOR_THEM,
    "fleet_admin": NOT_FOR_THEM,
    "read_only": (101, {OWN}),
    "technician": (101, {OWN}),
    "support": (101, {OWN}),
    "finance": (101, {OWN}),
    "owner": (101, {OWN}),
    "platform": (101, {OWN, THEIRS}),
}
# Of a station's socket: people get through none; a charger by its own key through its own.
STATION: Final[dict[str, dict[str, int]]] = {
    **{role: {OWN: 401, THEIRS: 401} for role in BOARD},
    "charger": {OWN: 101, THEIRS: 401},
    "charger under the other's name": {OWN: 401, THEIRS: 401},
}
ROWS: Final = {BOARD_PATH: BOARD, STATION_PATH: STATION}


@pytest.fixture
def address(transactional_db, monkeypatch) -> Iterator[str]:
    """The whole site on a real socket, HTTP and websockets, at ``host:port``."""
    # All refusals come from one address; none of them is made to wait.
    monkeypatch.setattr(door, "brake", Brake(max_delay_s=0.01))
    with serving(application) as url:
        yield url.removeprefix("ws://").removesuffix("/ocpp")
    writer.stop()
    stop_pool()


@pytest.fixture
def sites(transactional_db) -> dict[str, Site]:
    return {OWN: make_site(), THEIRS: make_site()}


@pytest.fixture
def cookies(sites) -> dict[str, str]:
    """What the browser of each role sends along; of an anonymous one, nothing."""
    people = people_of(sites[OWN].owner, fleet=sites[OWN].customer.organisation, roles=BOARD)
    return {
        "anonymous": "",
        **{role: f"sessionid={signed_in(user).cookies['sessionid'].value}" for role, user in people.items()},
    }


def test_every_socket_of_the_application_has_its_row():
    assert {path for path, _ in WEBSOCKETS} == set(ROWS)


def test_the_live_board_opens_to_operators_and_rings_for_their_own_stations(address, sites, cookies):
    stations = {whose: site.station for whose, site in sites.items()}

    async def listen(role: str, is_open: asyncio.Semaphore) -> tuple[int, set[str]]:
        """Open the board; listen until the own station rings, which changes last."""
        try:
            async with connect(
                f"ws://{address}/admin/console/live/socket/",
                origin=f"http://{address}",
                additional_headers={"Cookie": cookies[role]},
                proxy=None,
            ) as socket:
                is_open.release()
                heard: set[int] = set()
                while stations[OWN].pk not in heard:
                    heard.update(json.loads(await socket.recv())["stations"])
                return 101, {whose for whose, station in stations.items() if station.pk in heard}
        except InvalidStatus as refused:
            return refused.response.status_code, set()

    async def story() -> dict[str, tuple[int, set[str]]]:
        is_open = asyncio.Semaphore(0)
        boards = {role: asyncio.create_task(listen(role, is_open)) for role in BOARD}
        for status, _ in BOARD.values():
            if status == 101:
                await is_open.acquire()
        await in_database(lambda: [report(stations[whose]) for whose in (THEIRS, OWN)])
        return {role: await task for role, task in boards.items()}

    assert tell(story) == BOARD


def test_a_stations_socket_opens_to_its_own_charger_alone(address, sites, cookies):
    key = set_station_key(station_id=sites[OWN].station.pk)

    async def knock(whose: str, headers: dict[str, str]) -> int:
        url = f"ws://{address}/ocpp/{sites[whose].station.identity}"
        options: Any = {"additional_headers": headers, "subprotocols": ["ocpp1.6"], "proxy": None}
        try:
            async with connect(url, **options):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    async def story() -> dict[str, dict[str, int]]:
        headers = {role: {"Cookie": cookie} for role, cookie in cookies.items()}
        # Whatever station it says it is, the key is its own.
        for whose, name in ((OWN, "charger"), (THEIRS, "charger under the other's name")):
            pair = base64.b64encode(f"{sites[whose].station.identity}:{key}".encode()).decode()
            headers[name] = {"Authorization": f"Basic {pair}"}
        return {who: {whose: await knock(whose, sent) for whose in sites} for who, sent in headers.items()}

    assert tell(story) == STATION


def report(station: ChargingStation) -> None:
    at = clock.now()
    update = ConnectorStatusUpdate(
        station_id=station.pk, evse_number=1, status=ConnectorStatus.CHARGING, at=at, received_at=at
    )
    record_connector_statuses((update,))
