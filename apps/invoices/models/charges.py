"""What a contract is billed once besides its sessions and its plan: shares of a community's costs, fees of statements.

Whoever writes one says what it is of (``key``); the next invoice of its contract lists it.
"""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import frozen
from apps.invoices.domain.charge_words import ChargeKind


class ContractCharge(TenantModel):
    """A service to be billed on a contract's next invoice; taken back by another of the negative amount.

    key       natural: what it is of, such as ``cost_share:17``
    facts     what its line says of it (``domain.charge_words``)
    last_day  by which VAT is reported; until it is over nothing is billed
    amount    net, or gross if ``tax_included``, ≠ 0
    line      that bills it; null = none yet
    """

    TENANT = ("contract__seller", "contract__customer__organisation")

    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in ChargeKind])
    facts = models.JSONField()
    first_day = models.DateField()
    last_day = models.DateField()
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    tax_included = models.BooleanField()
    line = models.OneToOneField(
        "invoices.InvoiceLine", null=True, blank=True, on_delete=models.SET_NULL, related_name="contract_charge"
    )

    class Meta:
        ordering = ["contract", "last_day", "pk"]
        indexes = [models.Index(fields=["contract"], condition=Q(line__isnull=True), name="charge_to_be_billed")]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="charge_days_are_forward"),
            models.CheckConstraint(condition=~Q(amount=0), name="charge_is_something"),
            is_rounded_money("amount", name="charge_is_rounded"),
        ]
        triggers = [
            *frozen("charge_frozen", what="charges of contracts", exempt=("line_id",)),
            pgtrigger.Trigger(
                name="charge_billed_once_on_its_contract",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="""
                    IF OLD.line_id IS DISTINCT FROM NEW.line_id AND EXISTS (
                        SELECT 1 FROM invoices_invoiceline l JOIN invoices_invoice i ON i.id = l.invoice_id
                        WHERE l.id = OLD.line_id AND i.status = 'issued'
                    ) THEN
                        RAISE EXCEPTION 'a charge is billed once' USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF EXISTS (
                        SELECT 1 FROM invoices_invoiceline l JOIN invoices_invoice i ON i.id = l.invoice_id
                        WHERE l.id = NEW.line_id AND i.contract_id IS DISTINCT FROM NEW.contract_id
                    ) THEN
                        RAISE EXCEPTION 'a charge is billed on its own contract'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.key
