"""Customers as personal accounts of the accountant's."""

import pgtrigger
from django.db import models
from django.db.models import Q

from apps.accounting.domain.debtors import FIRST, LAST
from apps.accounts.tenancy import TenantModel


class DebtorAccount(TenantModel):
    """The number under which an accountant knows a customer: drawn once, changed by a person until a file tells it.

    number      with nine digits (``domain.debtors``)
    decided_by  who changed it; null: as it was drawn
    told_at     when an export told it first; from then on it stays
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    customer = models.OneToOneField("contracts.Customer", on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    drawn_at = models.DateTimeField("drawn")
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    told_at = models.DateTimeField("first exported", null=True, blank=True)

    class Meta:
        verbose_name = "debtor account"
        ordering = ["seller", "number"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "number"], name="debtor_number_unique_per_seller"),
            models.CheckConstraint(condition=Q(number__range=(FIRST, LAST)), name="debtor_number_is_a_debtors"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="debtor_account_stays_once_told",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF TG_OP = 'DELETE' OR (NEW.seller_id, NEW.customer_id) <> (OLD.seller_id, OLD.customer_id)
                       OR OLD.told_at IS NOT NULL
                       AND (NEW.number <> OLD.number OR NEW.told_at IS DISTINCT FROM OLD.told_at) THEN
                        RAISE EXCEPTION 'a debtor''s number stays once a file has told it'
                        USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="debtor_account_is_of_its_sellers_customer",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (SELECT 1 FROM contracts_customer
                                   WHERE id = NEW.customer_id AND seller_id = NEW.seller_id) THEN
                        RAISE EXCEPTION 'a debtor is a customer of its seller' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer}"
