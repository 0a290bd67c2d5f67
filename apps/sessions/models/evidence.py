"""What stations said of sessions, only ever added to: registers, measurements, states, signed values."""

from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.core.triggers import append_only
from apps.sessions.domain.commands import Measurand
from apps.sessions.domain.signed import Encoding, Moment, SignedFormat, Verdict
from apps.sessions.domain.states import ReportedState
from apps.sessions.models.sessions import ChargingSession


class MeterReading(TenantModel):
    """One register value of a session; the same value at the same instant is the same reading."""

    TENANT = ("session__seller", "session__contract__customer__organisation")

    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="readings")
    at = models.DateTimeField()
    energy_milliwh = models.BigIntegerField()
    context = models.CharField(max_length=24)
    frame_id = models.BigIntegerField(help_text="The raw frame that said so.")

    class Meta:
        ordering = ["session", "at", "energy_milliwh"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "at", "energy_milliwh"], name="reading_once_per_session_and_instant"
            )
        ]
        triggers = append_only("reading_append_only", what="meter readings")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.energy_milliwh} mWh"


class Measurement(TenantModel):
    """Power in milliwatts or current in milliamperes, over all phases, as the station measured it at ``at``.

    Kept only where the session's tariff asks for it: nothing else reads it, and most stations send two with each
    register value.
    """

    TENANT = ("session__seller", "session__contract__customer__organisation")

    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="measurements")
    at = models.DateTimeField()
    kind = models.CharField(max_length=7, choices=[(m.value, m.value) for m in Measurand])
    value_milli = models.BigIntegerField()
    frame_id = models.BigIntegerField(help_text="The raw frame that said so.")

    class Meta:
        ordering = ["session", "at", "kind", "value_milli"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "at", "kind", "value_milli"], name="measurement_once_per_session_and_instant"
            ),
            models.CheckConstraint(condition=Q(value_milli__gte=0), name="measurement_is_not_negative"),
        ]
        triggers = append_only("measurement_append_only", what="measurements")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.kind} {self.value_milli}"


class StateChange(TenantModel):
    """What the vehicle did from ``at`` on, as a message said; between messages nothing is assumed.

    A session's states go on after its stop, until its vehicle is gone.
    """

    TENANT = ("session__seller", "session__contract__customer__organisation")

    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="states")
    at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in ReportedState])
    frame_id = models.BigIntegerField()

    class Meta:
        ordering = ["session", "at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["session", "at", "state"], name="state_once_per_session_and_instant")
        ]
        triggers = append_only("state_append_only", what="state changes")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.state}"


class SignedRecord(TenantModel):
    """What a meter signed of a session, bit for bit as the station sent it, in whatever format.

    moment    which of the transaction's moments the message said it was
    raw       the record, wrapped as ``encoding`` says · sha256  of ``raw``, hexadecimal: the same record is kept once
    method, encoding_method, public_key  as the station named them; what is believed of them says a check
    """

    TENANT = ("session__seller", "session__contract__customer__organisation")

    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="signed_records")
    at = models.DateTimeField(help_text="The station's clock; when it came where that cannot be read.")
    received_at = models.DateTimeField()
    moment = models.CharField(max_length=5, choices=[(m.value, m.value) for m in Moment])
    format = models.CharField(max_length=7, choices=[(f.value, f.value) for f in SignedFormat])
    encoding = models.CharField(max_length=6, choices=[(e.value, e.value) for e in Encoding])
    raw = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    method = models.CharField(max_length=50, blank=True)
    encoding_method = models.CharField(max_length=50, blank=True)
    public_key = models.CharField(max_length=2500, blank=True)
    frame_id = models.BigIntegerField(help_text="The raw frame that held it.")

    class Meta:
        ordering = ["session", "at", "pk"]
        indexes = [models.Index(fields=["received_at"], name="signed_record_by_receipt")]
        constraints = [models.UniqueConstraint(fields=["session", "sha256"], name="signed_record_once_per_session")]
        triggers = append_only("signed_record_append_only", what="signed records")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.format} {self.moment}"


class SignatureCheck(TenantModel):
    """What checking a signed record came to; the latest counts, since keys become known later.

    engine      what decided, with its version · key  that verified it
    statement   what the record states (``domain.signed.Statement``) · meter, pagination  of it: a record of another
                session is found by them
    """

    TENANT = ("record__session__seller", "record__session__contract__customer__organisation")

    record = models.ForeignKey(SignedRecord, on_delete=models.PROTECT, related_name="checks")
    checked_at = models.DateTimeField()
    verdict = models.CharField(max_length=14, choices=[(v.value, v.value) for v in Verdict])
    reason = models.CharField(max_length=300)
    key = models.ForeignKey("stations.MeterKey", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    engine = models.CharField(max_length=60)
    meter = models.CharField(max_length=64, blank=True)
    pagination = models.CharField(max_length=64, blank=True)
    statement = models.JSONField()

    class Meta:
        ordering = ["record", "-pk"]
        indexes = [
            models.Index(
                fields=["meter", "pagination"], condition=Q(verdict="verified"), name="signature_check_by_meter"
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict="verified", key__isnull=False) | (~Q(verdict="verified") & Q(key__isnull=True)),
                name="signature_check_verified_by_a_key",
            )
        ]
        triggers = append_only("signature_check_append_only", what="signature checks")

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}"
