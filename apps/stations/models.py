"""The hardware: locations, charging stations, EVSEs, connectors, their pay codes, and the commands sent to them.

OCPP's names. A station's key is stored only as HMAC-SHA-256; a command row is the truth, the wire follows it. Which
public key belongs to a meter says its owner, never the wire.
"""

from datetime import datetime, timedelta
from typing import Any

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django_countries.fields import CountryField

from apps.accounts.models import HELP_NUMBER, User, validate_zone
from apps.accounts.tenancy import TenantModel
from apps.core.domain.exact_json import ExactDecoder, ExactEncoder
from apps.core.triggers import frozen
from apps.stations.domain.display import PriceDisplay
from apps.stations.domain.door import SecurityProfile
from apps.stations.domain.redaction import MASK
from apps.stations.domain.status import CommandStatus, ConnectorStatus, RegistrationStatus
from apps.stations.sealing import unseal
from apps.stations.shows_prices import ShowsPrices

IDENTITY = RegexValidator(
    r"^[A-Za-z0-9*\-_=+|@.:]{1,48}\Z", "1–48 characters of A–Z a–z 0–9 * - _ = + | @ . : (OCPP identity)."
)

ONLINE_FOR = timedelta(seconds=90)
"""How long a station counts as online after it was last heard of: three times what ``last_seen_at`` is written."""


class Location(TenantModel):
    """A site with one address and one time zone; tariff windows are local to it."""

    TENANT = ("owner",)

    owner = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    street = models.CharField(max_length=200)
    postcode = models.CharField(max_length=20)
    city = models.CharField(max_length=100)
    country = CountryField()
    time_zone = models.CharField(max_length=64, validators=[validate_zone])
    help_number = models.CharField(
        max_length=20, blank=True, validators=[HELP_NUMBER], help_text="Whom drivers call here. Empty: the owner's."
    )

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="location_name_unique_per_owner")]

    def __str__(self) -> str:
        return self.name

    @property
    def called_number(self) -> str:
        """Whom drivers call here; "" where nobody has said."""
        return self.help_number or str(self.owner.help_number)


PROTOCOLS = [("1.6", "OCPP 1.6J"), ("2.0.1", "OCPP 2.0.1")]
SECURITY_PROFILES = [
    (SecurityProfile.BASIC.value, "1: key"),
    (SecurityProfile.BASIC_OVER_TLS.value, "2: key over TLS"),
    (SecurityProfile.CLIENT_CERTIFICATE.value, "3: client certificate over TLS"),
]


