"""What each account took and gave in a month: entries added up once, since no entry ever changes."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import TruncMonth

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import is_rounded_money


class AccountMonth(TenantModel):
    """The sums of an account's entries of a month of posting, by currency and VAT.

    Only of entries up to a key; of an entity it is the highest ``through`` of its accounts. The view
    ``ledger_month_sums`` adds those that came after it, in one look, so that it is always whole.

    debit, credit  ≥ 0
    through        key of the last entry that was looked at when this was added to
    """

    TENANT = ("account__entity",)

    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()
    currency = models.CharField(max_length=3)
    vat = models.CharField(max_length=16, blank=True)
    debit = models.DecimalField(max_digits=20, decimal_places=6)
    credit = models.DecimalField(max_digits=20, decimal_places=6)
    through = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "month", "currency", "vat"], name="account_month_once"),
            models.CheckConstraint(condition=Q(month=TruncMonth("month")), name="account_month_is_whole"),
            models.CheckConstraint(condition=Q(debit__gte=0, credit__gte=0), name="account_month_is_not_negative"),
            is_rounded_money("debit", "credit", name="account_month_is_rounded"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.month:%Y-%m} {self.currency}"
