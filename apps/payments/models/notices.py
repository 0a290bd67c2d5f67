"""What was announced to customers before their account is debited."""

from django.db import models
from django.db.models import Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money
from apps.core.triggers import append_only
from apps.payments.models.methods import SavedMethod


class DebitNotice(TenantModel):
    """A SEPA debit that was announced: so much, not before then, under this mandate. Each try has its own.

    try_no       1 for the first debit of the invoice from this account, 2 for the next after it failed, …
    amount       gross; so much at most is debited on its strength
    debit_date   the day told, in the seller's zone · not_before  the instant from which the debit is made
    """

    TENANT = ("invoice__seller", "invoice__customer__organisation")

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="+")
    method = models.ForeignKey(SavedMethod, on_delete=models.PROTECT, related_name="+")
    try_no = models.PositiveSmallIntegerField()
    currency = models.CharField(max_length=3)
    amount = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    debit_date = models.DateField()
    not_before = models.DateTimeField()
    announced_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            # Two collections at once meet here, and a repeated one.
            models.UniqueConstraint(
                fields=["invoice", "method", "try_no", "amount"], name="debit_is_announced_once_per_try_and_amount"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="debit_notice_amount_is_positive"),
            is_rounded_money("amount", name="debit_notice_amount_is_rounded"),
        ]
        triggers = append_only("debit_notice_append_only", what="announcements of debits")

    def __str__(self) -> str:
        return f"{self.amount} from {self.method} on {self.debit_date}"