class ChargingStation(TenantModel, ShowsPrices):
    """One charger, known by its OCPP identity. ``connection_no`` counts its authenticated sockets; the newest wins.

    protocol          which it spoke last · only_protocol: the one it may speak; "" = the newest that it offers
    security_profile  the lowest by which it is let in · used_profile: by which it came last
    new_key_hash      of the key that ``new_key_command`` brings it; from its first use that is the key
    """

    TENANT = ("location__owner",)

    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="stations")
    identity = models.CharField(max_length=48, unique=True, validators=[IDENTITY])
    key_hash = models.CharField(max_length=64, editable=False, help_text="HMAC-SHA-256 of the key, hexadecimal.")
    new_key_hash = models.CharField(max_length=64, blank=True, editable=False)
    new_key_command = models.ForeignKey(
        "stations.StationCommand", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    security_profile = models.PositiveSmallIntegerField(
        choices=SECURITY_PROFILES,
        default=SecurityProfile.BASIC.value,
        help_text="The least that lets this station in; one that comes by a lower profile is refused.",
    )
    used_profile = models.PositiveSmallIntegerField(
        choices=SECURITY_PROFILES, null=True, blank=True, editable=False, help_text="By which it came last."
    )
    certificate_serial = models.CharField(
        max_length=64, blank=True, help_text="CN of its client certificate: the serial number (security profile 3)."
    )
    certificate_operator = models.CharField(
        max_length=64, blank=True, help_text="O of its client certificate. Empty: the owner's legal name."
    )
    protocol = models.CharField(max_length=8, choices=PROTOCOLS, default="1.6")
    only_protocol = models.CharField(
        max_length=8, choices=PROTOCOLS, blank=True, help_text="Empty: the newest version that the station offers."
    )
    registration = models.CharField(
        max_length=10,
        choices=[(s.value, s.value) for s in RegistrationStatus],
        default=RegistrationStatus.ACCEPTED,
    )
    vendor = models.CharField(max_length=50, blank=True)
    model = models.CharField(max_length=50, blank=True)
    serial_number = models.CharField(max_length=50, blank=True)
    firmware_version = models.CharField(max_length=50, blank=True)
    is_under_calibration_law = models.BooleanField(
        "under calibration law",
        default=False,
        help_text="Bill only energy whose signed meter values are verified, and no time (German Eichrecht).",
    )
    connection_no = models.PositiveBigIntegerField(default=0, editable=False)
    connected_at = models.DateTimeField(null=True, blank=True, editable=False)
    disconnected_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["identity"]
        constraints = [
            # Compared exactly on the wire; two that differ only in case are somebody's mistake.
            models.UniqueConstraint(Lower("identity"), name="station_identity_unique_without_case"),
            models.CheckConstraint(
                condition=Q(security_profile__in=[1, 2]) | (Q(security_profile=3) & ~Q(certificate_serial="")),
                name="station_with_certificate_names_its_serial",
            ),
            models.CheckConstraint(
                condition=Q(new_key_hash="", new_key_command__isnull=True)
                | (~Q(new_key_hash="") & Q(new_key_command__isnull=False)),
                name="station_new_key_has_its_command",
            ),
            models.CheckConstraint(
                condition=Q(price_display__in=[choice.value for choice in PriceDisplay]),
                name="station_price_display_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.identity

    def set_key_hash(self, key_hash: str) -> None:
        """Make this the only key."""
        self.key_hash, self.new_key_hash, self.new_key_command = key_hash, "", None
        self.save(update_fields=["key_hash", "new_key_hash", "new_key_command"])

    def set_new_key(self, *, key_hash: str, command: "StationCommand") -> None:
        """Let a key in beside the one in use, for ``command`` brings it to the station."""
        self.new_key_hash, self.new_key_command = key_hash, command
        self.save(update_fields=["new_key_hash", "new_key_command"])

    def count_connection(self, *, protocol: str, profile: SecurityProfile, at: datetime) -> None:
        """Count one more authenticated socket; the caller writes it, with others' (``connect_stations``)."""
        self.connection_no += 1
        self.protocol, self.used_profile = protocol, profile.value
        self.connected_at, self.last_seen_at, self.disconnected_at = at, at, None

    def is_online(self, at: datetime) -> bool:
        """Say whether the station holds a socket at ``at``.

        A socket that closes is noted at once; the word of a process that died counts for ``ONLINE_FOR``.
        """
        is_closed = self.disconnected_at is not None
        return not is_closed and self.last_seen_at is not None and at - self.last_seen_at < ONLINE_FOR

    def set_booted(self, *, vendor: str, model: str, serial_number: str, firmware_version: str, at: datetime) -> None:
        self.vendor, self.model, self.serial_number = vendor, model, serial_number
        self.firmware_version, self.last_seen_at = firmware_version, at
        self.save(update_fields=["vendor", "model", "serial_number", "firmware_version", "last_seen_at"])


class Evse(TenantModel):
    """An independently operated charging point; OCPP 1.6's connectorId n is EVSE n with its connectors."""

    TENANT = ("station__location__owner",)

    station = models.ForeignKey(ChargingStation, on_delete=models.PROTECT, related_name="evses")
    number = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1)], help_text="OCPP evse.id, 1.6: connectorId."
    )

    class Meta:
        verbose_name = "EVSE"
        ordering = ["station", "number"]
        constraints = [
            models.UniqueConstraint(fields=["station", "number"], name="evse_number_unique_per_station"),
            models.CheckConstraint(condition=Q(number__gte=1), name="evse_number_starts_at_one"),
        ]

    def __str__(self) -> str:
        return f"{self.station} / {self.number}"


