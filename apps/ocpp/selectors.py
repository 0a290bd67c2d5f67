"""What the edge reads by itself."""

from collections.abc import Collection

from apps.stations.models import ChargingStation


def connection_numbers(*, station_ids: Collection[int]) -> dict[int, int]:
    """Return the number of each station's newest authenticated socket, by station."""
    if not station_ids:
        return {}
    stations = ChargingStation.objects.filter(pk__in=station_ids).order_by()
    return dict(stations.values_list("pk", "connection_no"))
