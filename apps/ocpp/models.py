"""The raw log of the wire: what stations said and heard, what happened to their connections. Only ever added to."""

from django.db import models

from apps.accounts.tenancy import TenantModel
from apps.core.triggers import append_only


class Direction(models.TextChoices):
    """Seen from here."""

    IN = "in", "from the station"
    OUT = "out", "to the station"


class Frame(TenantModel):
    """One websocket message as it came or went, committed before anything acts on it.

    connection_no  the station's connection it travelled on
    action         OCPP action of a call; empty for an answer and for what could not be read
    payload        the whole text; bytes that are no text stand as base64, and ``note`` says so
    note           what was odd about it (schema verdict, superseded connection, …)
    """

    TENANT = ("station__location__owner",)

    station = models.ForeignKey("stations.ChargingStation", on_delete=models.PROTECT, related_name="+")
    connection_no = models.PositiveBigIntegerField()
    direction = models.CharField(max_length=3, choices=Direction.choices)
    received_at = models.DateTimeField(help_text="When it came here, or went.")
    message_id = models.CharField(max_length=36, blank=True)
    action = models.CharField(max_length=40, blank=True)
    payload = models.TextField()
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["station", "-received_at"], name="frame_by_station")]
        triggers = append_only("frame_append_only", what="frames")

    def __str__(self) -> str:
        return f"{self.station} {self.direction} {self.action or 'answer'} {self.message_id}"


class FrameHorizon(TenantModel):
    """Up to which key a station's frames were deleted because they were old; older ones may still be needed."""

    TENANT = ("station__location__owner",)

    station = models.OneToOneField("stations.ChargingStation", on_delete=models.PROTECT, related_name="+")
    deleted_to = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.station} to {self.deleted_to}"

    def set_deleted_to(self, frame_id: int) -> None:
        self.deleted_to = frame_id
        self.save(update_fields=["deleted_to"])


class EventKind(models.TextChoices):
    """What may happen to a station; ``REVIEW`` asks for a person."""

    BOOT = "boot", "booted"
    FAULT = "fault", "fault reported"
    SUPERSEDED = "superseded", "connection superseded by a newer one"
    REPLACED = "replaced", "replaced repeatedly"
    UNREADABLE = "unreadable", "frame that could not be read"
    UNSOLICITED = "unsolicited", "answer to no open command"
    THROTTLED = "throttled", "read more slowly"
    SECURITY = "security", "security event reported"
    REVIEW = "review", "needs a person"


class StationEvent(TenantModel):
    """Something an operator may want to see; ``frame_id`` is the frame that told it, if one did.

    address  from which the connection came that it is about, where that matters
    """

    TENANT = ("station__location__owner",)

    station = models.ForeignKey("stations.ChargingStation", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=EventKind.choices)
    text = models.CharField(max_length=500)
    frame_id = models.BigIntegerField(null=True, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["station", "-at"], name="station_event_by_station")]
        triggers = append_only("station_event_append_only", what="station events")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.station} {self.kind}"