class Connector(TenantModel):
    """One outlet or cable of an EVSE and the last status it reported.

    plugs_first  the station starts only what is plugged in already, so drivers are asked to plug in before they pay
    """

    TENANT = ("evse__station__location__owner",)

    evse = models.ForeignKey(Evse, on_delete=models.PROTECT, related_name="connectors")
    number = models.PositiveSmallIntegerField(default=1)
    kind = models.CharField(
        max_length=20,
        choices=[("type2", "Type 2"), ("ccs2", "CCS 2"), ("chademo", "CHAdeMO")],
        default="type2",
    )
    max_power_w = models.PositiveIntegerField("max power (W)", validators=[MinValueValidator(1)])
    plugs_first = models.BooleanField(
        "plug in before paying",
        default=False,
        help_text="For stations that start only what is plugged in: drivers plug in first, then pay.",
    )
    status = models.CharField(
        max_length=16,
        choices=[(s.value, s.value) for s in ConnectorStatus],
        default=ConnectorStatus.UNKNOWN,
        editable=False,
    )
    status_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["evse", "number"]
        constraints = [
            models.UniqueConstraint(fields=["evse", "number"], name="connector_number_unique_per_evse"),
            models.CheckConstraint(condition=Q(max_power_w__gt=0), name="connector_max_power_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.evse} ({self.get_kind_display()})"


class MeterKey(TenantModel):
    """The public key by which a meter's signed values are verified, adopted by its owner or waiting for that.

    A station may report a key; it counts from when a person has compared it with the meter's label and adopted it.
    Nothing replaces a key: another meter gets another key, the old one an end.

    evse        whose meter; null = each of the station's
    public_key  DER (SubjectPublicKeyInfo), hexadecimal · fingerprint  its SHA-256 · algorithm  the curve's name, or RSA
    valid_from, valid_to  when the meter was in use; null = open
    """

    TENANT = ("station__location__owner",)

    class Source(models.TextChoices):
        OWNER = "owner", "typed by its owner"
        STATION = "station", "reported by the station"

    station = models.ForeignKey(ChargingStation, on_delete=models.PROTECT, related_name="meter_keys")
    evse = models.ForeignKey(Evse, null=True, blank=True, on_delete=models.PROTECT, related_name="meter_keys")
    public_key = models.CharField(max_length=2500)
    fingerprint = models.CharField(max_length=64)
    algorithm = models.CharField(max_length=40)
    source = models.CharField(max_length=7, choices=Source.choices)
    known_at = models.DateTimeField(help_text="When it was typed or first reported.")
    adopted_at = models.DateTimeField(null=True, blank=True)
    adopted_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_to = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["station", "evse", "-known_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["station", "fingerprint"], condition=Q(evse__isnull=True), name="meter_key_once_per_station"
            ),
            models.UniqueConstraint(
                fields=["evse", "fingerprint"], condition=Q(evse__isnull=False), name="meter_key_once_per_evse"
            ),
            models.CheckConstraint(
                condition=Q(adopted_at__isnull=True, adopted_by__isnull=True, source="station")
                | Q(adopted_at__isnull=False, adopted_by__isnull=False),
                name="meter_key_is_adopted_by_a_person",
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="meter_key_ends_after_it_begins",
            ),
        ]
        triggers = frozen(
            "meter_key_frozen", what="meter keys", exempt=("adopted_at", "adopted_by_id", "valid_from", "valid_to")
        )

    def __str__(self) -> str:
        return f"{self.short_fingerprint} of {self.evse or self.station}"

    @property
    def short_fingerprint(self) -> str:
        """What people compare; the whole key is on its page."""
        return self.fingerprint[:12]

    def set_adopted(self, *, by: User, at: datetime, valid_from: datetime | None) -> None:
        self.adopted_by, self.adopted_at, self.valid_from = by, at, valid_from
        self.save(update_fields=["adopted_by", "adopted_at", "valid_from"])

    def set_valid_to(self, at: datetime) -> None:
        self.valid_to = at
        self.save(update_fields=["valid_to"])


class PayCode(TenantModel):
    """The random code on a connector's sticker; its page shows the price and takes the driver's payment.

    code  22 characters of ``0-9A-Za-z``: 130 bit, so that nobody finds one by guessing
    """

    TENANT = ("connector__evse__station__location__owner",)

    connector = models.ForeignKey(Connector, on_delete=models.PROTECT, related_name="pay_codes")
    code = models.CharField(max_length=22, unique=True, editable=False)
    created_at = models.DateTimeField(editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["connector", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[0-9A-Za-z]{22}$"), name="pay_code_is_22_of_base62"),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True) | Q(revoked_at__gte=F("created_at")),
                name="pay_code_is_revoked_after_it_is_made",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.short_code} on {self.connector}"

    @property
    def short_code(self) -> str:
        """What people compare between sticker and page; too short to find the page by."""
        return self.code[:6].upper()


class StationCommand(TenantModel):
    """A command down to a charger: requested → sent → accepted | rejected | timed_out. The row is the truth.

    payload, answer  with their secrets masked · sealed: the payload as it is to be sent, encrypted, where it holds
                     a secret; gone when the command ends
    topic    of a notice, what it is about, such as ``cost:1``: a station has one notice a topic, the newest takes the
             place of the one before, and it is sent when no command waits; "": a command like any other
    stamp    of a notice, which state of affairs it tells, so that the same is not told twice
    """

    TENANT = ("station__location__owner",)

    station = models.ForeignKey(ChargingStation, on_delete=models.PROTECT, related_name="commands")
    action = models.CharField(max_length=40, help_text="OCPP action, e.g. RemoteStartTransaction.")
    payload = models.JSONField(encoder=ExactEncoder, decoder=ExactDecoder)
    sealed = models.TextField(blank=True, editable=False)
    reason = models.CharField(max_length=200, blank=True, help_text="Why, where it is not a person's own wish.")
    status = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in CommandStatus], default=CommandStatus.REQUESTED
    )
    message_id = models.CharField(max_length=36, blank=True)
    requested_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(null=True, blank=True, encoder=ExactEncoder, decoder=ExactDecoder)
    topic = models.CharField(max_length=24, blank=True, editable=False)
    stamp = models.CharField(max_length=64, blank=True, editable=False)
    requested_by = models.ForeignKey(
        "accounts.User",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Null: the system.",
    )

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["station"],
                condition=Q(status__in=["requested", "sent"]),
                name="command_open_by_station",
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="requested", sent_at__isnull=True, ended_at__isnull=True)
                | Q(status="sent", sent_at__isnull=False, ended_at__isnull=True)
                | Q(status__in=["accepted", "rejected", "timed_out"], ended_at__isnull=False),
                name="command_times_match_status",
            ),
            models.CheckConstraint(
                condition=Q(sealed="") | Q(status__in=["requested", "sent"]), name="command_ended_keeps_no_secret"
            ),
            models.UniqueConstraint(fields=["station", "topic"], condition=~Q(topic=""), name="notice_one_a_topic"),
            models.CheckConstraint(
                condition=Q(topic="", stamp="") | (~Q(topic="") & ~Q(stamp="")), name="notice_says_what_it_tells"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} → {self.station} ({self.status})"

    def set_ended(self, *, status: CommandStatus, answer: dict[str, object] | None, at: datetime) -> None:
        self.status, self.answer, self.ended_at, self.sealed = status, answer, at, ""
        self.save(update_fields=["status", "answer", "ended_at", "sealed"])

    def wire_payload(self) -> dict[str, Any]:
        """Return the payload as the station is to see it.

        :raises CannotUnseal: it holds a secret that can no longer be read
        """
        payload: dict[str, Any] = unseal(self.sealed) if self.sealed else self.payload
        return payload


