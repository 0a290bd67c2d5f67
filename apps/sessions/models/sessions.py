"""Grants, charging sessions, and stops and reservations that are about to become part of one."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.indexes import by_beginning
from apps.sessions.domain.commands import AuthorisationStatus, EndCommand
from apps.sessions.domain.reservations import ReservationStatus, advance_reservation
from apps.sessions.domain.status import SessionStatus, advance


def supply_end(of: str = "") -> Greatest:
    """Return until when a session supplied, as far as is known: its start while it runs; ``of``: the path to it.

    The local day of it is the one on which its price counts (``Cdr.tax_date``).
    """
    return Greatest(f"{of}started_at", f"{of}ended_at", f"{of}occupied_until")


class ChargingSession(TenantModel):
    """One OCPP transaction, whatever the protocol; or a reservation nobody came for, which has an end and no energy.

    transaction_id  ours, random positive 31-bit, unique per station; in OCPP 1.6 the station calls it that too
    transaction_ref  what the station itself calls it (OCPP 2.0.1), unique per station; null in 1.6
    begun_at, claimed_at  of a 2.0.1 transaction: what its Started event said, null = it has not come; and since when an
                    id token was told in it, null = none was, or only with its end. ``started_at`` is the latter if
                    known, else the former: nobody pays for what is before they asked
    contract        who pays; null = nobody (an unknown card), or a driver without a contract
    home_charger    the driver's wallbox at home: what it delivers is paid back, never billed
    tariff_version, time_zone  stored at the start; a change never reprices a running session
    review_reasons  sentences for an operator, collected from the start on; any leads to review when the session is
                    over, and a person's decision is added as the last
    reserved_from   since when the connector was kept for the driver: a charge's reservation ends where the charge
                    begins, an expired one is the whole session
    ended_by_rule   why it was ended at its last reading without its station's word: a flag for the operator; the
                    end that its station tells later replaces that one
    occupied_until  until when the vehicle is known to have stood there after the stop; said when it is settled
    late_evidence_at  when something arrived that its charge record does not know yet; null = nothing did
    is_under_calibration_law  as its station was at the start: only verified energy is billed, and no time
    """

    TENANT = ("seller", "contract__customer__organisation")

    class Kind(models.TextChoices):
        CHARGE = "charge", "Charge"
        RESERVATION = "reservation", "Expired reservation"

    kind = models.CharField(max_length=11, choices=Kind.choices, default=Kind.CHARGE)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    station = models.ForeignKey("stations.ChargingStation", on_delete=models.PROTECT, related_name="+")
    evse = models.ForeignKey("stations.Evse", on_delete=models.PROTECT, related_name="+")
    transaction_id = models.BigIntegerField()
    transaction_ref = models.CharField(max_length=36, null=True, blank=True)
    begun_at = models.DateTimeField(null=True, blank=True, editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    id_token = models.CharField(max_length=36, blank=True, help_text="As the station sent it, upper-cased and trimmed.")
    token = models.ForeignKey("contracts.IdToken", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    # Two of the indexes below begin with it.
    contract = models.ForeignKey(
        "contracts.Contract", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    vehicle = models.ForeignKey("contracts.Vehicle", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    cost_centre = models.ForeignKey(
        "contracts.CostCentre", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    home_charger = models.ForeignKey(
        "contracts.HomeCharger", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    authorisation = models.CharField(max_length=12, choices=[(s.value, s.value) for s in AuthorisationStatus])
    tariff_version = models.ForeignKey(
        "tariffs.TariffVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    time_zone = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=[(s.value, s.value) for s in SessionStatus])
    started_at = models.DateTimeField(help_text="The station's clock.")
    start_received_at = models.DateTimeField()
    start_frame_id = models.BigIntegerField(null=True, blank=True)
    meter_start_milliwh = models.BigIntegerField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_received_at = models.DateTimeField(null=True, blank=True)
    end_frame_id = models.BigIntegerField(null=True, blank=True)
    meter_stop_milliwh = models.BigIntegerField(null=True, blank=True)
    stop_reason = models.CharField(max_length=20, blank=True)
    ended_by_rule = models.CharField(max_length=200, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    reserved_from = models.DateTimeField(null=True, blank=True)
    occupied_until = models.DateTimeField(null=True, blank=True)
    late_evidence_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_under_calibration_law = models.BooleanField("under calibration law", default=False)
    review_reasons = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["-started_at", "-pk"]
        indexes = [
            models.Index(fields=["status"], condition=~Q(status="settled"), name="session_unsettled"),
            models.Index(fields=["seller", "-started_at"], name="session_by_seller"),
            models.Index(fields=["contract", "-started_at", "-id"], name="session_newest_of_contract"),
            models.Index(F("contract"), supply_end(), name="session_by_contract_and_end"),
            models.Index(fields=["evse", "started_at"], name="session_by_evse_and_start"),
            by_beginning("id_token", name="session_by_id_token"),
            models.Index(
                fields=["late_evidence_at"],
                condition=Q(late_evidence_at__isnull=False),
                name="session_with_late_evidence",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["station", "transaction_id"], name="session_transaction_unique_per_station"
            ),
            models.UniqueConstraint(
                fields=["station", "transaction_ref"],
                condition=Q(transaction_ref__isnull=False),
                name="session_transaction_ref_unique_per_station",
            ),
            models.CheckConstraint(
                condition=(Q(transaction_ref__isnull=False) & ~Q(transaction_ref=""))
                | Q(transaction_ref__isnull=True, begun_at__isnull=True, claimed_at__isnull=True),
                name="session_begun_and_claimed_are_of_a_named_transaction",
            ),
            models.UniqueConstraint(fields=["evse"], condition=Q(status="live"), name="session_one_live_per_evse"),
            models.CheckConstraint(
                condition=Q(transaction_id__gt=0, transaction_id__lt=2**31),
                name="session_transaction_is_positive_31_bit",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["live", "unresolved", "review"])
                | Q(status="ended", ended_at__isnull=False, end_received_at__isnull=False)
                | Q(status="settled", ended_at__isnull=False, settled_at__isnull=False),
                name="session_times_match_status",
            ),
            models.CheckConstraint(
                condition=~Q(status="review") | ~Q(review_reasons=[]), name="session_in_review_says_why"
            ),
            models.CheckConstraint(
                condition=Q(ended_by_rule="") | Q(ended_at__isnull=False), name="session_ended_by_rule_has_ended"
            ),
            models.CheckConstraint(
                condition=Q(occupied_until__isnull=True) | Q(ended_at__isnull=False, occupied_until__gte=F("ended_at")),
                name="session_is_not_left_before_it_ends",
            ),
            models.CheckConstraint(
                condition=Q(kind="reservation") | Q(start_frame_id__isnull=False),
                name="session_charge_has_a_start_frame",
            ),
            models.CheckConstraint(
                condition=Q(kind="charge", reserved_from__isnull=True)
                | Q(kind="charge", reserved_from__isnull=False, reserved_from__lte=F("started_at"))
                | Q(
                    kind="reservation",
                    reserved_from__isnull=False,
                    reserved_from__lte=F("started_at"),
                    ended_at__isnull=False,
                    ended_at=F("started_at"),
                    meter_start_milliwh__isnull=True,
                    meter_stop_milliwh__isnull=True,
                ),
                name="session_reserved_before_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.station} · {self.started_at:%Y-%m-%d %H:%M} UTC"

    @property
    def is_claimed(self) -> bool:
        """Whether somebody has asked to charge: a 2.0.1 transaction may begin as the cable goes in, and wait."""
        return self.transaction_ref is None or bool(self.id_token)

    @property
    def is_billable(self) -> bool:
        """Whether somebody agreed to pay for it: it was accepted, on a contract or an anonymous grant."""
        return self.authorisation == AuthorisationStatus.ACCEPTED and self.tariff_version_id is not None

    @property
    def is_anonymous(self) -> bool:
        """Whether a driver without a contract pays, from what was held on a card."""
        return self.is_billable and self.contract_id is None

    @property
    def payer(self) -> str:
        """Say who pays, to whoever runs the station."""
        if self.contract is not None:
            return str(self.contract)
        return "a driver without a contract" if self.is_anonymous else "nobody: it began without contract or payment"

    @property
    def record_purpose(self) -> str:
        """What its charge records are for (``Cdr.Purpose``): to be billed, or paid back."""
        return "reimbursement" if self.home_charger_id is not None else "retail"

    @property
    def may_run(self) -> bool:
        """Whether it may still deliver, as far as anybody knows."""
        return self.status in (SessionStatus.LIVE, SessionStatus.UNRESOLVED)

    @property
    def awaits_end(self) -> bool:
        """Whether its station may still say when it ended: it has not, and no person decided in its place."""
        return self.ended_at is None or bool(self.ended_by_rule and self.end_frame_id is None)

    def set_end(self, command: EndCommand, *, status: SessionStatus, reasons: Iterable[str]) -> None:
        """Take over what the station said of the end; many are saved at once by the caller."""
        self.status = status
        self.ended_at, self.end_received_at = command.ended_at, command.received_at
        self.end_frame_id, self.stop_reason = command.frame_id, command.reason[:20]
        self.meter_stop_milliwh = command.meter_stop_milliwh
        # What a rule took it to be until now ended elsewhere.
        self.occupied_until = None
        self.review_reasons = [*reasons]

    def set_ended_by_rule(
        self, *, ended_at: datetime, meter_stop_milliwh: int | None, rule: str, reasons: Iterable[str], at: datetime
    ) -> None:
        """End a session whose station does not say when it ended; with reasons it waits for a person."""
        self.review_reasons = [*self.review_reasons, *reasons]
        if self.status != SessionStatus.REVIEW:
            to = SessionStatus.REVIEW if self.review_reasons else SessionStatus.ENDED
            self.status = advance(SessionStatus(self.status), to)
        self.ended_at, self.end_received_at, self.meter_stop_milliwh = ended_at, at, meter_stop_milliwh
        self.ended_by_rule = rule[:200]
        self.save(
            update_fields=[
                *("status", "ended_at", "end_received_at", "meter_stop_milliwh", "ended_by_rule", "review_reasons")
            ]
        )

    def set_reopened(self, *, rule: str) -> None:
        """Let a session settle that waited for a person only because its stop is missing."""
        self.status = advance(SessionStatus(self.status), SessionStatus.ENDED)
        self.review_reasons, self.ended_by_rule = [], rule[:200]
        self.save(update_fields=["status", "review_reasons", "ended_by_rule"])

    def set_late_evidence(self, at: datetime | None) -> None:
        self.late_evidence_at = at
        self.save(update_fields=["late_evidence_at"])

    def set_settled(self, *, at: datetime, decision: str = "") -> None:
        """Settle the session; a person's decision is kept beside what led to the review, and goes before any rule."""
        self.status, self.settled_at = advance(SessionStatus(self.status), SessionStatus.SETTLED), at
        self.review_reasons = [*self.review_reasons, *filter(None, [decision])]
        self.ended_by_rule = "" if decision else self.ended_by_rule
        self.save(update_fields=["status", "settled_at", "review_reasons", "ended_by_rule"])

    def set_in_review(self, *, reasons: Iterable[str]) -> None:
        self.status = advance(SessionStatus(self.status), SessionStatus.REVIEW)
        self.review_reasons = [*self.review_reasons, *reasons]
        self.save(update_fields=["status", "review_reasons"])

    def set_ended_unsaid(self, *, ended_at: datetime, at: datetime) -> None:
        """Close a session whose station never said when it ended, at its last evidence."""
        self.ended_at, self.end_received_at = ended_at, at
        self.save(update_fields=["ended_at", "end_received_at"])


