"""Fees in advance: which part of an issued line is earned with which month."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import append_only


class DeferredFee(TenantModel):
    """So much of a line was not earned when it was issued, and is when the last of these days is over.

    Whether it is, the ledger says: by the journal ``deferred_fee:<pk>``.

    line    of a base fee, of what takes one back within its period, or of a credit note that does
    amount  net, signed as the line · vat: under which VAT it stands (``Vat.code``)
    """

    TENANT = ("line__invoice__seller", "line__invoice__customer__organisation")

    line = models.ForeignKey("invoices.InvoiceLine", on_delete=models.PROTECT, related_name="deferred")
    first_day = models.DateField()
    last_day = models.DateField()
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    vat = models.CharField("VAT", max_length=16)

    class Meta:
        ordering = ["line", "first_day"]
        constraints = [
            models.UniqueConstraint(fields=["line", "first_day"], name="deferred_fee_once_per_line_and_month"),
            models.CheckConstraint(condition=~Q(amount=0), name="deferred_fee_is_not_zero"),
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day"))
                & Q(last_day__year=F("first_day__year"), last_day__month=F("first_day__month")),
                name="deferred_fee_is_of_one_month",
            ),
            is_rounded_money("amount", name="deferred_fee_amount_is_rounded"),
        ]
        triggers = [
            *append_only("deferred_fee_append_only", what="deferred fees"),
            pgtrigger.Trigger(
                name="deferred_fee_within_its_issued_line",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    PERFORM 1 FROM invoices_invoiceline WHERE id = NEW.line_id FOR UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM invoices_invoiceline l JOIN invoices_invoice i ON i.id = l.invoice_id
                        CROSS JOIN LATERAL (SELECT NEW.amount + coalesce(sum(amount), 0) AS total
                                            FROM invoices_deferredfee WHERE line_id = l.id) d
                        WHERE l.id = NEW.line_id AND i.status = 'issued' AND i.currency = NEW.currency
                        AND sign(NEW.amount) = sign(l.net) AND abs(d.total) <= abs(l.net)
                    ) THEN
                        RAISE EXCEPTION 'no more of a line is deferred than an issued document states'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.first_day} to {self.last_day}"