class ConfigurationKey(TenantModel):
    """What a station last said of one of its settings (OCPP 1.6 §9, 2.0.1 part 2 appendix 3).

    name   the configuration key; 2.0.1: ``Component[instance]@evse:connector.Variable[instance]``
    value  as reported; of a secret only whether something is set
    """

    TENANT = ("station__location__owner",)

    station = models.ForeignKey(ChargingStation, on_delete=models.CASCADE, related_name="configuration")
    name = models.CharField(max_length=200)
    value = models.TextField(blank=True)
    is_secret = models.BooleanField(default=False)
    is_readonly = models.BooleanField(null=True, blank=True, help_text="Null: the station did not say.")
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["station", "name"]
        constraints = [
            models.UniqueConstraint(fields=["station", "name"], name="configuration_key_once_per_station"),
            models.CheckConstraint(
                condition=Q(is_secret=False) | Q(value__in=["", MASK]), name="configuration_secret_is_masked"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.station}: {self.name}"


class OfflineAuthorisation(TenantModel):
    """What a station may decide without asking: its local list and its cache (OCPP 1.6 §3.5).

    requested_version  the highest list version that it was sent · held_version: that it said it took; 0 = no list
    cache_cleared_at   when it last said that its cache is empty; null = never
    """

    TENANT = ("station__location__owner",)

    station = models.OneToOneField(ChargingStation, on_delete=models.CASCADE, related_name="offline_authorisation")
    requested_version = models.PositiveIntegerField(default=0)
    held_version = models.PositiveIntegerField(default=0)
    held_at = models.DateTimeField(null=True, blank=True)
    cache_cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(held_version__lte=F("requested_version")), name="local_list_held_was_requested"
            )
        ]

    def __str__(self) -> str:
        return f"{self.station}: list {self.held_version}"


class LocalListEntry(TenantModel):
    """A card in a station's local list, as far as the station accepted what it was sent."""

    TENANT = ("station__location__owner",)

    station = models.ForeignKey(ChargingStation, on_delete=models.CASCADE, related_name="local_list")
    uid = models.CharField(max_length=36)

    class Meta:
        ordering = ["station", "uid"]
        indexes = [models.Index(fields=["uid"], name="local_list_by_uid")]
        constraints = [models.UniqueConstraint(fields=["station", "uid"], name="local_list_holds_a_card_once")]

    def __str__(self) -> str:
        return f"…{self.uid[-4:]} in {self.station}"
