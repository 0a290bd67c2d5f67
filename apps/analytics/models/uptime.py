"""How long stations were there, by day."""

from django.db import models
from django.db.models import F, Q

from apps.accounts.tenancy import TenantModel


class StationDay(TenantModel):
    """A station's local day, once it is over: how long it was heard of without a fault, silent, or faulted.

    watched_ms  of the day: from when the station was first heard of · the three add up to it
    """

    TENANT = ("station__location__owner",)

    station = models.ForeignKey("stations.ChargingStation", on_delete=models.CASCADE, related_name="+")
    local_date = models.DateField()
    watched_ms = models.PositiveIntegerField()
    available_ms = models.PositiveIntegerField()
    offline_ms = models.PositiveIntegerField()
    faulted_ms = models.PositiveIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["local_date"], name="station_day_by_day"),
            # Few days are not whole: which stations were away longest is asked of these alone.
            models.Index(
                fields=["local_date"],
                include=["station", "offline_ms", "faulted_ms"],
                condition=Q(available_ms__lt=F("watched_ms")),
                name="station_day_not_whole",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["station", "local_date"], name="station_day_once"),
            models.CheckConstraint(
                condition=Q(watched_ms=F("available_ms") + F("offline_ms") + F("faulted_ms")),
                name="station_day_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.station_id} {self.local_date}"
