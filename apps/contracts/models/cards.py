"""What charges on a contract's account: cards, the vehicles and cost centres they belong to.

A card is in one contract of a seller at a time; what it names is its contract's customer's.
"""

import uuid

import pgtrigger
from django.contrib.postgres.functions import RandomUUID
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Func, Q

from apps.accounts.tenancy import TenantModel
from apps.contracts.domain.payers import CardKind
from apps.contracts.domain.tokens import normalise_uid
from apps.core.constraints import has_usual_years


class Vehicle(TenantModel):
    TENANT = ("customer__seller", "customer__organisation")

    customer = models.ForeignKey("contracts.Customer", on_delete=models.PROTECT, related_name="vehicles")
    plate = models.CharField(max_length=20)
    label = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["plate"]
        constraints = [models.UniqueConstraint(fields=["customer", "plate"], name="vehicle_plate_unique_per_customer")]

    def __str__(self) -> str:
        return f"{self.plate} ({self.label})" if self.label else self.plate


class CostCentre(TenantModel):
    """On what of a customer's books a card's sessions are told apart; its references are printed beside its sum."""

    TENANT = ("customer__seller", "customer__organisation")

    customer = models.ForeignKey("contracts.Customer", on_delete=models.PROTECT, related_name="cost_centres")
    code = models.CharField(max_length=20, help_text="As the customer's books call it, for example 4711.")
    name = models.CharField(max_length=60, blank=True)
    buyer_reference = models.CharField(
        max_length=60, blank=True, help_text="Who or what the customer's accounting looks for (BT-10)."
    )
    purchase_order = models.CharField(max_length=60, blank=True, help_text="The customer's own order (BT-13).")

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["customer", "code"], name="cost_centre_code_unique_per_customer"),
            models.CheckConstraint(condition=~Q(code=""), name="cost_centre_has_a_code"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}".strip()


class IdToken(TenantModel):
    """A card or fob. ``uid`` is stored upper-cased and trimmed, as it is compared.

    ``seller`` repeats the contract's, so that the database can refuse a token in two live contracts of one seller.
    valid_from, valid_to  of a guest's card, half-open in UTC; null = as long as the contract
    kind         whose card it is, for rules to tell apart; "" = nobody said
    driver_contract  the driver's own, billed for what the employer does not pay; null = none
    free_reason  why its sessions cost nothing, such as "Staff"; "" = they cost what the tariff says
    public_uid   how the API names it, since its number opens chargers
    blocked_as   who blocked it: "" = the seller or nobody, else its customer, who may then unblock it
    replaces     the retired card in whose stead it is
    """

    TENANT = ("seller", "contract__customer__organisation")

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        BLOCKED = "blocked", "Blocked"
        RETIRED = "retired", "Retired"

    class BlockedAs(models.TextChoices):
        UNUSED = "unused", "blocked by the customer"
        LOST = "lost", "reported lost"

    public_uid = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False)
    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+", editable=False)
    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="tokens")
    vehicle = models.ForeignKey(Vehicle, null=True, blank=True, on_delete=models.PROTECT, related_name="tokens")
    cost_centre = models.ForeignKey(CostCentre, null=True, blank=True, on_delete=models.PROTECT, related_name="tokens")
    driver = models.CharField(max_length=120, blank=True, help_text="Who carries the card.")
    kind = models.CharField(
        max_length=8,
        blank=True,
        choices=[
            (CardKind.EMPLOYEE.value, "Employee's card"),
            (CardKind.VISITOR.value, "Visitor's card"),
            (CardKind.POOL.value, "Pool vehicle's card"),
            (CardKind.PRIVATE.value, "Private card"),
        ],
        help_text="By which rules tell whether employer or driver pays.",
    )
    driver_contract = models.ForeignKey(
        "contracts.Contract",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The driver's own contract: what the employer does not pay is billed to it.",
    )
    uid = models.CharField(
        "UID",
        max_length=36,
        validators=[RegexValidator(r"^[\x21-\x7e]{1,36}\Z", "1–36 printable characters without spaces.")],
    )
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE)
    blocked_as = models.CharField(max_length=6, blank=True, choices=BlockedAs.choices, editable=False)
    valid_from = models.DateTimeField(null=True, blank=True, help_text="Empty: since the contract began.")
    valid_to = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Of a guest's card: from then on it starts no charge. Empty: no end.",
    )
    free_reason = models.CharField(
        "charges free, because",
        max_length=80,
        blank=True,
        help_text="For example: Staff. Its sessions are recorded and cost nothing. Empty: they are billed.",
    )
    replaces = models.OneToOneField(
        "self", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="replaced_by"
    )

    class Meta:
        verbose_name = "id token"
        ordering = ["uid"]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "uid"],
                condition=~Q(status="retired"),
                name="token_in_one_contract_of_a_seller",
            ),
            models.CheckConstraint(condition=Q(uid=Func(F("uid"), function="upper")), name="token_uid_is_upper_case"),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="token_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(blocked_as="") | Q(status="blocked", blocked_as__in=["unused", "lost"]),
                name="token_says_who_blocked_it_while_it_is",
            ),
            has_usual_years("valid_from", "valid_to", name="token_has_usual_years"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="token_names_what_is_its_customers",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                # Whose a vehicle, a cost centre or a card is stands in tables that no check constraint can read.
                func="""
                    IF EXISTS (
                        SELECT 1 FROM contracts_vehicle v, contracts_contract c
                        WHERE v.id = NEW.vehicle_id AND c.id = NEW.contract_id AND v.customer_id <> c.customer_id
                    ) OR EXISTS (
                        SELECT 1 FROM contracts_costcentre k, contracts_contract c
                        WHERE k.id = NEW.cost_centre_id AND c.id = NEW.contract_id AND k.customer_id <> c.customer_id
                    ) OR EXISTS (
                        SELECT 1 FROM contracts_idtoken t WHERE t.id = NEW.replaces_id AND t.seller_id <> NEW.seller_id
                    ) OR EXISTS (
                        SELECT 1 FROM contracts_contract d
                        WHERE d.id = NEW.driver_contract_id
                        AND (d.seller_id <> NEW.seller_id OR d.id = NEW.contract_id)
                    ) THEN
                        RAISE EXCEPTION 'a card names a vehicle, cost centre, contract or card of somebody else'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"…{self.uid[-4:]}"

    def clean(self) -> None:
        self.uid = normalise_uid(self.uid)

    def save(self, *args: object, **kwargs: object) -> None:
        self.uid = normalise_uid(self.uid)
        self.seller_id = self.contract.seller_id
        super().save(*args, **kwargs)  # type: ignore[arg-type]
