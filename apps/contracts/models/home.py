"""Charging at home: a fleet's agreement, its drivers, and which wallbox is at whose home from day to day.

What a wallbox meters for the fleet's cards is paid back to the driver and charged to the fleet: no supply of ours.
"""

import pgtrigger
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from stdnum import iban as ibans

from apps.accounts.models import validate_iban
from apps.accounts.tenancy import TenantModel
from apps.core.constraints import has_usual_day, is_rounded_money, never_overlap


class HomeAgreement(TenantModel):
    """What a fleet's contract agrees on for charging at home.

    tariff  its version in force at the start says what a kWh is worth to the driver; no VAT is on it
    fee     ours, net, for each driver and month with a statement: a taxed line of the fleet's invoice
    """

    TENANT = ("contract__seller", "contract__customer__organisation")

    class PaidBy(models.TextChoices):
        TRANSFER = "transfer", "By us, bank transfer"
        PAYROLL = "payroll", "By the employer's payroll"

    contract = models.OneToOneField("contracts.Contract", on_delete=models.PROTECT, related_name="home_agreement")
    tariff = models.ForeignKey(
        "tariffs.Tariff",
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="reimbursement tariff",
        help_text="What the driver gets for each kWh. A new price is a new version of it.",
    )
    paid_by = models.CharField("drivers are paid", max_length=8, choices=PaidBy.choices, default=PaidBy.TRANSFER)
    currency = models.CharField(max_length=3, editable=False, help_text="The seller's.")
    fee = models.DecimalField(
        max_digits=20,
        decimal_places=6,
        default=0,
        validators=[MinValueValidator(0)],
        help_text="Net, for each driver and month; on the fleet's next invoice. 0: none.",
    )

    class Meta:
        verbose_name = "agreement on charging at home"
        verbose_name_plural = "agreements on charging at home"
        ordering = ["contract"]
        constraints = [
            models.CheckConstraint(condition=Q(fee__gte=0), name="home_fee_is_not_negative"),
            is_rounded_money("fee", name="home_fee_is_rounded"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="home_agreement_within_one_seller",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF (SELECT owner_id FROM tariffs_tariff WHERE id = NEW.tariff_id)
                       <> (SELECT seller_id FROM contracts_contract WHERE id = NEW.contract_id) THEN
                        RAISE EXCEPTION 'the reimbursement tariff is of another seller'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return str(self.contract)


class HomeDriver(TenantModel):
    """Whom a fleet pays back. iban: personal, shown masked · payroll_number: as the employer's payroll calls them"""

    TENANT = ("agreement__contract__seller", "agreement__contract__customer__organisation")

    agreement = models.ForeignKey(HomeAgreement, on_delete=models.PROTECT, related_name="drivers")
    name = models.CharField(max_length=70, help_text="The account holder, as the bank knows them.")
    email = models.EmailField(blank=True)
    language = models.CharField(
        max_length=2, choices=[("en", "English"), ("de", "German"), ("fr", "French"), ("nl", "Dutch")], default="en"
    )
    iban = models.CharField(
        "IBAN", max_length=34, blank=True, validators=[validate_iban], help_text="Needed to pay by bank transfer."
    )
    payroll_number = models.CharField(max_length=30, blank=True, help_text="Needed where payroll pays.")

    class Meta:
        verbose_name = "driver paid back"
        verbose_name_plural = "drivers paid back"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["agreement", "name"], name="home_driver_named_once"),
            models.CheckConstraint(
                condition=Q(iban="") | Q(iban__regex=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$"),
                name="home_driver_iban_is_compact",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def masked_iban(self) -> str:
        """The account as a person may see it: country and last four; "" = none."""
        return f"{self.iban[:2]}…{self.iban[-4:]}" if self.iban else ""

    def clean(self) -> None:
        self.iban = ibans.compact(self.iban)

    def save(self, *args: object, **kwargs: object) -> None:
        self.iban = ibans.compact(self.iban)
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class HomeCharger(TenantModel):
    """A station of the seller's that is a driver's wallbox from a local day on, until before another (null = open)."""

    TENANT = ("driver__agreement__contract__seller", "driver__agreement__contract__customer__organisation")

    driver = models.ForeignKey(HomeDriver, on_delete=models.PROTECT, related_name="chargers")
    station = models.ForeignKey("stations.ChargingStation", on_delete=models.PROTECT, related_name="+")
    first_day = models.DateField()
    end_day = models.DateField(null=True, blank=True, help_text="First day without it. Empty: until further notice.")

    class Meta:
        verbose_name = "wallbox at home"
        verbose_name_plural = "wallboxes at home"
        ordering = ["driver", "first_day"]
        constraints = [
            models.CheckConstraint(
                condition=Q(end_day__isnull=True) | Q(end_day__gt=F("first_day")),
                name="home_charger_ends_after_start",
                violation_error_message="It ends after it begins.",
            ),
            has_usual_day("first_day", name="home_charger_has_a_usual_year"),
            never_overlap(
                "station",
                name="home_charger_at_one_home_a_day",
                violation_error_message="This station is at somebody's home on these days: end that entry first.",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="home_charger_of_its_seller",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM contracts_homedriver d
                        JOIN contracts_homeagreement a ON a.id = d.agreement_id
                        JOIN contracts_contract c ON c.id = a.contract_id
                        JOIN stations_location l ON l.owner_id = c.seller_id
                        JOIN stations_chargingstation s ON s.location_id = l.id
                        WHERE d.id = NEW.driver_id AND s.id = NEW.station_id
                    ) THEN
                        RAISE EXCEPTION 'the wallbox is of another seller'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.station} at {self.driver}'s"
