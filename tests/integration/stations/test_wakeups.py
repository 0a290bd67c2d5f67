"""Wake-ups over the real Valkey: heard after the commit, harmless when lost."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from channels.layers import get_channel_layer
from django.db import connections, transaction

from apps.stations import services
from apps.stations.models import StationCommand
from apps.stations.wakeups import station_group
from tests.factories import NOON, make_station

pytestmark = pytest.mark.django_db(transaction=True)


def request_reset(station_id: int) -> StationCommand:
    return services.request_command(
        station_id=station_id,
        action="Reset",
        payload={"type": "Soft"},
        requested_at=NOON,
        deadline_at=NOON + timedelta(minutes=1),
    )


class TestWakeUps:
    def test_tell_the_stations_group_of_a_command_and_of_a_newer_socket(self):
        station = make_station()

        async def listen() -> list[dict[str, object]]:
            layer = get_channel_layer()
            channel = await layer.new_channel()
            await layer.group_add(station_group(station.pk), channel)
            await asyncio.to_thread(_elsewhere, lambda: request_reset(station.pk))
            entry = services.Entry(station_id=station.pk, protocol="1.6", connected_at=NOON)
            await asyncio.to_thread(_elsewhere, lambda: services.connect_stations([entry]))
            heard = [await asyncio.wait_for(layer.receive(channel), 5) for _ in range(2)]
            await layer.flush()
            return heard

        assert asyncio.run(listen()) == [
            {"type": "station.commands", "station_id": station.pk},
            {"type": "station.connected", "station_id": station.pk, "connection_no": 1},
        ]

    def test_are_not_sent_by_what_is_rolled_back(self, django_capture_on_commit_callbacks):
        station = make_station()

        with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
            request_reset(station.pk)
            transaction.set_rollback(True)

        assert callbacks == []
        assert not StationCommand.objects.exists()

    def test_may_be_lost_without_losing_the_command(self, settings, caplog):
        settings.CHANNEL_LAYERS = {
            "default": {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": ["redis://127.0.0.1:1"]},
            }
        }
        station = make_station()

        with caplog.at_level(logging.WARNING, logger="apps.stations.wakeups"):
            request_reset(station.pk)
            deadline = time.monotonic() + 5
            while len(caplog.records) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)

        assert StationCommand.objects.get().status == "requested"
        assert [record.args[2] for record in caplog.records] == [1, 2]


def _elsewhere(work: Callable[[], object]) -> object:
    try:
        return work()
    finally:
        connections.close_all()