class StartGrant(TenantModel):
    """The permission to charge once, written before the start by whoever lets it happen.

    token_hash    SHA-256 of the normalised id token, hexadecimal
    limit_amount  gross ceiling; null = none · waive_below  gross amount below which nothing is charged
    discount_percent  of a membership tier, off every component; null = none
    free_reason   why it costs nothing, as the card says ("Staff"); the discount is then the whole
    reserved_amount  gross, of the contract's spending limit, until the session has its price (reservation_ended_at);
                  the session is stopped before it costs more, but unlike the ceiling it cuts nothing; null = none
    contract      the payer; null = anonymous · language  in which an anonymous payer is written to
    closed_at     when its money was given back unused: no start takes it any more, whatever the station's clock says
    """

    TENANT = ("seller", "contract__customer__organisation")

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    station = models.ForeignKey("stations.ChargingStation", on_delete=models.PROTECT, related_name="+")
    evse = models.ForeignKey("stations.Evse", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    token_hash = models.CharField(max_length=64)
    tariff_version = models.ForeignKey("tariffs.TariffVersion", on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(
        "contracts.Contract", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    language = models.CharField(max_length=2, blank=True, help_text="Of an anonymous payer's documents.")
    currency = models.CharField(max_length=3)
    limit_amount = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    waive_below = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    reserved_amount = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    reservation_ended_at = models.DateTimeField(null=True, blank=True)
    discount_percent = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    free_reason = models.CharField(max_length=80, blank=True)
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    used_by_session = models.OneToOneField(
        ChargingSession, null=True, blank=True, on_delete=models.PROTECT, related_name="grant"
    )

    class Meta:
        indexes = [
            models.Index(fields=["station", "token_hash"], name="grant_by_station_and_token"),
            models.Index(
                fields=["contract"],
                condition=Q(reserved_amount__isnull=False, reservation_ended_at__isnull=True),
                name="grant_that_reserves",
            ),
        ]
        constraints = [
            is_rounded_money("limit_amount", "waive_below", "reserved_amount", name="grant_amounts_are_rounded"),
            models.CheckConstraint(
                condition=Q(reserved_amount__isnull=True, reservation_ended_at__isnull=True)
                | Q(reserved_amount__isnull=False, reserved_amount__gt=0, contract__isnull=False),
                name="grant_reserves_of_a_contract",
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("granted_at")), name="grant_expires_after_it_is_given"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(used_by_session__isnull=True), name="grant_closed_is_never_used"
            ),
            models.CheckConstraint(
                condition=Q(discount_percent__isnull=True) | Q(discount_percent__gt=0, discount_percent__lte=100),
                name="grant_discount_is_a_percentage",
            ),
            models.CheckConstraint(
                condition=Q(free_reason="") | Q(discount_percent__isnull=False, discount_percent=100),
                name="grant_for_free_takes_off_everything",
            ),
        ]

    def __str__(self) -> str:
        return f"grant {self.pk} at {self.station}"


class WaitingStop(TenantModel):
    """A stop that named no transaction of ours (OCPP 1.6), kept until its session is known.

    transaction_id  as told: −1, 0 or a number of the station's own · id_token  normalised; "" = it named no card
    told            the whole command (``domain.kept``), carried out when the session is known
    session         which it has ended; null = it waits
    """

    TENANT = ("station__location__owner",)

    station = models.ForeignKey("stations.ChargingStation", on_delete=models.PROTECT, related_name="+")
    transaction_id = models.BigIntegerField()
    id_token = models.CharField(max_length=36, blank=True)
    ended_at = models.DateTimeField(help_text="The station's clock.")
    meter_stop_milliwh = models.BigIntegerField()
    received_at = models.DateTimeField()
    frame_id = models.BigIntegerField(help_text="The raw frame that said so.")
    told = models.JSONField()
    session = models.OneToOneField(
        ChargingSession, null=True, blank=True, on_delete=models.PROTECT, related_name="waiting_stop"
    )

    class Meta:
        verbose_name = "stop without a session"
        verbose_name_plural = "stops without a session"
        ordering = ["-received_at", "-pk"]
        indexes = [models.Index(fields=["received_at"], condition=Q(session__isnull=True), name="stop_waiting")]
        constraints = [
            models.UniqueConstraint(
                fields=["station", "transaction_id", "ended_at", "meter_stop_milliwh"], name="stop_kept_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.station} · {self.ended_at:%Y-%m-%d %H:%M} UTC"

    def set_taken(self, session: ChargingSession) -> None:
        self.session = session
        self.save(update_fields=["session"])


class Reservation(TenantModel):
    """A connector that a station keeps for a contract's card (OCPP ReserveNow), once the station has agreed.

    reservation_id  ours, random positive 31-bit, unique per station
    tariff_version  by which it is priced if nobody comes; a charge that uses it is priced by its own
    discount_percent  of the contract's membership tier; null = none
    reserved_at, expires_at  from when until when it is kept · closed_at  when it was used, given up or over
    used_by         the charge that used it · expired_session: the session of kind ``reservation`` that it became when
                    nobody came; both where the charge was told only after that
    """

    TENANT = ("seller", "contract__customer__organisation")

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    station = models.ForeignKey("stations.ChargingStation", on_delete=models.PROTECT, related_name="+")
    evse = models.ForeignKey("stations.Evse", on_delete=models.PROTECT, related_name="+")
    reservation_id = models.BigIntegerField()
    token = models.ForeignKey("contracts.IdToken", on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="+")
    tariff_version = models.ForeignKey("tariffs.TariffVersion", on_delete=models.PROTECT, related_name="+")
    discount_percent = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    status = models.CharField(
        max_length=9, choices=[(s.value, s.value) for s in ReservationStatus], default=ReservationStatus.OPEN
    )
    reserved_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    used_by = models.OneToOneField(
        ChargingSession, null=True, blank=True, on_delete=models.PROTECT, related_name="reservation"
    )
    expired_session = models.OneToOneField(
        ChargingSession, null=True, blank=True, on_delete=models.PROTECT, related_name="expired_reservation"
    )

    class Meta:
        ordering = ["-reserved_at", "-pk"]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(status="open"), name="reservation_open"),
            models.Index(fields=["contract", "evse"], name="reservation_by_contract"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["station", "reservation_id"], name="reservation_unique_per_station"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("reserved_at")), name="reservation_expires_after_it_is_made"
            ),
            models.CheckConstraint(
                condition=Q(status="open", closed_at__isnull=True, used_by__isnull=True, expired_session__isnull=True)
                | Q(
                    status="cancelled",
                    closed_at__isnull=False,
                    used_by__isnull=True,
                    expired_session__isnull=True,
                )
                | Q(status="expired", closed_at__isnull=False, used_by__isnull=True, expired_session__isnull=False)
                | Q(status="used", closed_at__isnull=False, used_by__isnull=False),
                name="reservation_is_used_or_expired_by_a_session",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.evse} · {self.reserved_at:%Y-%m-%d %H:%M} UTC"

    def set_closed(self, status: ReservationStatus, *, at: datetime, session: ChargingSession | None = None) -> None:
        """Use, expire or give up the reservation; ``session`` is the charge that used it, or what it became."""
        self.status, self.closed_at = advance_reservation(ReservationStatus(self.status), status), at
        if status is ReservationStatus.USED:
            self.used_by = session
        elif status is ReservationStatus.EXPIRED:
            self.expired_session = session
        self.save(update_fields=["status", "closed_at", "used_by", "expired_session"])
