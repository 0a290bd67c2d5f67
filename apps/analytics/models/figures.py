"""What sessions came to by local hour and by day: made of sessions and charge records, replaced, never added to."""

from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money


class CountedSession(TenantModel):
    """A settled session whose hours are counted, and the facts that they were counted from: others make it stale.

    cdr, credited  the current charge record, and what credit notes took back of it (net, ≤ 0)
    time_zone      the seller's, whose clock the hours are of
    """

    TENANT = ("session__seller",)

    session = models.OneToOneField(
        "charging_sessions.ChargingSession", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    cdr = models.ForeignKey("charging_sessions.Cdr", null=True, on_delete=models.CASCADE, related_name="+")
    credited = models.DecimalField(max_digits=20, decimal_places=6)
    contract = models.ForeignKey("contracts.Contract", null=True, on_delete=models.CASCADE, related_name="+")
    ended_at = models.DateTimeField(null=True)
    occupied_until = models.DateTimeField(null=True)
    meter_stop_milliwh = models.BigIntegerField(null=True)
    time_zone = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.session_id}"


class SessionHour(TenantModel):
    """What one local hour of the seller's clock has of one session.

    customer  null: an anonymous driver, or nobody, pays · tariff null: nobody pays
    sessions  1 in the hour in which it began · in_use_ms: until the vehicle was gone
    net       of the current charge record without what was credited; nothing where it is paid back (home charging)
    """

    TENANT = ("seller",)

    session = models.ForeignKey("charging_sessions.ChargingSession", on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()
    local_date = models.DateField()
    local_hour = models.PositiveSmallIntegerField()
    seller = models.ForeignKey("accounts.Organisation", on_delete=models.CASCADE, related_name="+")
    # The index over (seller, local_date) is what every question comes by; one for each key would be written for nobody.
    location = models.ForeignKey("stations.Location", on_delete=models.CASCADE, related_name="+", db_index=False)
    evse = models.ForeignKey("stations.Evse", on_delete=models.CASCADE, related_name="+", db_index=False)
    tariff = models.ForeignKey("tariffs.Tariff", null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    customer = models.ForeignKey(
        "contracts.Customer", null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    currency = models.CharField(max_length=3)
    sessions = models.PositiveSmallIntegerField()
    energy_milliwh = models.BigIntegerField()
    net = models.DecimalField(max_digits=20, decimal_places=6)
    in_use_ms = models.BigIntegerField()
    charging_ms = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["seller", "local_date"], name="session_hour_by_day")]
        constraints = [
            models.UniqueConstraint(fields=["session", "starts_at"], name="session_hour_once"),
            models.CheckConstraint(condition=Q(local_hour__lte=23), name="session_hour_is_of_a_day"),
            models.CheckConstraint(condition=Q(sessions__lte=1), name="session_hour_begins_at_most_one"),
            models.CheckConstraint(
                condition=Q(energy_milliwh__gte=0, in_use_ms__gte=0, charging_ms__gte=0),
                name="session_hour_is_not_negative",
            ),
            is_rounded_money("net", name="session_hour_net_is_rounded"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} {self.starts_at:%Y-%m-%d %H:%M} UTC"


class _Figure(TenantModel):
    """A seller's sum by one of the things that people ask by.

    key  of ``by``: the hour, or the row's; 0 = nobody, none
    """

    TENANT = ("seller",)

    class By(models.TextChoices):
        HOUR = "hour", "hour"
        SITE = "site", "site"
        TARIFF = "tariff", "tariff"
        CUSTOMER = "customer", "customer"
        CONNECTOR = "connector", "connector"

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    by = models.CharField(max_length=9, choices=By.choices)
    key = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    sessions = models.PositiveIntegerField()
    energy_milliwh = models.BigIntegerField()
    net = models.DecimalField(max_digits=20, decimal_places=6)
    in_use_ms = models.BigIntegerField()
    charging_ms = models.BigIntegerField()

    class Meta:
        abstract = True


class DayFigure(_Figure):
    """A local day, summed up from its ``SessionHour``."""

    local_date = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seller", "by", "local_date", "key", "currency"], name="day_figure_once"),
            is_rounded_money("net", name="day_figure_net_is_rounded"),
        ]

    def __str__(self) -> str:
        return f"{self.seller_id} {self.local_date} {self.by} {self.key}"


class MonthFigure(_Figure):
    """A month that is over, summed up from its ``DayFigure``; true while no ``StaleMonth`` names it.

    month  its first day
    """

    month = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seller", "by", "month", "key", "currency"], name="month_figure_once"),
            is_rounded_money("net", name="month_figure_net_is_rounded"),
        ]

    def __str__(self) -> str:
        return f"{self.seller_id} {self.month:%Y-%m} {self.by} {self.key}"


class StaleDay(TenantModel):
    """A seller's day of which an hour changed since its figures were summed up; written with the hour.

    changes  counted up by each, so that whoever changes an hour holds the row until it has committed
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    local_date = models.DateField()
    changes = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seller", "local_date"], name="stale_day_once")]

    def __str__(self) -> str:
        return f"{self.seller_id} {self.local_date}"


class StaleMonth(TenantModel):
    """A seller's month of which a day was summed up since the month was: what it came to is asked of its days."""

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    month = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seller", "month"], name="stale_month_once")]

    def __str__(self) -> str:
        return f"{self.seller_id} {self.month:%Y-%m}"
