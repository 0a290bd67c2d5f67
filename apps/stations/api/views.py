"""Stations of the organisation the request acts in."""

from typing import Any

from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.domain.scopes import Scope
from apps.accounts.scope import readable_rows
from apps.stations.api.serializers import StationSerializer
from apps.stations.models import ChargingStation


class StationViewSet(ReadOnlyModelViewSet[ChargingStation]):
    """The stations you operate, each with its EVSEs and connectors; customers see none."""

    scope = Scope.SESSIONS
    queryset = ChargingStation.objects.none()
    serializer_class = StationSerializer
    ordering = ("identity",)
    lookup_field = "identity"
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> Any:
        stations = ChargingStation.objects.select_related("location").prefetch_related("evses__connectors")
        return readable_rows(self.request, stations)
